//! Rolled-up sums under random interleavings of everything that changes them: late outcomes and ratings, corrections,
//! deletions, re-processing, retrievals before and after their conversation, and runs of rolling up that read before and
//! write after a change. Every answer is what the rows say, and what was done.

mod model;

use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use turnwise::domain::conversation::{Conversation, Outcome, Usage};
use turnwise::domain::credit::{EntryUse, UseSource};
use turnwise::domain::ids::{ConversationId, EntryId, RetrievalId, TenantId};
use turnwise::domain::period::{Calendar, PeriodKind};
use turnwise::store::Store;
use turnwise::store::rolling_up::RollUp;
use uuid::Uuid;

use crate::store::fixtures::{LEARNED, at, begin, commit, conversation, entry, language, record};
use crate::store::rollups::{checked, filter, hours, periods, retrieval, roll_up, roll_up_all};
use crate::store::rollups_property::model::{Model, Reckoned};
use crate::store::{property_on_postgres, property_on_sqlite};

const ZONES: [Tz; 3] = [Tz::UTC, Tz::Europe__Berlin, Tz::Asia__Kolkata];
const OUTCOMES: [Option<Outcome>; 4] =
    [None, Some(Outcome::Successful), Some(Outcome::Unsuccessful), Some(Outcome::Excluded)];
const CATEGORIES: [Option<&str>; 3] = [None, Some("sales"), Some("support")];
const LANGUAGES: [Option<&str>; 3] = [None, Some("en"), Some("hi")];
/// Filters that are asked with, by number.
const FILTERS: usize = 8;
/// Ids of one case, at most.
const IDS: u128 = 10_000;

/// What a conversation, a record or an entry is like.
#[derive(Clone, Debug)]
struct Traits {
    hour: i64,
    /// Whether something was said in it; else only its record was imported.
    spoken: bool,
    agent: usize,
    channel: usize,
    language: usize,
    category: usize,
    outcome: usize,
    satisfaction: Option<i64>,
    cost_cents: Option<u8>,
}

/// One step of somebody.
#[derive(Clone, Debug)]
enum Step {
    /// A conversation is handed in, or a correction of it, perhaps under another name.
    HandIn { number: u128, traits: Traits, renamed: bool },
    /// It is analysed, or somebody corrects what was found.
    Analyse { number: u128, traits: Traits },
    /// What was found is taken back, and it waits to be learned from anew.
    TakeBack { number: u128 },
    /// Its rating is told, after it was handed in or without it.
    Rate { number: u128, stars: i64 },
    /// It is erased.
    Erase { number: u128 },
    /// An agent asks, naming a conversation that need not be there.
    Ask { number: Option<u128>, hour: i64 },
    /// What was shown in a conversation is settled; some of it was said.
    Settle { number: u128, said: bool },
    /// Retrievals that led to nothing are deleted.
    Prune { hour: i64 },
    /// An entry is made, changed or retired.
    Write { number: u128, traits: Traits },
    /// An entry is erased.
    Retire { number: u128 },
    /// A whole run of rolling up.
    RollUp,
    /// A run begins.
    Prepare,
    /// It writes what it has computed.
    WriteRollUp,
    /// All that was rolled up is forgotten.
    Drop,
    /// Somebody sets another time zone.
    Move { zone: usize },
    /// Somebody asks.
    Check { filter: usize, kind: usize },
}

