//! The registry of all whole statements.
//!
//! Guarantees that none is forgotten: whole statements are written inside `statements!` or in `dialect`, only those may
//! hold a `$n`, and a test that reads this directory keeps it so.

use sqlx::Executor;

use crate::store::Store;
use crate::store::analytics;
use crate::store::cases;
use crate::store::chunks;
use crate::store::conversation_states;
use crate::store::conversations;
use crate::store::entries;
use crate::store::erasure;
use crate::store::error::StoreError;
use crate::store::evidence;
use crate::store::experiments;
use crate::store::facts;
use crate::store::gap_entries;
use crate::store::gap_retrievals;
use crate::store::gaps;
use crate::store::generations;
use crate::store::imports;
use crate::store::jobs;
use crate::store::keys;
use crate::store::labels;
use crate::store::macros::on_read;
use crate::store::marks;
use crate::store::measures;
use crate::store::metric_marks;
use crate::store::outcomes;
use crate::store::records;
use crate::store::rolling_up;
use crate::store::schedules;
use crate::store::session_items;
use crate::store::sessions;
use crate::store::turns;
use crate::store::upkeep;
use crate::store::uses;
use crate::store::versions;

/// The files with statements, by module name.
const FILES: &[(&str, &[(&str, &str)])] = &[
    ("analytics", analytics::STATEMENTS),
    ("cases", cases::STATEMENTS),
    ("chunks", chunks::STATEMENTS),
    ("conversation_states", conversation_states::STATEMENTS),
    ("conversations", conversations::STATEMENTS),
    ("entries", entries::STATEMENTS),
    ("erasure", erasure::STATEMENTS),
    ("evidence", evidence::STATEMENTS),
    ("experiments", experiments::STATEMENTS),
    ("facts", facts::STATEMENTS),
    ("gap_entries", gap_entries::STATEMENTS),
    ("gap_retrievals", gap_retrievals::STATEMENTS),
    ("gaps", gaps::STATEMENTS),
    ("generations", generations::STATEMENTS),
    ("imports", imports::STATEMENTS),
    ("jobs", jobs::STATEMENTS),
    ("keys", keys::STATEMENTS),
    ("labels", labels::STATEMENTS),
    ("marks", marks::STATEMENTS),
    ("measures", measures::STATEMENTS),
    ("metric_marks", metric_marks::STATEMENTS),
    ("outcomes", outcomes::STATEMENTS),
    ("records", records::STATEMENTS),
    ("rolling_up", rolling_up::STATEMENTS),
    ("schedules", schedules::STATEMENTS),
    ("session_items", session_items::STATEMENTS),
    ("sessions", sessions::STATEMENTS),
    ("turns", turns::STATEMENTS),
    ("upkeep", upkeep::STATEMENTS),
    ("uses", uses::STATEMENTS),
    ("versions", versions::STATEMENTS),
];

/// What came of preparing every statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementCheck {
    /// How many the database took.
    pub prepared: usize,
    /// Those that it refused, each with file, name and reason.
    pub refused: Vec<String>,
}

impl Store {
    /// Prepares every statement that the store can run, and runs none: for `turnwise doctor`, and for the test that
    /// both databases take the one text.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn check_statements(&self) -> Result<StatementCheck, StoreError> {
        let dialect = ("dialect", self.dialect().statements());
        let files = FILES.iter().map(|(file, statements)| (*file, statements.to_vec()));
        let mut check = StatementCheck::default();
        on_read!(self, |db| {
            // A connection of its own, closed afterwards: a statement that was prepared without values must not stay in
            // the cache that executions with values use.
            let mut connection = db.acquire().await?;
            for (file, statements) in files.chain([dialect]) {
                for (name, sql) in statements {
                    let sql = sqlx::SqlSafeStr::into_sql_str(sql);
                    match (&mut *connection).prepare(sql).await {
                        Ok(_) => check.prepared += 1,
                        Err(error) => check.refused.push(format!("{file}::{name}: {error}")),
                    }
                }
            }
            connection.close().await?;
        });
        Ok(check)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;
    use uuid::Uuid;

