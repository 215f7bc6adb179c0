//! Distributions over the training records of a tenant, grouped by the database.

use crate::domain::clock::Timestamp;
use crate::domain::conversation::Outcome;
use crate::domain::ids::TenantId;
use crate::domain::language::Language;
use crate::domain::period::Span;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::facts::TermKind;
use crate::store::rows::{moment, position, word};
use crate::store::spans::{self, push_rows_of_spans, with_periods};
use crate::store::statement::Statement;

/// Bins of the histogram of success scores, each as wide as the others.
pub const SCORE_BINS: usize = 10;

/// Which records are counted; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FactFilter {
    /// `sales`, `support`, …
    pub category: Option<String>,
    /// The language.
    pub language: Option<Language>,
    /// Which agent spoke.
    pub agent_id: Option<String>,
    /// `phone`, `chat`, …
    pub channel: Option<String>,
    /// How the conversation ended.
    pub outcome: Option<Outcome>,
    /// The conversation began at or after this.
    pub from: Option<Timestamp>,
    /// The conversation began before this.
    pub to: Option<Timestamp>,
}

/// The records that are alike in everything that is counted, and what their numbers add up to.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordGroup {
    /// How they ended.
    pub outcome: Outcome,
    /// Their category.
    pub category: String,
    /// Their language.
    pub language: String,
    /// Their channel.
    pub channel: String,
    /// How many have a success score in each bin.
    pub bins: [i64; SCORE_BINS],
    /// How many there are.
    pub records: i64,
    /// How many of them were measured: not those that were imported without what was said.
    pub measured: i64,
    /// Sum of success scores.
    pub success_score: f64,
    /// Sum of user turns.
    pub user_turns: i64,
    /// Sum of agent turns.
    pub agent_turns: i64,
    /// Sum of talk ratios.
    pub talk_ratio: f64,
    /// Sum of resolutions.
    pub resolution: f64,
    /// Sum of repetitions.
    pub repetition: f64,
    /// Sum of response relevances.
    pub response_relevance: f64,
}

/// The records of one outcome in one of some spans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutcomeInSpan {
    /// Which span, by its place in the list that was asked for.
    pub span: usize,
    /// How they ended.
    pub outcome: Outcome,
    /// How many there are.
    pub records: i64,
    /// Sum of success scores.
    pub success_score: f64,
}

// Grouped in the order of an index, so that SQLite adds up as it reads, and sorts nothing.
const GROUPS: &str = "SELECT f.outcome, f.category, f.language, f.channel,
    COUNT(CASE WHEN f.success_score < 0.1 THEN 1 END) AS below_1,
    COUNT(CASE WHEN f.success_score < 0.2 THEN 1 END) AS below_2,
    COUNT(CASE WHEN f.success_score < 0.3 THEN 1 END) AS below_3,
    COUNT(CASE WHEN f.success_score < 0.4 THEN 1 END) AS below_4,
    COUNT(CASE WHEN f.success_score < 0.5 THEN 1 END) AS below_5,
    COUNT(CASE WHEN f.success_score < 0.6 THEN 1 END) AS below_6,
    COUNT(CASE WHEN f.success_score < 0.7 THEN 1 END) AS below_7,
    COUNT(CASE WHEN f.success_score < 0.8 THEN 1 END) AS below_8,
    COUNT(CASE WHEN f.success_score < 0.9 THEN 1 END) AS below_9,
    COUNT(*) AS records, COUNT(CASE WHEN f.user_turns + f.agent_turns > 0 THEN 1 END) AS measured,
    SUM(f.success_score) AS success_score, CAST(SUM(f.user_turns) AS BIGINT) AS user_turns,
    CAST(SUM(f.agent_turns) AS BIGINT) AS agent_turns, SUM(f.talk_ratio) AS talk_ratio,
    SUM(f.resolution) AS resolution, SUM(f.repetition) AS repetition,
    SUM(f.response_relevance) AS response_relevance FROM record_facts f WHERE f.tenant = ";
const BY_GROUP: &str = " GROUP BY f.outcome, f.category, f.language, f.channel";
const EXTENT: &str = "SELECT MIN(f.started_at), MAX(f.started_at) FROM record_facts f WHERE f.tenant = ";
const TREND: &str = " SELECT p.number, f.outcome, COUNT(*), SUM(f.success_score)";
const BY_SPAN: &str = " GROUP BY p.number, f.outcome ORDER BY p.number, f.outcome";
const TERMS: &str = "SELECT t.term, COUNT(*) AS records FROM record_terms t WHERE t.tenant = ";
const TERMS_OF_FILTERED: &str = "SELECT t.term, COUNT(*) AS records FROM record_facts f
    JOIN record_terms t ON t.conversation_id = f.conversation_id WHERE f.tenant = ";