fn traits() -> impl Strategy<Value = Traits> {
    let words = (0..2_usize, 0..2_usize, 0..LANGUAGES.len(), 0..CATEGORIES.len(), 0..OUTCOMES.len());
    (0..144_i64, prop::bool::weighted(0.8), words, option::of(1..=5_i64), option::of(0..9_u8)).prop_map(
        |(hour, spoken, (agent, channel, language, category, outcome), satisfaction, cost_cents)| Traits {
            hour,
            spoken,
            agent,
            channel,
            language,
            category,
            outcome,
            satisfaction,
            cost_cents,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let number = 1..7_u128;
    prop_oneof![
        5 => (number.clone(), traits(), prop::bool::ANY)
            .prop_map(|(number, traits, renamed)| Step::HandIn { number, traits, renamed }),
        4 => (number.clone(), traits()).prop_map(|(number, traits)| Step::Analyse { number, traits }),
        1 => number.clone().prop_map(|number| Step::TakeBack { number }),
        2 => (number.clone(), 1..=5_i64).prop_map(|(number, stars)| Step::Rate { number, stars }),
        1 => number.clone().prop_map(|number| Step::Erase { number }),
        6 => (option::of(number.clone()), 0..144_i64).prop_map(|(number, hour)| Step::Ask { number, hour }),
        2 => (number.clone(), prop::bool::ANY).prop_map(|(number, said)| Step::Settle { number, said }),
        1 => (0..144_i64).prop_map(|hour| Step::Prune { hour }),
        2 => (number.clone(), traits()).prop_map(|(number, traits)| Step::Write { number, traits }),
        1 => number.prop_map(|number| Step::Retire { number }),
        4 => Just(Step::RollUp),
        3 => Just(Step::Prepare),
        3 => Just(Step::WriteRollUp),
        1 => Just(Step::Drop),
        1 => (0..ZONES.len()).prop_map(|zone| Step::Move { zone }),
        4 => (0..FILTERS, 0..PeriodKind::ALL.len()).prop_map(|(filter, kind)| Step::Check { filter, kind }),
    ]
}

/// The rows of one case: a tenant of its own, in a database that all cases share.
struct World<'a> {
    store: &'a Store,
    tenant: TenantId,
    /// The number behind which ids of this case begin.
    base: u128,
    calendar: Calendar,
    /// What was done, beside the database.
    model: Model,
    entries: Vec<u128>,
    asked: u128,
    prepared: Option<RollUp>,
}

impl<'a> World<'a> {
    fn new(store: &'a Store, case: u128) -> Self {
        Self {
            store,
            tenant: TenantId::parse(&format!("case-{case}")).expect("a valid name"),
            base: case * IDS,
            calendar: Calendar::new(ZONES[0]),
            model: Model::default(),
            entries: Vec::new(),
            asked: 0,
            prepared: None,
        }
    }

    async fn take(&mut self, step: &Step) {
        let (store, tenant) = (self.store, self.tenant.clone());
        match step {
            Step::HandIn { number, traits, renamed } => self.hand_in(*number, traits, *renamed).await,
            Step::Analyse { number, traits } => self.analyse(*number, traits).await,
            Step::TakeBack { number } => {
                if self.model.knows(*number) {
                    let mut tx = begin(store).await;
                    tx.erase_derived(&tenant, self.id(*number), at(2)).await.expect("it answers");
                    tx.renew_conversation(&tenant, self.id(*number)).await.expect("it answers");
                    commit(tx).await;
                    self.model.analyse(*number, None);
                }
            }
            Step::Rate { number, stars } => {
                let mut tx = begin(store).await;
                tx.rate_conversation(&tenant, self.id(*number), *stars).await.expect("it answers");
                commit(tx).await;
                self.model.rate(*number, *stars);
            }
            Step::Erase { number } => {
                if self.model.knows(*number) {
                    let mut tx = begin(store).await;
                    tx.erase_conversation(&tenant, self.id(*number), at(2)).await.expect("it answers");
                    commit(tx).await;
                    self.model.erase(*number);
                }
            }
            Step::Ask { number, hour } => {
                self.asked += 1;
                let name = number.map(|number| self.name(number));
                let asked = retrieval(self.base + self.asked, name.as_deref(), hours(*hour));
                let mut tx = begin(store).await;
                tx.insert_retrievals(&tenant, std::slice::from_ref(&asked)).await.expect("it is stored");
                commit(tx).await;
                self.model.ask(asked);
            }
            Step::Settle { number, said } => self.settle(*number, *said).await,
            Step::Prune { hour } => {
                let mut tx = begin(store).await;
                tx.prune_retrievals(&tenant, hours(*hour), 100).await.expect("it answers");
                commit(tx).await;
                self.model.prune(hours(*hour));
            }
            Step::Write { number, traits } => self.write(*number, traits).await,
            Step::Retire { number } => {
                self.entries.retain(|known| known != number);
                let mut tx = begin(store).await;
                tx.erase_entry(&tenant, EntryId(self.uuid(*number)), at(2)).await.expect("it answers");
                commit(tx).await;
            }
            Step::RollUp => {
                roll_up(store, &tenant, &self.calendar).await;
            }
            Step::Prepare => {
                let run = store.prepare_roll_up(&tenant, &self.calendar).await.expect("it answers");
                self.prepared = Some(run);
            }
            Step::WriteRollUp => {
                let Some(run) = self.prepared.take() else { return };
                let mut tx = begin(store).await;
                if tx.write_roll_up(&tenant, &run).await.expect("it answers") {
                    commit(tx).await;
                } else {
                    tx.rollback().await.expect("it is undone");
                }
            }
            Step::Drop => {
                let mut tx = begin(store).await;
                tx.drop_roll_ups(&tenant).await.expect("it answers");
                commit(tx).await;
            }
            Step::Move { zone } => self.calendar = Calendar::new(ZONES[*zone]),
            Step::Check { filter: number, kind } => self.check(*number, PeriodKind::ALL[*kind]).await,
        }
    }

    /// Sums are what the rows say, and what was done.
    async fn check(&self, number: usize, kind: PeriodKind) {
        let (filter, spans) = (filter(number), periods(&self.calendar, kind));
        let told = checked(self.store, &self.tenant, &filter, (&self.calendar, kind)).await;
        let told: Vec<Reckoned> = told.iter().map(Reckoned::of).collect();
        let done: Vec<Reckoned> = spans.iter().map(|span| self.model.reckon(&filter, *span)).collect();
        assert_eq!(told, done, "{spans:?} {filter:?}");
    }

    /// All filters in all kinds of periods.
    async fn check_all(&self) {
        for kind in PeriodKind::ALL {
            for number in 0..FILTERS {
                self.check(number, *kind).await;
            }
        }
    }

    async fn hand_in(&mut self, number: u128, traits: &Traits, renamed: bool) {
        let name = if renamed { format!("other-{number}") } else { format!("call-{number}") };
        let given = self.conversation(number, name, traits);
        let mut tx = begin(self.store).await;
        if !self.model.knows(number) {
            assert!(tx.insert_conversation(&self.tenant, &given, at(1)).await.expect("it is stored"));
        } else {
            tx.erase_derived(&self.tenant, given.id, at(2)).await.expect("it answers");
            tx.replace_conversation(&self.tenant, &given, at(2)).await.expect("it is stored").expect("it was there");
        }
        commit(tx).await;
        self.model.hand_in(number, given);
    }

    async fn analyse(&mut self, number: u128, traits: &Traits) {
        if !self.model.knows(number) {
            return;
        }
        let mut found = record(self.id(number));
        found.outcome = OUTCOMES[traits.outcome].unwrap_or(Outcome::Partial);
        found.category = CATEGORIES[traits.category].unwrap_or("other").to_owned();
        found.language = language(LANGUAGES[traits.language].unwrap_or("fr"));
        found.success_score = traits.hour as f64 / 144.0;
        found.quality.resolution = traits.hour as f64 / 200.0;
        let mut tx = begin(self.store).await;
        tx.upsert_record(&self.tenant, &found).await.expect("it is stored");
        commit(tx).await;
        self.model.analyse(number, Some(found));
    }

    async fn settle(&mut self, number: u128, said: bool) {
        let name = self.name(number);
        let found = self.store.retrievals_of(&self.tenant, &[&name]).await.expect("it answers");
        let ids: Vec<RetrievalId> = found.iter().map(|retrieval| retrieval.id).collect();
        let shown = found.iter().flat_map(|r| r.exposures.iter().map(|shown| (r.id, shown.entry_id)));
        let uses = shown.filter(|_| said).map(|(retrieval, entry)| EntryUse {
            entry_id: entry,
            key: EntryUse::key_of_retrieval(retrieval),
            source: UseSource::Conversation,
            retrieval_id: Some(retrieval),
            conversation_ref: Some(name.clone()),
            success: None,
            used_at: at(1),
        });
        let uses: Vec<EntryUse> = uses.collect();
        let mut tx = begin(self.store).await;
        tx.settle_uses(&self.tenant, &name, &ids, &uses).await.expect("it is stored");
        commit(tx).await;
        self.model.settle(&name, said);
    }

    async fn write(&mut self, number: u128, traits: &Traits) {
        let mut written = entry(self.base + number);
        written.created_at = hours(traits.hour);
        written.category = CATEGORIES[traits.category].unwrap_or("other").to_owned();
        written.language = language(LANGUAGES[traits.language].unwrap_or("fr"));
        let mut tx = begin(self.store).await;
        if self.entries.contains(&number) {
            assert!(tx.update_entry(&self.tenant, &written).await.expect("it is stored"));
        } else {
            tx.insert_entry(&self.tenant, &written, LEARNED).await.expect("it is stored");
            self.entries.push(number);
        }
        commit(tx).await;
    }

    fn conversation(&self, number: u128, name: String, traits: &Traits) -> Conversation {
        let started_at = hours(traits.hour);
        let all = conversation(self.base + number);
        Conversation {
            turns: if traits.spoken { all.turns } else { Vec::new() },
            external_id: name,
            agent_id: ["anna", "ben"][traits.agent].to_owned(),
            channel: ["phone", "chat"][traits.channel].to_owned(),
            language: LANGUAGES[traits.language].map(language),
            category: CATEGORIES[traits.category].map(str::to_owned),
            started_at,
            ended_at: started_at.plus_millis(traits.hour * 1_000 + 5_000),
            outcome: OUTCOMES[traits.outcome],
            satisfaction: traits.satisfaction,
            usage: traits.cost_cents.map(|cents| Usage {
                prompt_tokens: i64::from(cents) * 100,
                completion_tokens: 7,
                cost_usd: f64::from(cents) / 100.0,
            }),
            ..all
        }
    }

    /// The name under which agents know a conversation: its own, or what it will be called.
    fn name(&self, number: u128) -> String {
        self.model.name(number).map_or_else(|| format!("call-{number}"), str::to_owned)
    }

    fn id(&self, number: u128) -> ConversationId {
        ConversationId(self.uuid(number))
    }

    fn uuid(&self, number: u128) -> Uuid {
        Uuid::from_u128(self.base + number)
    }
}

/// Runs many interleavings, each with rows of its own.
fn check(cases: u32, runtime: &Runtime, store: &Store) {
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    let case = std::cell::Cell::new(0_u128);
    proptest!(config, |(steps in vec(step(), 20..100))| {
        case.set(case.get() + 1);
        runtime.block_on(async {
            let mut world = World::new(store, case.get());
            for step in &steps {
                world.take(step).await;
            }
            world.check_all().await;
            roll_up_all(store, &world.tenant, &world.calendar).await;
            world.check_all().await;
        });
    });
}

#[test]
fn every_answer_is_what_the_rows_say_on_sqlite() {
    property_on_sqlite(|runtime, store| check(24, runtime, store));
}

#[test]
fn every_answer_is_what_the_rows_say_on_postgres() {
    property_on_postgres(|runtime, store| check(12, runtime, store));
}