    use super::FILES;
    use crate::domain::clock::Timestamp;
    use crate::domain::conversation::{ConversationStatus, Outcome};
    use crate::domain::ids::{ChunkId, ConversationId, EntryId, ExemplarId, RetrievalId, TenantId};
    use crate::domain::period::Calendar;
    use crate::domain::training::{Selection, SessionKind};
    use crate::store::Store;
    use crate::store::cases::CaseFilter;
    use crate::store::dialect::Dialect;
    use crate::store::marks::Collection;
    use crate::store::page::PageRequest;
    use crate::store::plans::Plan;
    use crate::store::settings::StoreSettings;
    use crate::store::statement::Statement;

    /// The whole statements that are about all that a tenant or an installation has, or of which there is always little.
    const WALKS: &[&str] = &[
        "analytics::AVERAGES",
        "analytics::BY_OUTCOME",
        "analytics::BY_STATUS",
        "analytics::CHUNKS",
        "analytics::ENTRIES",
        "analytics::EXEMPLARS",
        "analytics::RETRIEVALS",
        "conversations::COUNT_CONVERSATIONS",
        "gap_retrievals::AVERAGE_COST",
        "gaps::FORGET_DRAFTS",
        "gaps::GAP_LEADERS",
        "generations::GENERATIONS",
        "jobs::COUNT_JOBS",
        "jobs::DUE_KINDS",
        "keys::COUNT_KEYS",
        "marks::COUNT_CHUNKS",
        "marks::COUNT_EXEMPLARS",
        "marks::ERASED_POINTS",
        "marks::TENANTS",
        "measures::FIRST_CONVERSATION",
        "measures::FIRST_ENTRY",
        "measures::FIRST_RETRIEVAL",
        "metric_marks::MARKED_HOURS",
        "metric_marks::MARKS",
        "rolling_up::DROP_DAYS",
        "rolling_up::LAST_RUN",
        "schedules::SCHEDULED_TENANTS",
        "schedules::SCHEDULES_OF",
        "upkeep::EXPIRE_EXPOSURES",
        "upkeep::PRUNE_ITEMS",
    ];