const OF_KIND: &str = " AND t.kind = ";
const BY_TERM: &str = " GROUP BY t.term ORDER BY records DESC, t.term LIMIT ";

#[derive(sqlx::FromRow)]
struct GroupRow {
    outcome: String,
    category: String,
    language: String,
    channel: String,
    below_1: i64,
    below_2: i64,
    below_3: i64,
    below_4: i64,
    below_5: i64,
    below_6: i64,
    below_7: i64,
    below_8: i64,
    below_9: i64,
    records: i64,
    measured: i64,
    success_score: f64,
    user_turns: i64,
    agent_turns: i64,
    talk_ratio: f64,
    resolution: f64,
    repetition: f64,
    response_relevance: f64,
}

impl Store {
    /// The records that pass the filter, in groups, in no order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn record_groups(&self, tenant: &TenantId, filter: &FactFilter) -> Result<Vec<RecordGroup>, StoreError> {
        let mut select = Statement::new("");
        select.push_with(GROUPS, tenant);
        filter.push(&mut select);
        select.push(BY_GROUP);
        self.rows::<GroupRow>(select).await?.into_iter().map(GroupRow::read).collect()
    }

    /// When the first and the last of the conversations began whose records pass the filter; `None` without any.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn record_extent(
        &self,
        tenant: &TenantId,
        filter: &FactFilter,
    ) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let mut select = Statement::new("");
        select.push_with(EXTENT, tenant);
        filter.push(&mut select);
        let found: Option<(Option<i64>, Option<i64>)> = self.row(select).await?;
        let (first, last) = found.unwrap_or_default();
        Ok(first.zip(last).map(|(first, last)| (moment(first), moment(last))))
    }

    /// How the records that pass the filter ended in each of these spans, in their order; a span without any is left out.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn record_trend(
        &self,
        tenant: &TenantId,
        filter: &FactFilter,
        spans: &[Span],
    ) -> Result<Vec<OutcomeInSpan>, StoreError> {
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        let mut select = with_periods(spans);
        push_rows_of_spans(select.push(TREND), self.dialect(), spans::FACTS, "", tenant);
        filter.push(&mut select);
        select.push(BY_SPAN);
        let rows: Vec<(i64, String, i64, f64)> = self.rows(select).await?;
        let read = |(span, outcome, records, success_score): (i64, String, i64, f64)| -> Result<_, StoreError> {
            Ok(OutcomeInSpan {
                span: position("periods.number", span)?,
                outcome: word("record_facts.outcome", &outcome)?,
                records,
                success_score,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// The terms that stand in most of the records that pass the filter, each with how many those are, at most `limit`.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn record_terms(
        &self,
        tenant: &TenantId,
        filter: &FactFilter,
        kind: TermKind,
        limit: usize,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let mut select = Statement::new("");
        if *filter == FactFilter::default() {
            // An index holds all that is asked for.
            select.push_with(TERMS, tenant);
        } else {
            select.push_with(TERMS_OF_FILTERED, tenant);
            filter.push(&mut select);
        }
        select.push_with(OF_KIND, kind.as_str()).push_with(BY_TERM, limit);
        self.rows(select).await
    }
}

impl FactFilter {
    fn push(&self, select: &mut Statement) {
        select
            .push_some(" AND f.category = ", self.category.as_ref())
            .push_some(" AND f.language = ", self.language.as_ref().map(Language::as_str))
            .push_some(" AND f.agent_id = ", self.agent_id.as_ref())
            .push_some(" AND f.channel = ", self.channel.as_ref())
            .push_some(" AND f.outcome = ", self.outcome.map(Outcome::as_str))
            .push_some(" AND f.started_at >= ", self.from)
            .push_some(" AND f.started_at < ", self.to);
    }
}

impl GroupRow {
    /// How many are in each bin, of how many are below the end of each.
    fn bins(&self) -> [i64; SCORE_BINS] {
        let below = [
            self.below_1,
            self.below_2,
            self.below_3,
            self.below_4,
            self.below_5,
            self.below_6,
            self.below_7,
            self.below_8,
            self.below_9,
            self.records,
        ];
        let mut before = 0;
        below.map(|below| below - std::mem::replace(&mut before, below))
    }

    fn read(self) -> Result<RecordGroup, StoreError> {
        let bins = self.bins();
        Ok(RecordGroup {
            outcome: word("record_facts.outcome", &self.outcome)?,
            category: self.category,
            language: self.language,
            channel: self.channel,
            bins,
            records: self.records,
            measured: self.measured,
            success_score: self.success_score,
            user_turns: self.user_turns,
            agent_turns: self.agent_turns,
            talk_ratio: self.talk_ratio,
            resolution: self.resolution,
            repetition: self.repetition,
            response_relevance: self.response_relevance,
        })
    }
}
