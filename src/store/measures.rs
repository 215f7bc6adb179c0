//! What conversations, retrievals and entries of spans of time add up to, computed from the rows.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::conversation::Outcome;
use crate::domain::ids::{ExperimentId, TenantId};
use crate::domain::language::Language;
use crate::domain::latency::LatencyHistogram;
use crate::domain::period::Span;
use crate::store::Store;
use crate::store::dialect::Dialect;
use crate::store::error::StoreError;
use crate::store::experiments::push_members;
use crate::store::macros::statements;
use crate::store::rows::{moment, position, word};
use crate::store::spans::{self, push_rows_of_spans, with_periods};
use crate::store::statement::Statement;

/// What is measured; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricFilter {
    /// Which agent spoke.
    pub agent_id: Option<String>,
    /// As analysed, or as given.
    pub category: Option<String>,
    /// As analysed, or as given.
    pub language: Option<Language>,
    /// `phone`, `chat` or the like.
    pub channel: Option<String>,
    /// The arm of an experiment that the conversation is in; entries are in none.
    pub arm: Option<ArmOf>,
}

/// An arm of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmOf {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// The name of the arm.
    pub arm: String,
}

/// The sums of one span: everything that rates and averages are made of. Conversations belong to the span in which they
/// began; *counted* are those that are not excluded, *spoken* those of them in which something was said: of the others only
/// the record was imported, so nobody knows how long they were. Roll-ups keep them as JSON: a migration that changes what they
/// mean empties `metric_rollups`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpanSums {
    /// Conversations, excluded ones included.
    pub conversations: i64,
    /// Conversations that count and in which something was said.
    pub spoken: i64,
    /// Conversations that ended successfully, unsuccessfully or in part.
    pub judged: i64,
    /// Conversations that ended successfully.
    pub successful: i64,
    /// Their turns; a burst is one.
    pub turns: i64,
    /// Their duration, in milliseconds.
    pub duration_ms: i64,
    /// How many of those that count were rated.
    pub ratings: i64,
    /// The sum of these ratings.
    pub rating_sum: i64,
    /// How many of the spoken were not rated and are analysed.
    pub unrated: i64,
    /// Sum of the success scores of the unrated.
    pub unrated_success_score: f64,
    /// Sum of their resolutions.
    pub unrated_resolution: f64,
    /// Sum of their repetitions.
    pub unrated_repetition: f64,
    /// Tokens that models read in all conversations.
    pub prompt_tokens: i64,
    /// Tokens that models wrote.
    pub completion_tokens: i64,
    /// What all conversations cost, in US dollars.
    pub cost_usd: f64,
    /// How many of those that count have a cost.
    pub priced: i64,
    /// What those that count cost, in US dollars.
    pub counted_cost_usd: f64,
    /// Retrievals, those in excluded conversations included.
    pub retrievals: i64,
    /// Retrievals that count.
    pub counted_retrievals: i64,
    /// Those of them that offered nothing.
    pub abstained: i64,
    /// How long those that count took.
    pub latency: LatencyHistogram,
    /// Entries that they showed, as often as shown, of those whose conversation has come.
    pub shown: i64,
    /// How many of these the agent then said.
    pub used: i64,
    /// Entries made in the span that are still there.
    pub new_entries: i64,
}

statements! {
    FIRST_CONVERSATION = "SELECT MIN(started_at) FROM conversations WHERE tenant = $1";
    FIRST_RETRIEVAL = "SELECT MIN(created_at) FROM retrievals WHERE tenant = $1";
    FIRST_ENTRY = "SELECT MIN(created_at) FROM knowledge_entries WHERE tenant = $1";
}

