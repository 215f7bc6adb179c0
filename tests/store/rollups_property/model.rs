//! What some of the sums must be, reckoned from what was done and not from the rows.
//!
//! Rolled-up sums and those of the rows come from the same SQL, so that comparing the two finds no mistake that both make.
//! Nothing here asks the database.

use std::collections::BTreeMap;

use turnwise::domain::analysis::TrainingRecord;
use turnwise::domain::clock::Timestamp;
use turnwise::domain::conversation::{Conversation, Outcome};
use turnwise::domain::period::Span;
use turnwise::store::measures::{MetricFilter, SpanSums};
use turnwise::store::retrievals::Retrieval;

/// Bursts of a conversation in which something was said: a user, an agent in two messages, the user.
const BURSTS: i64 = 3;

/// Everything that was done and not undone.
#[derive(Default)]
pub struct Model {
    conversations: BTreeMap<u128, Known>,
    retrievals: Vec<Asked>,
}

/// A conversation that is there.
struct Known {
    given: Conversation,
    found: Option<TrainingRecord>,
}

/// A retrieval that is there.
struct Asked {
    retrieval: Retrieval,
    /// Whether what it showed was said, once that is settled.
    used: Option<bool>,
}

/// The sums that are compared.
#[derive(Debug, Default, PartialEq)]
pub struct Reckoned {
    conversations: i64,
    judged: i64,
    successful: i64,
    turns: i64,
    ratings: i64,
    rating_sum: i64,
    cost_cents: i64,
    retrievals: i64,
    counted_retrievals: i64,
    abstained: i64,
    shown: i64,
    used: i64,
}

impl Model {
    /// Whether the conversation of this number is there.
    pub fn knows(&self, number: u128) -> bool {
        self.conversations.contains_key(&number)
    }

    /// The caller's id of a conversation that is there.
    pub fn name(&self, number: u128) -> Option<&str> {
        self.conversations.get(&number).map(|known| known.given.external_id.as_str())
    }

    /// It is handed in, in place of what it was before.
    pub fn hand_in(&mut self, number: u128, given: Conversation) {
        self.conversations.insert(number, Known { given, found: None });
    }

    /// This was found in it; `None` takes back what was found.
    pub fn analyse(&mut self, number: u128, found: Option<TrainingRecord>) {
        if let Some(known) = self.conversations.get_mut(&number) {
            known.found = found;
        }
    }

    /// Its rating is told.
    pub fn rate(&mut self, number: u128, stars: i64) {
        if let Some(known) = self.conversations.get_mut(&number) {
            known.given.satisfaction = Some(stars);
        }
    }

    /// It is erased; its retrievals stay.
    pub fn erase(&mut self, number: u128) {
        self.conversations.remove(&number);
    }

    /// An agent has asked.
    pub fn ask(&mut self, retrieval: Retrieval) {
        self.retrievals.push(Asked { retrieval, used: None });
    }

    /// What was shown under this name is settled.
    pub fn settle(&mut self, name: &str, said: bool) {
        let named =
            self.retrievals.iter_mut().filter(|asked| asked.retrieval.conversation_ref.as_deref() == Some(name));
        for asked in named {
            asked.used = Some(said);
        }
    }

    /// What was asked before this moment, and neither waits nor was said, goes.
    pub fn prune(&mut self, before: Timestamp) {
        self.retrievals.retain(|asked| {
            let is_idle = asked.retrieval.exposures.is_empty() || asked.used == Some(false);
            asked.retrieval.created_at >= before || !is_idle
        });
    }

    /// What is in a span and passes a filter.
    pub fn reckon(&self, filter: &MetricFilter, span: Span) -> Reckoned {
        let lies_in = |moment: Timestamp| span.start <= moment && moment < span.end;
        let mut sums = Reckoned::default();
        let begun = self.conversations.values().filter(|known| lies_in(known.given.started_at) && known.passes(filter));
        for known in begun {
            sums.add_conversation(known);
        }
        for asked in self.retrievals.iter().filter(|asked| lies_in(asked.retrieval.created_at)) {
            let name = asked.retrieval.conversation_ref.as_ref();
            let of = name.and_then(|name| self.conversations.values().find(|known| known.given.external_id == *name));
            // One whose conversation has not come passes only where nothing is asked of it.
            if of.map_or(*filter == MetricFilter::default(), |known| known.passes(filter)) {
                sums.add_retrieval(asked, of.is_some_and(|known| known.ended() == Outcome::Excluded));
            }
        }
        sums
    }
}

impl Known {
    /// As it was found, or else as it was given.
    fn ended(&self) -> Outcome {
        let found = self.found.as_ref().map(|found| found.outcome);
        found.or(self.given.outcome).unwrap_or(Outcome::Unknown)
    }

    fn passes(&self, filter: &MetricFilter) -> bool {
        let (given, found) = (&self.given, self.found.as_ref());
        let category = found.map(|found| &found.category).or(given.category.as_ref());
        let language = found.map(|found| &found.language).or(given.language.as_ref());
        filter.agent_id.as_ref().is_none_or(|wanted| given.agent_id == *wanted)
            && filter.channel.as_ref().is_none_or(|wanted| given.channel == *wanted)
            && filter.category.as_ref().is_none_or(|wanted| category == Some(wanted))
            && filter.language.as_ref().is_none_or(|wanted| language == Some(wanted))
    }
}

impl Reckoned {
    /// The same of what the store tells. All costs are whole cents.
    pub fn of(told: &SpanSums) -> Self {
        Self {
            conversations: told.conversations,
            judged: told.judged,
            successful: told.successful,
            turns: told.turns,
            ratings: told.ratings,
            rating_sum: told.rating_sum,
            cost_cents: cents(told.cost_usd),
            retrievals: told.retrievals,
            counted_retrievals: told.counted_retrievals,
            abstained: told.abstained,
            shown: told.shown,
            used: told.used,
        }
    }

    fn add_conversation(&mut self, known: &Known) {
        let ended = known.ended();
        self.conversations += 1;
        self.cost_cents += known.given.usage.map_or(0, |usage| cents(usage.cost_usd));
        if ended == Outcome::Excluded {
            return;
        }
        self.judged += i64::from(ended != Outcome::Unknown);
        self.successful += i64::from(ended == Outcome::Successful);
        self.turns += if known.given.turns.is_empty() { 0 } else { BURSTS };
        self.ratings += i64::from(known.given.satisfaction.is_some());
        self.rating_sum += known.given.satisfaction.unwrap_or_default();
    }

    fn add_retrieval(&mut self, asked: &Asked, is_excluded: bool) {
        self.retrievals += 1;
        if is_excluded {
            return;
        }
        self.counted_retrievals += 1;
        self.abstained += i64::from(asked.retrieval.abstained);
        let shown = asked.retrieval.exposures.len() as i64;
        self.shown += if asked.used.is_some() { shown } else { 0 };
        self.used += if asked.used == Some(true) { shown } else { 0 };
    }
}

fn cents(usd: f64) -> i64 {
    (usd * 100.0).round() as i64
}
