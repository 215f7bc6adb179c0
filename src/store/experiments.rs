//! Experiments, which conversation is in which arm, and what the arms add up to.

use std::collections::BTreeMap;

use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::experiment::{Arm, Assignment, Experiment, ExperimentKind, ExperimentStatus, RetrievalFilter};
use crate::domain::experiment_statistics::Sample;
use crate::domain::ids::{ConversationId, ExperimentId, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{by_creation, statements};
use crate::store::page::{CreatedOrder, Keyed, List, Page, PageRequest};
use crate::store::rows::{json, moment, word};
use crate::store::search::search_text;
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

/// Which experiments are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExperimentFilter {
    /// What their arms differ in.
    pub kind: Option<ExperimentKind>,
    /// Where they stand.
    pub status: Option<ExperimentStatus>,
    /// Words that must all stand in the name, in any case.
    pub search: Option<String>,
    /// The order; `None` is the last made first.
    pub order: Option<CreatedOrder>,
}

/// What the conversations of an arm add up to. Those that are excluded, and those that never came, are in `assigned` alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmSums {
    /// Conversations that were assigned to it.
    pub assigned: i64,
    /// Those that came.
    pub conversations: i64,
    /// Those that ended successfully, unsuccessfully or in part.
    pub judged: i64,
    /// Those that ended successfully.
    pub successful: i64,
    /// Turns of those in which something was said: of others only the record was imported. A burst is one.
    pub turns: Sample,
    /// Their durations, in milliseconds.
    pub duration_ms: Sample,
    /// Ratings of those that were rated.
    pub satisfaction: Sample,
    /// Costs of those that have one, in US dollars.
    pub cost_usd: Sample,
}

const COLUMNS: &str = "SELECT x.id, x.name, x.kind, x.status, x.metric, x.arms, x.filter, x.created_at, x.started_at,
    x.stopped_at";
const FROM: &str = " FROM experiments x WHERE x.tenant = ";
const RUNNING: &str = " AND x.status = 'running' ORDER BY x.started_at, x.created_at, x.id";
const INSERT_ASSIGNMENTS: &str = "INSERT INTO experiment_assignments
    (experiment_id, conversation_ref, conversation_id, tenant, arm, assigned_at) VALUES";
const DO_NOTHING: &str = "ON CONFLICT DO NOTHING";
/// The ids of the conversations that are in an arm. A name is an id of ours before it is one of the caller's, and one that
/// was named in both ways is where the caller's id put it.
const MEMBERS: &str = "(SELECT COALESCE(o.id, n.id) FROM experiment_assignments a
    LEFT JOIN conversations o ON o.id = a.conversation_id AND o.tenant = a.tenant
    LEFT JOIN conversations n ON n.tenant = a.tenant AND n.external_id = a.conversation_ref
    WHERE NOT EXISTS (SELECT 1 FROM experiment_assignments b WHERE b.experiment_id = a.experiment_id
        AND b.conversation_ref = o.external_id AND b.conversation_ref <> a.conversation_ref)
    AND a.experiment_id = ";

/// What is added up of the conversations of an arm, however they are found: `a` is its assignments, `c` the conversations,
/// `f` what is known of their records.
macro_rules! arm_sums {
    () => {
        "COUNT(*) AS conversations, COUNT(CASE WHEN c.burst_count > 0 THEN 1 END) AS spoken,
        COUNT(CASE WHEN COALESCE(f.outcome, c.outcome, 'unknown') <> 'unknown' THEN 1 END) AS judged,
        COUNT(CASE WHEN COALESCE(f.outcome, c.outcome) = 'successful' THEN 1 END) AS successful,
        SUM(CAST(c.burst_count AS DOUBLE PRECISION)) AS turns,
        SUM(CAST(c.burst_count AS DOUBLE PRECISION) * c.burst_count) AS turns_squared,
        SUM(CAST(c.ended_at - c.started_at AS DOUBLE PRECISION)) AS duration_ms,
        SUM(CAST(c.ended_at - c.started_at AS DOUBLE PRECISION) * (c.ended_at - c.started_at)) AS duration_squared,
        COUNT(c.satisfaction) AS ratings, SUM(CAST(c.satisfaction AS DOUBLE PRECISION)) AS rating,
        SUM(CAST(c.satisfaction AS DOUBLE PRECISION) * c.satisfaction) AS rating_squared,
        COUNT(c.cost_usd) AS priced, SUM(c.cost_usd) AS cost_usd, SUM(c.cost_usd * c.cost_usd) AS cost_squared
        FROM experiment_assignments a"
    };
}