/// What each row says first: of which span it is.
pub(super) const NUMBERED: &str = " SELECT p.number, ";
const CONVERSATIONS: &str = "COALESCE(f.outcome, c.outcome, 'unknown') AS ended,
    COUNT(*) AS conversations, COUNT(CASE WHEN c.burst_count > 0 THEN 1 END) AS spoken,
    CAST(SUM(c.burst_count) AS BIGINT) AS turns,
    CAST(SUM(CASE WHEN c.burst_count > 0 THEN c.ended_at - c.started_at ELSE 0 END) AS BIGINT) AS duration_ms,
    COUNT(c.satisfaction) AS ratings,
    CAST(COALESCE(SUM(c.satisfaction), 0) AS BIGINT) AS rating_sum,
    COUNT(CASE WHEN c.satisfaction IS NULL AND c.burst_count > 0 THEN f.success_score END) AS unrated,
    SUM(CASE WHEN c.satisfaction IS NULL AND c.burst_count > 0 THEN f.success_score END) AS success_score,
    SUM(CASE WHEN c.satisfaction IS NULL AND c.burst_count > 0 THEN f.resolution END) AS resolution,
    SUM(CASE WHEN c.satisfaction IS NULL AND c.burst_count > 0 THEN f.repetition END) AS repetition,
    CAST(COALESCE(SUM(c.prompt_tokens), 0) AS BIGINT) AS prompt_tokens,
    CAST(COALESCE(SUM(c.completion_tokens), 0) AS BIGINT) AS completion_tokens,
    COUNT(c.cost_usd) AS priced, SUM(c.cost_usd) AS cost_usd";
const WITH_FACTS: &str = " LEFT JOIN record_facts f ON f.conversation_id = c.id";
const BY_ENDING: &str = " GROUP BY p.number, ended";
// The bins are those of `LatencyHistogram`.
const RETRIEVALS: &str = "CAST(CASE WHEN COALESCE(f.outcome, c.outcome, 'unknown') = 'excluded'
        THEN 1 ELSE 0 END AS BIGINT) AS excluded_one,
    CASE WHEN t.total_us < 1000 THEN t.total_us / 10 * 10 WHEN t.total_us < 10000 THEN t.total_us / 100 * 100
        WHEN t.total_us < 100000 THEN t.total_us / 1000 * 1000 WHEN t.total_us < 1000000 THEN t.total_us / 10000 * 10000
        WHEN t.total_us < 10000000 THEN t.total_us / 100000 * 100000 ELSE t.total_us / 1000000 * 1000000 END AS bin_us,
    COUNT(*) AS asked, CAST(SUM(CASE WHEN t.abstained THEN 1 ELSE 0 END) AS BIGINT) AS unanswered";
macro_rules! with_conversation {
    () => {
        " LEFT JOIN conversations c ON c.tenant = t.tenant AND c.external_id = t.conversation_ref
        LEFT JOIN record_facts f ON f.conversation_id = c.id"
    };
}
const WITH_CONVERSATION: &str = with_conversation!();
const BY_BIN: &str = " GROUP BY p.number, excluded_one, bin_us";
const ENTRIES: &str = " SELECT p.number, COUNT(*)";
const EXPOSURES: &str = "COUNT(*) AS shown, CAST(SUM(CASE WHEN x.used THEN 1 ELSE 0 END) AS BIGINT) AS said";
const WITH_EXPOSURES: &str =
    concat!(" JOIN exposures x ON x.retrieval_id = t.id AND x.used IS NOT NULL", with_conversation!());
const NOT_EXCLUDED: &str = " AND COALESCE(f.outcome, c.outcome, 'unknown') <> 'excluded'";
const BY_SPAN: &str = " GROUP BY p.number";
const ENTRIES_BEFORE: &str = "SELECT COUNT(*) FROM knowledge_entries e WHERE e.tenant = ";

#[derive(sqlx::FromRow)]
pub(super) struct ConversationRow {
    pub(super) number: i64,
    pub(super) ended: String,
    conversations: i64,
    spoken: i64,
    turns: i64,
    duration_ms: i64,
    ratings: i64,
    rating_sum: i64,
    unrated: i64,
    success_score: Option<f64>,
    resolution: Option<f64>,
    repetition: Option<f64>,
    prompt_tokens: i64,
    completion_tokens: i64,
    priced: i64,
    cost_usd: Option<f64>,
}

