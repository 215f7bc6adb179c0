//! Which conversations a session is about, as it is asked for.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::fields::FieldChecks;
use crate::domain::conversation::{ConversationStatus, Outcome};
use crate::domain::training::Selection;

/// Which conversations; what is left out does not filter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionFilter)]
pub struct FilterBody {
    /// Their category: as analysed, or as given while they are not analysed.
    #[schema(min_length = 1, max_length = 200)]
    category: Option<String>,
    /// How they ended, likewise.
    #[schema(value_type = Option<Outcome>)]
    outcome: Option<String>,
    /// Their language, likewise.
    language: Option<String>,
    /// Which agent spoke.
    #[schema(min_length = 1, max_length = 200)]
    agent_id: Option<String>,
    /// Begun at this moment or later.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Begun before this moment.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// Where they stand.
    #[schema(value_type = Option<ConversationStatus>)]
    status: Option<String>,
}

impl FilterBody {
    /// Reads the filter; wrong fields are told as fields of `filter`.
    pub(super) fn check(&self, checks: &mut FieldChecks) -> Selection {
        let selection = Selection {
            conversation_ids: Vec::new(),
            category: checks.name("filter.category", self.category.as_deref()),
            outcome: checks.word("filter.outcome", self.outcome.as_deref()),
            language: checks.language("filter.language", self.language.as_deref()),
            agent_id: checks.name("filter.agent_id", self.agent_id.as_deref()),
            from: checks.time("filter.from", self.from.as_deref()),
            to: checks.time("filter.to", self.to.as_deref()),
            status: checks.word("filter.status", self.status.as_deref()),
            below_version: None,
        };
        checks.ordered(("filter.from", selection.from), ("filter.to", selection.to));
        selection
    }
}
