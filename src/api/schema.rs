//! Words of the domain in the OpenAPI document; the domain itself knows nothing of it.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::analytics::performance::PeriodOrder;
use crate::api::code::Code;
use crate::api::performance::csv_table::Format;
use crate::domain::case_decision::{CaseState, Decision};
use crate::domain::conversation::{ConversationStatus, Outcome, OutcomeSource, Speaker};
use crate::domain::entry_version::VersionStep;
use crate::domain::experiment::{ExperimentKind, ExperimentMetric, ExperimentStatus};
use crate::domain::experiment_statistics::ExperimentDecision;
use crate::domain::gaps::GapStatus;
use crate::domain::import::ImportStatus;
use crate::domain::knowledge::{CaseKind, EntryStatus, KnowledgeType};
use crate::domain::period::PeriodKind;
use crate::domain::ranking::SuccessOrder;
use crate::domain::training::{SessionKind, SessionStatus};
use crate::retrieval::answer::{Abstention, Degradation};
use crate::store::conversations::ConversationOrder;
use crate::store::entries::EntryOrder;
use crate::store::gaps::GapOrder;
use crate::store::jobs::JobState;
use crate::store::keys::KeyScope;
use crate::store::page::CreatedOrder;
use crate::store::records::RecordOrder;
use crate::store::sessions::SessionOrder;

fn words(words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

macro_rules! word_schemas {
    ($($name:ident),+ $(,)?) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                words(Self::ALL.iter().map(|value| value.as_str()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

word_schemas!(
    Abstention,
    CaseKind,
    CaseState,
    Code,
    ConversationOrder,
    ConversationStatus,
    CreatedOrder,
    Decision,
    Degradation,
    EntryOrder,
    EntryStatus,
    ExperimentDecision,
    ExperimentKind,
    ExperimentMetric,
    ExperimentStatus,
    Format,
    GapOrder,
    GapStatus,
    ImportStatus,
    JobState,
    KeyScope,
    KnowledgeType,
    Outcome,
    OutcomeSource,
    PeriodKind,
    PeriodOrder,
    RecordOrder,
    SessionKind,
    SessionOrder,
    SessionStatus,
    Speaker,
    SuccessOrder,
    VersionStep,
);