statements! {
    INSERT_EXPERIMENT = "INSERT INTO experiments (id, tenant, name, kind, status, metric, arms, filter, created_at,
        search_text) VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7, $8, $9)";
    START_EXPERIMENT = "UPDATE experiments SET status = 'running', started_at = $3
        WHERE tenant = $1 AND id = $2 AND status = 'draft'";
    STOP_EXPERIMENT = "UPDATE experiments SET status = 'stopped', stopped_at = $3
        WHERE tenant = $1 AND id = $2 AND status = 'running'";
    COUNT_RUNNING = "SELECT COUNT(*) FROM experiments WHERE tenant = $1 AND status = 'running'";
    COUNT_ASSIGNED = "SELECT arm, COUNT(*) FROM experiment_assignments WHERE tenant = $1 AND experiment_id = $2
        GROUP BY arm";
    // Each joins in one way, so that PostgreSQL knows how many come of it; grouped in the order of an index, so that SQLite
    // adds up as it reads, and sorts nothing.
    SUM_BY_ID = concat!("SELECT a.arm, ", arm_sums!(), "
        JOIN conversations c ON c.id = a.conversation_id AND c.tenant = a.tenant
        LEFT JOIN record_facts f ON f.conversation_id = c.id
        WHERE a.tenant = $1 AND a.experiment_id = $2
        AND NOT EXISTS (SELECT 1 FROM experiment_assignments b WHERE b.experiment_id = a.experiment_id
            AND b.conversation_ref = c.external_id AND b.conversation_ref <> a.conversation_ref)
        AND COALESCE(f.outcome, c.outcome, 'unknown') <> 'excluded'
        GROUP BY a.arm");
    SUM_BY_NAME = concat!("SELECT a.arm, ", arm_sums!(), "
        JOIN conversations c ON c.tenant = a.tenant AND c.external_id = a.conversation_ref
        LEFT JOIN record_facts f ON f.conversation_id = c.id
        WHERE a.tenant = $1 AND a.experiment_id = $2
        AND NOT EXISTS (SELECT 1 FROM conversations o WHERE o.id = a.conversation_id AND o.tenant = a.tenant)
        AND COALESCE(f.outcome, c.outcome, 'unknown') <> 'excluded'
        GROUP BY a.arm");
    DELETE_ASSIGNMENTS = "DELETE FROM experiment_assignments WHERE tenant = $1
        AND (conversation_ref = $2 OR conversation_ref = $3)";
}

#[derive(sqlx::FromRow)]
struct ExperimentRow {
    id: Uuid,
    name: String,
    kind: String,
    status: String,
    metric: String,
    arms: Json<Vec<Arm>>,
    filter: Json<RetrievalFilter>,
    created_at: i64,
    started_at: Option<i64>,
    stopped_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct SumRow {
    arm: String,
    conversations: i64,
    spoken: i64,
    judged: i64,
    successful: i64,
    turns: Option<f64>,
    turns_squared: Option<f64>,
    duration_ms: Option<f64>,
    duration_squared: Option<f64>,
    ratings: i64,
    rating: Option<f64>,
    rating_squared: Option<f64>,
    priced: i64,
    cost_usd: Option<f64>,
    cost_squared: Option<f64>,
}

impl Store {
    /// The experiment with this id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn experiment(&self, tenant: &TenantId, id: ExperimentId) -> Result<Option<Experiment>, StoreError> {
        let mut select = Statement::new(COLUMNS);
        select.push_with(FROM, tenant).push_with(" AND x.id = ", id.0);
        self.row::<ExperimentRow>(select).await?.map(ExperimentRow::read).transpose()
    }

    /// The experiments that pass the filter, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_experiments(
        &self,
        tenant: &TenantId,
        filter: &ExperimentFilter,
        page: &PageRequest,
    ) -> Result<Page<Experiment>, StoreError> {
        let mut from = Statement::new("");
        from.push_with(FROM, tenant)
            .push_some(" AND x.kind = ", filter.kind.map(ExperimentKind::as_str))
            .push_some(" AND x.status = ", filter.status.map(ExperimentStatus::as_str))
            .push_words(" AND x.search_text LIKE ", filter.search.as_deref());
        let list = List { columns: COLUMNS, from, order: by_creation!(filter.order, "x.created_at", "x.id") };
        self.page::<ExperimentRow>(list, page).await?.try_map(ExperimentRow::read)
    }

    /// The experiments that run, the first started first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn running_experiments(&self, tenant: &TenantId) -> Result<Vec<Experiment>, StoreError> {
        self.rows::<ExperimentRow>(running(tenant)).await?.into_iter().map(ExperimentRow::read).collect()
    }

    /// What the conversations of an experiment add up to, by the names of their arms; an arm without any is left out.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn arm_sums(&self, tenant: &TenantId, id: ExperimentId) -> Result<BTreeMap<String, ArmSums>, StoreError> {
        let mut sums: BTreeMap<String, ArmSums> = BTreeMap::new();
        let assigned = Statement::new(COUNT_ASSIGNED).bind(tenant).bind(id.0);
        for (arm, count) in self.rows::<(String, i64)>(assigned).await? {
            sums.entry(arm).or_default().assigned = count;
        }
        let sums_by = |sql| self.rows::<SumRow>(Statement::new(sql).bind(tenant).bind(id.0));
        let (by_id, by_name) = tokio::try_join!(sums_by(SUM_BY_ID), sums_by(SUM_BY_NAME))?;
        for row in by_id.iter().chain(&by_name) {
            sums.entry(row.arm.clone()).or_default().add(row);
        }
        Ok(sums)
    }
}

