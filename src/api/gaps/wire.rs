//! Gaps as they are answered.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::gaps::{Gap, GapDraft, GapStatus};
use crate::domain::language::Language;

/// What users ask and nobody has written down.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gap)]
pub struct GapBody {
    /// Its id.
    id: Uuid,
    /// The most central of the utterances, redacted.
    title: String,
    /// The last of its utterances, redacted, at most 5.
    utterances: Vec<String>,
    /// The language in which it is asked, a BCP 47 tag.
    #[schema(value_type = String)]
    language: Language,
    /// The category of most of its conversations.
    #[schema(required)]
    category: Option<String>,
    /// What became of it.
    status: GapStatus,
    /// How often it was asked; when an entry was written for it, before that.
    volume: i64,
    /// How often it was asked in vain since an entry was written for it.
    volume_after: i64,
    /// Conversations in which it was asked, as far as those were handed in.
    conversations: i64,
    /// How many of those failed; one that partly failed is half of one.
    failures: f64,
    /// What those conversations cost together, in US dollars; null when no cost is known.
    #[schema(required)]
    cost_usd: Option<f64>,
    /// How much it matters: `volume` × the share of its conversations that failed, as (`failures` + 1) / (those whose end is
    /// known + 2), × the average cost of one of them in averages of the tenant, 1 when no cost is known.
    score: f64,
    /// An answer that an agent gave to the same in a call that went well; null when there is none.
    #[schema(required)]
    draft: Option<GapDraftBody>,
    /// The entry that was written for it.
    #[schema(required)]
    entry_id: Option<Uuid>,
    /// Why it was dismissed, in the words of who did.
    #[schema(required)]
    reason: Option<String>,
    /// Who decided: the name of the key.
    #[schema(required)]
    decided_by: Option<String>,
    /// When it was decided.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    decided_at: Option<Timestamp>,
    /// When it was asked first.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    first_seen: Option<Timestamp>,
    /// When it was asked last.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_seen: Option<Timestamp>,
}

/// An answer that was given, and where.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GapDraft)]
pub struct GapDraftBody {
    /// What the agent said, redacted.
    content: String,
    /// The conversation's id.
    conversation_id: Uuid,
    /// Ordinal of the agent turn.
    turn: usize,
}

impl GapBody {
    /// A gap with a few of its utterances.
    pub fn new(gap: Gap, utterances: Vec<String>) -> Self {
        let decided = gap.decided.as_ref();
        Self {
            id: gap.id.0,
            utterances,
            status: gap.status,
            volume: gap.counts.volume,
            volume_after: gap.counts.volume_after,
            conversations: gap.counts.conversations,
            failures: gap.counts.failures,
            cost_usd: gap.counts.cost_usd,
            score: gap.score,
            entry_id: decided.and_then(|decided| decided.entry_id).map(|id| id.0),
            reason: decided.and_then(|decided| decided.reason.clone()),
            decided_by: decided.and_then(|decided| decided.editor.name.clone()),
            decided_at: decided.map(|decided| decided.decided_at),
            first_seen: gap.counts.first_seen,
            last_seen: gap.counts.last_seen,
            draft: gap.draft.map(GapDraftBody::from),
            title: gap.title,
            language: gap.language,
            category: gap.category,
        }
    }
}

impl From<GapDraft> for GapDraftBody {
    fn from(draft: GapDraft) -> Self {
        Self { content: draft.content, conversation_id: draft.conversation_id.0, turn: draft.turn }
    }
}