    /// An empty store on SQLite, and the directory in which it is.
    async fn sqlite() -> (Store, TempDir) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite:{}", directory.path().join("turnwise.db").display());
        (Store::open(&StoreSettings::new(url)).await.expect("it opens"), directory)
    }

    /// How SQLite carries out a statement; the values do not matter to that.
    async fn explain(store: &Store, statement: &Statement) -> Vec<String> {
        store.watch_plans();
        store.note_plan(statement).await.expect("it is explained");
        store.take_plans().into_iter().flat_map(|plan| plan.lines).collect()
    }

    /// Whether a step of a plan goes through a table, or through all in an index that a tenant has.
    fn walks(step: &str) -> bool {
        step.starts_with("SCAN ") || step.contains("(tenant=?)")
    }

    /// Whether a step of a plan looks nothing up by an id or a name.
    fn looks_nothing_up(step: &str) -> bool {
        let is_keyed = step.contains("id=?") || step.contains("_ref=?");
        step.starts_with("SCAN ") || (step.contains("(tenant=?") && !is_keyed)
    }

    /// The sources of this room, by module name.
    fn sources() -> Vec<(String, String)> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
        let mut sources: Vec<(String, String)> = fs::read_dir(directory)
            .expect("the sources are here")
            .map(|file| file.expect("it can be read").path())
            .map(|path| {
                let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
                (name, fs::read_to_string(&path).expect("sources are UTF-8"))
            })
            .collect();
        sources.sort();
        sources
    }

    /// The source without its tests, and the names and the rest when the `statements!` block is cut out.
    fn split(source: &str) -> (Vec<String>, String) {
        let source = source.split("#[cfg(test)]\nmod tests").next().expect("there is a first part");
        let Some((before, block)) = source.split_once("\nstatements! {\n") else { return (vec![], source.to_owned()) };
        let (block, after) = block.split_once("\n}\n").expect("the block ends");
        let names = block
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
            .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.to_owned()))
            .collect();
        (names, format!("{before}\n{after}"))
    }

    #[test]
    fn every_statement_is_registered() {
        let mut written = BTreeSet::new();
        for (file, source) in sources() {
            written.extend(split(&source).0.into_iter().map(|name| format!("{file}::{name}")));
        }
        let registered: BTreeSet<String> = FILES
            .iter()
            .flat_map(|(file, statements)| statements.iter().map(move |(name, _)| format!("{file}::{name}")))
            .collect();
        assert!(written.len() > 50, "{} statements found", written.len());
        assert_eq!(written, registered);
    }

    #[tokio::test]
    async fn only_what_is_about_all_of_a_tenant_walks_through_it() {
        let (store, _directory) = sqlite().await;
        let mut walking = BTreeSet::new();
        for &(file, statements) in FILES {
            for &(name, sql) in statements {
                let places = (1..).take_while(|place| sql.contains(&format!("${place}"))).count();
                let statement = (0..places).fold(Statement::new(sql), |statement, _| statement.bind("any"));
                if explain(&store, &statement).await.iter().any(|step| walks(step)) {
                    walking.insert(format!("{file}::{name}"));
                }
            }
        }
        let expected: BTreeSet<String> = WALKS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(walking, expected);
        store.close().await;
    }

    #[tokio::test]
    async fn what_is_given_by_ids_is_looked_up_however_many_they_are() {
        let (store, _directory) = sqlite().await;
        let (tenant, now) = (TenantId::default_tenant(), Timestamp::from_millis(0));
        let mut reads = 0;
        for count in [1, 3, 25, 200] {
            let ids: Vec<Uuid> = (1..=count).map(Uuid::from_u128).collect();
            let plans = plans_by_ids(&store, &tenant, &ids, now).await;
            reads += plans.len();
            for Plan { statement, lines } in plans {
                let found = !lines.is_empty() && !lines.iter().any(|step| looks_nothing_up(step));
                assert!(found, "of {count} ids:\n{statement}\n{}", lines.join("\n"));
            }
        }
        assert!(reads > 100, "{reads} statements were explained");

        let mut all = Statement::new("SELECT id FROM conversations");
        all.push_with(" WHERE tenant = ", &tenant).push(" AND status IN ").push_list(["failed", "received"]);
        let steps = explain(&store, &all).await;
        assert!(steps.iter().any(|step| looks_nothing_up(step)), "this is how it would be told: {steps:?}");
        store.close().await;
    }

    /// The plans of the statements that are put together of a list of ids.
    async fn plans_by_ids(store: &Store, tenant: &TenantId, ids: &[Uuid], now: Timestamp) -> Vec<Plan> {
        let conversations: Vec<ConversationId> = ids.iter().copied().map(ConversationId).collect();
        let entries: Vec<EntryId> = ids.iter().copied().map(EntryId).collect();
        let exemplars: Vec<ExemplarId> = ids.iter().copied().map(ExemplarId).collect();
        let retrievals: Vec<RetrievalId> = ids.iter().copied().map(RetrievalId).collect();
        let chunks: Vec<ChunkId> = ids.iter().copied().map(ChunkId).collect();
        let names: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        let name = "not there";

        let mut marked = store.begin().await.expect("it begins");
        for (hour, name) in (0..).zip(&names) {
            marked.mark_metrics(tenant, Timestamp::from_millis(hour * 3_600_000), Some(name));
        }
        marked.commit().await.expect("it commits");

        store.watch_plans();
        store.conversations(tenant, &conversations).await.expect("it answers");
        store.turns(tenant, ids.iter().copied()).await.expect("it answers");
        store.records_of(tenant, &conversations).await.expect("it answers");
        store.conversation_ids(tenant, &names).await.expect("it answers");
        store.entries(tenant, &entries).await.expect("it answers");
        store.exemplars(tenant, &exemplars).await.expect("it answers");
        store.exemplars_of(tenant, &entries).await.expect("it answers");
        store.chunks(tenant, &chunks).await.expect("it answers");
        store.retrievals(tenant, &retrievals).await.expect("it answers");
        let by_name: Vec<&str> = names.iter().map(String::as_str).collect();
        store.retrievals_of(tenant, &by_name).await.expect("it answers");
        let of_entry = CaseFilter { entry_id: entries.first().copied(), ..CaseFilter::default() };
        store.list_cases(tenant, &of_entry, &PageRequest::first(10)).await.expect("it answers");
        let given = Selection { conversation_ids: conversations.clone(), ..Selection::default() };
        let selections = [
            Selection { status: Some(ConversationStatus::Failed), ..given.clone() },
            Selection { outcome: Some(Outcome::Successful), ..given.clone() },
            given,
        ];
        for selection in &selections {
            for kind in [SessionKind::ProcessNew, SessionKind::Relearn] {
                store.count_selected(tenant, kind, selection).await.expect("it answers");
                let page = PageRequest::first(10);
                store.walk_selected(tenant, kind, selection, &page).await.expect("it answers");
            }
        }
        let run = store.prepare_roll_up(tenant, &Calendar::new(chrono_tz::Tz::UTC)).await.expect("it answers");
        let mut plans = store.take_plans();

        let mut tx = store.begin().await.expect("it begins");
        let nothing = ConversationId(Uuid::nil());
        tx.hold_entries(tenant, &entries).await.expect("it answers");
        tx.learned_entries(tenant, &entries).await.expect("it answers");
        tx.unsupported(tenant, &entries).await.expect("it answers");
        tx.remove_unsupported(tenant, &entries, now).await.expect("it is done");
        tx.forget_lessons(tenant, nothing, (&entries, &entries), now).await.expect("it is done");
        tx.exemplar_sources(tenant, &exemplars).await.expect("it answers");
        tx.erase_exemplars(tenant, ids, now).await.expect("it is done");
        tx.unmark_points(tenant, Collection::Chunks, Some(name), ids).await.expect("it is done");
        tx.forget_erased_points(tenant, Collection::Chunks, ids.iter().copied()).await.expect("it is done");
        tx.still_said(tenant, &retrievals).await.expect("it answers");
        tx.forget_phrases(tenant, EntryId(Uuid::nil()), (&names, &[]), now).await.expect("it is done");
        tx.settle_uses(tenant, name, &retrievals, &[]).await.expect("it is done");
        assert!(tx.write_roll_up(tenant, &run).await.expect("it is done"), "nobody else has written");
        let ran = std::mem::take(&mut tx.ran);
        tx.rollback().await.expect("it is undone");
        for statement in ran {
            let lines = explain(store, &statement).await;
            plans.push(Plan { statement: statement.text().to_owned(), lines });
        }

        let by_ids = |plan: &Plan| [" IN ($", ".other_id = $"].iter().any(|list| plan.statement.contains(list));
        plans.into_iter().filter(by_ids).filter(|plan| !plan.statement.starts_with("INSERT ")).collect()
    }

    #[test]
    fn only_whole_statements_number_their_places() {
        for (file, source) in
            sources().iter().filter(|(file, _)| !["macros", "statement", "dialect"].contains(&&**file))
        {
            let (_, rest) = split(source);
            let code = rest.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let numbered = line.as_bytes().windows(2).any(|pair| pair[0] == b'$' && pair[1].is_ascii_digit());
                assert!(!numbered, "{file}: a statement outside `statements!`: {line}");
            }
        }
    }

    #[test]
    fn the_pairs_are_listed_and_are_few() {
        let (_, source) = sources().into_iter().find(|(file, _)| file == "dialect").expect("the file is there");
        let listed: BTreeSet<&str> = [Dialect::Sqlite, Dialect::Postgres]
            .into_iter()
            .flat_map(|dialect| dialect.statements().into_iter().map(|(_, sql)| sql))
            .collect();
        let written = source.lines().filter(|line| {
            line.starts_with("const ") && (line.contains("_SQLITE: &str") || line.contains("_POSTGRES: &str"))
        });
        assert_eq!(written.count(), listed.len());
        assert!(source.matches("/// Pair ").count() <= 10, "more than ten pairs is an alarm");
    }
}