impl Tx {
    /// Stores a new experiment, as a draft.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the id is taken.
    pub async fn insert_experiment(&mut self, tenant: &TenantId, experiment: &Experiment) -> Result<(), StoreError> {
        let statement = Statement::new(INSERT_EXPERIMENT)
            .bind(experiment.id.0)
            .bind(tenant)
            .bind(&experiment.name)
            .bind(experiment.kind.as_str())
            .bind(experiment.metric.as_str())
            .bind(json("experiments.arms", &experiment.arms)?)
            .bind(json("experiments.filter", &experiment.filter)?)
            .bind(experiment.created_at)
            .bind(search_text([experiment.name.as_str()]));
        self.execute(statement).await?;
        Ok(())
    }

    /// Lets a draft run; `false` when it is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn start_experiment(
        &mut self,
        tenant: &TenantId,
        id: ExperimentId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(Statement::new(START_EXPERIMENT).bind(tenant).bind(id.0).bind(now)).await? > 0)
    }

    /// Ends an experiment that runs; `false` when it does not.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn stop_experiment(
        &mut self,
        tenant: &TenantId,
        id: ExperimentId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(Statement::new(STOP_EXPERIMENT).bind(tenant).bind(id.0).bind(now)).await? > 0)
    }

    /// The experiments that run, as this transaction sees them, the first started first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn running_experiments(&mut self, tenant: &TenantId) -> Result<Vec<Experiment>, StoreError> {
        self.rows::<ExperimentRow>(running(tenant)).await?.into_iter().map(ExperimentRow::read).collect()
    }

    /// How many experiments run.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn count_running_experiments(&mut self, tenant: &TenantId) -> Result<i64, StoreError> {
        let counted: Option<(i64,)> = self.row(Statement::new(COUNT_RUNNING).bind(tenant)).await?;
        Ok(counted.map_or(0, |(count,)| count))
    }

    /// Keeps in which arms conversations are; what is known already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when an experiment is not there.
    pub async fn insert_assignments(
        &mut self,
        tenant: &TenantId,
        assignments: &[Assignment],
    ) -> Result<(), StoreError> {
        // In one order everywhere: two processes that write the same ones in two orders would wait for each other.
        let mut sorted: Vec<&Assignment> = assignments.iter().collect();
        sorted.sort_by(|a, b| {
            let by_name = a.conversation_ref.cmp(&b.conversation_ref);
            a.experiment_id.cmp(&b.experiment_id).then(by_name).then(a.assigned_at.cmp(&b.assigned_at))
        });
        sorted.dedup_by(|later, first| {
            later.experiment_id == first.experiment_id && later.conversation_ref == first.conversation_ref
        });
        let rows = sorted.into_iter().map(|one| {
            [
                one.experiment_id.0.into(),
                (&one.conversation_ref).into(),
                one.conversation_id().map(|id| id.0).into(),
                tenant.into(),
                (&one.arm).into(),
                one.assigned_at.into(),
            ]
        });
        self.execute_all(inserts(INSERT_ASSIGNMENTS, rows, DO_NOTHING)).await?;
        Ok(())
    }

    /// Forgets in which arms a conversation was that is erased, whether it was named so or by its id of ours.
    pub(super) async fn delete_assignments(
        &mut self,
        tenant: &TenantId,
        name: &str,
        id: ConversationId,
    ) -> Result<(), StoreError> {
        let statement = Statement::new(DELETE_ASSIGNMENTS).bind(tenant).bind(name).bind(id.to_string());
        self.execute(statement).await?;
        Ok(())
    }
}