impl Store {
    /// When the first conversation began, the first retrieval was asked or the first entry was made, whichever came
    /// first; `None` when there is none of them.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn first_moment(&self, tenant: &TenantId) -> Result<Option<Timestamp>, StoreError> {
        let mut first = None;
        for sql in [FIRST_CONVERSATION, FIRST_RETRIEVAL, FIRST_ENTRY] {
            let found: Option<(Option<i64>,)> = self.row(Statement::new(sql).bind(tenant)).await?;
            first = first.into_iter().chain(found.and_then(|(found,)| found)).min();
        }
        Ok(first.map(moment))
    }

    /// The sums of each of these spans, in their order. Retrievals are told apart by the conversation whose
    /// `external_id` they named; entries by category and language alone.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn span_sums(
        &self,
        tenant: &TenantId,
        filter: &MetricFilter,
        spans: &[Span],
    ) -> Result<Vec<SpanSums>, StoreError> {
        let mut sums = self.conversation_sums(tenant, filter, spans).await?;
        self.count_new_entries(tenant, filter, spans, &mut sums).await?;
        Ok(sums)
    }

    /// As [`Store::span_sums`], without the new entries.
    pub(super) async fn conversation_sums(
        &self,
        tenant: &TenantId,
        filter: &MetricFilter,
        spans: &[Span],
    ) -> Result<Vec<SpanSums>, StoreError> {
        let mut sums = vec![SpanSums::default(); spans.len()];
        if spans.is_empty() {
            return Ok(sums);
        }
        let mut conversations = with_periods(spans);
        push_conversations(conversations.push(NUMBERED), self.dialect(), tenant);
        filter.push_conversation(&mut conversations);
        conversations.push(BY_ENDING);
        for row in self.rows::<ConversationRow>(conversations).await? {
            let outcome = word("conversations.outcome", &row.ended)?;
            if let Some(sums) = sums.get_mut(position("periods.number", row.number)?) {
                sums.add_conversations(outcome, &row);
            }
        }

        let mut retrievals = with_periods(spans);
        push_retrievals(retrievals.push(NUMBERED), self.dialect(), tenant);
        filter.push_conversation(&mut retrievals);
        retrievals.push(BY_BIN);
        for (number, excluded, bin_us, count, abstained) in self.rows::<(i64, i64, i64, i64, i64)>(retrievals).await? {
            let Some(sums) = sums.get_mut(position("periods.number", number)?) else { continue };
            sums.add_retrievals(excluded != 0, bin_us, (count, abstained));
        }

        let mut exposures = with_periods(spans);
        push_exposures(exposures.push(NUMBERED), self.dialect(), tenant);
        filter.push_conversation(&mut exposures);
        exposures.push(BY_SPAN);
        for (number, shown, used) in self.rows::<(i64, i64, i64)>(exposures).await? {
            if let Some(sums) = sums.get_mut(position("periods.number", number)?) {
                (sums.shown, sums.used) = (shown, used);
            }
        }
        Ok(sums)
    }

    /// Counts in the sums of each of these spans how many of the entries that are there were made in it. An index holds all
    /// that is asked for, so that this is never rolled up.
    pub(super) async fn count_new_entries(
        &self,
        tenant: &TenantId,
        filter: &MetricFilter,
        spans: &[Span],
        sums: &mut [SpanSums],
    ) -> Result<(), StoreError> {
        if spans.is_empty() {
            return Ok(());
        }
        let mut entries = with_periods(spans);
        push_rows_of_spans(entries.push(ENTRIES), self.dialect(), spans::ENTRIES, "", tenant);
        filter.push_entry(&mut entries);
        entries.push(BY_SPAN);
        for (number, count) in self.rows::<(i64, i64)>(entries).await? {
            if let Some(sums) = sums.get_mut(position("periods.number", number)?) {
                sums.new_entries = count;
            }
        }
        Ok(())
    }

    /// How many of the entries that are there were made before a moment.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn entries_before(
        &self,
        tenant: &TenantId,
        filter: &MetricFilter,
        moment: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut select = Statement::new("");
        select.push_with(ENTRIES_BEFORE, tenant).push_with(" AND e.created_at < ", moment);
        filter.push_entry(&mut select);
        self.number(select).await
    }
}