fn running(tenant: &TenantId) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push_with(FROM, tenant).push(RUNNING);
    select
}

/// Adds the list of the conversations that are in an arm.
pub(super) fn push_members(select: &mut Statement, experiment: ExperimentId, arm: &str) {
    select.push_with(MEMBERS, experiment.0).push_with(" AND a.arm = ", arm).push(")");
}

impl ArmSums {
    fn add(&mut self, row: &SumRow) {
        self.conversations += row.conversations;
        self.judged += row.judged;
        self.successful += row.successful;
        let sample = |count: i64, sum: Option<f64>, squares: Option<f64>| Sample {
            count,
            sum: sum.unwrap_or_default(),
            squares: squares.unwrap_or_default(),
        };
        self.turns = self.turns.with(sample(row.spoken, row.turns, row.turns_squared));
        self.duration_ms = self.duration_ms.with(sample(row.spoken, row.duration_ms, row.duration_squared));
        self.satisfaction = self.satisfaction.with(sample(row.ratings, row.rating, row.rating_squared));
        self.cost_usd = self.cost_usd.with(sample(row.priced, row.cost_usd, row.cost_squared));
    }
}

impl Keyed for ExperimentRow {
    fn key(&self) -> (i64, Uuid) {
        (self.created_at, self.id)
    }
}

impl ExperimentRow {
    fn read(self) -> Result<Experiment, StoreError> {
        Ok(Experiment {
            id: ExperimentId(self.id),
            name: self.name,
            kind: word("experiments.kind", &self.kind)?,
            status: word("experiments.status", &self.status)?,
            metric: word("experiments.metric", &self.metric)?,
            arms: self.arms.0,
            filter: self.filter.0,
            created_at: moment(self.created_at),
            started_at: self.started_at.map(moment),
            stopped_at: self.stopped_at.map(moment),
        })
    }
}