/// What conversations add up to.
pub(super) fn push_conversations(select: &mut Statement, dialect: Dialect, tenant: &TenantId) {
    push_rows_of_spans(select.push(CONVERSATIONS), dialect, spans::CONVERSATIONS, WITH_FACTS, tenant);
}

/// What retrievals add up to.
pub(super) fn push_retrievals(select: &mut Statement, dialect: Dialect, tenant: &TenantId) {
    push_rows_of_spans(select.push(RETRIEVALS), dialect, spans::RETRIEVALS, WITH_CONVERSATION, tenant);
}

/// What entries that were shown add up to.
pub(super) fn push_exposures(select: &mut Statement, dialect: Dialect, tenant: &TenantId) {
    push_rows_of_spans(select.push(EXPOSURES), dialect, spans::RETRIEVALS, WITH_EXPOSURES, tenant);
    select.push(NOT_EXCLUDED);
}

impl MetricFilter {
    fn push_conversation(&self, select: &mut Statement) {
        select
            .push_some(" AND c.agent_id = ", self.agent_id.as_ref())
            .push_some(" AND c.channel = ", self.channel.as_ref())
            .push_some(" AND COALESCE(f.category, c.category) = ", self.category.as_ref())
            .push_some(" AND COALESCE(f.language, c.language) = ", self.language.as_ref().map(Language::as_str));
        if let Some(of) = &self.arm {
            push_members(select.push(" AND c.id IN "), of.experiment_id, &of.arm);
        }
    }

    fn push_entry(&self, select: &mut Statement) {
        select
            .push_some(" AND e.category = ", self.category.as_ref())
            .push_some(" AND e.language = ", self.language.as_ref().map(Language::as_str));
    }
}

impl SpanSums {
    /// Adds what other conversations, retrievals and entries add up to.
    pub fn merge(&mut self, other: &Self) {
        self.conversations += other.conversations;
        self.spoken += other.spoken;
        self.judged += other.judged;
        self.successful += other.successful;
        self.turns += other.turns;
        self.duration_ms += other.duration_ms;
        self.ratings += other.ratings;
        self.rating_sum += other.rating_sum;
        self.unrated += other.unrated;
        self.unrated_success_score += other.unrated_success_score;
        self.unrated_resolution += other.unrated_resolution;
        self.unrated_repetition += other.unrated_repetition;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cost_usd += other.cost_usd;
        self.priced += other.priced;
        self.counted_cost_usd += other.counted_cost_usd;
        self.retrievals += other.retrievals;
        self.counted_retrievals += other.counted_retrievals;
        self.abstained += other.abstained;
        self.latency.merge(&other.latency);
        self.shown += other.shown;
        self.used += other.used;
        self.new_entries += other.new_entries;
    }

    /// Adds retrievals that took about as long; of `asked` so many were `unanswered`.
    pub(super) fn add_retrievals(&mut self, excluded: bool, bin_us: i64, (asked, unanswered): (i64, i64)) {
        self.retrievals += asked;
        if !excluded {
            self.counted_retrievals += asked;
            self.abstained += unanswered;
            self.latency.add(bin_us, asked);
        }
    }

    /// Adds the conversations of one row.
    pub(super) fn add_conversations(&mut self, outcome: Outcome, row: &ConversationRow) {
        let cost_usd = row.cost_usd.unwrap_or_default();
        self.conversations += row.conversations;
        self.prompt_tokens += row.prompt_tokens;
        self.completion_tokens += row.completion_tokens;
        self.cost_usd += cost_usd;
        if outcome == Outcome::Excluded {
            return;
        }
        self.spoken += row.spoken;
        if outcome != Outcome::Unknown {
            self.judged += row.conversations;
        }
        if outcome == Outcome::Successful {
            self.successful += row.conversations;
        }
        self.turns += row.turns;
        self.duration_ms += row.duration_ms;
        self.ratings += row.ratings;
        self.rating_sum += row.rating_sum;
        self.unrated += row.unrated;
        self.unrated_success_score += row.success_score.unwrap_or_default();
        self.unrated_resolution += row.resolution.unwrap_or_default();
        self.unrated_repetition += row.repetition.unwrap_or_default();
        self.priced += row.priced;
        self.counted_cost_usd += cost_usd;
    }
}
