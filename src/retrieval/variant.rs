//! How a retrieval is answered: as configured, or as the arm of its conversation says.

use crate::domain::ids::EntryId;
use crate::domain::ranking::{RankingRules, SuccessOrder};
use crate::engine::experiments::Membership;
use crate::retrieval::settings::RetrievalSettings;

/// One way of answering.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variant {
    /// How fusion and ranking weigh things.
    pub rules: RankingRules,
    /// By what entries within a band are ordered.
    pub success_order: SuccessOrder,
    /// Best cosine under which nothing is offered; without it, the calibrated floor of the model.
    pub floor: Option<f64>,
    /// Entries that are not shown.
    pub hidden: Vec<EntryId>,
}

impl Variant {
    /// The way of these settings, with what an arm changes of it.
    pub(super) fn of(settings: &RetrievalSettings, member: Option<&Membership>) -> Self {
        let mut variant = Self {
            rules: RankingRules {
                lexical_weight: settings.lexical_weight,
                language_bonus: settings.language_bonus,
                band: settings.band,
            },
            success_order: settings.success_order,
            floor: settings.floor,
            hidden: Vec::new(),
        };
        let Some(member) = member else { return variant };
        let Some(arm) = member.experiment.arms.get(member.place) else { return variant };
        let own = &arm.settings;
        let rules = &mut variant.rules;
        rules.lexical_weight = own.lexical_weight.unwrap_or(rules.lexical_weight);
        rules.language_bonus = own.language_bonus.unwrap_or(rules.language_bonus);
        rules.band = own.band.unwrap_or(rules.band);
        variant.success_order = own.success_order.unwrap_or(variant.success_order);
        variant.floor = own.floor.or(variant.floor);
        variant.hidden = member.hidden.clone();
        variant
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::experiment::{
        Arm, ArmSettings, Experiment, ExperimentKind, ExperimentMetric, ExperimentStatus, RetrievalFilter,
    };
    use crate::domain::ids::ExperimentId;
    use uuid::Uuid;

    fn settings() -> RetrievalSettings {
        RetrievalSettings {
            max_in_flight: 1,
            deadline_ms: 1,
            candidates: 1,
            lexical_weight: 0.2,
            language_bonus: 0.05,
            band: 0.1,
            success_order: SuccessOrder::Thompson,
            floor: None,
            context_turns: 1,
            min_intent_confidence: 0.5,
            exposure_buffer: 1,
            exposure_flush_ms: 10,
            entry_cache: 100,
        }
    }

    fn member(own: ArmSettings, rival: ArmSettings) -> Membership {
        let arm = |name: &str, settings| Arm { name: name.to_owned(), share: 0.5, settings };
        let experiment = Experiment {
            id: ExperimentId(Uuid::from_u128(1)),
            name: "a test".to_owned(),
            kind: ExperimentKind::Ranker,
            status: ExperimentStatus::Running,
            metric: ExperimentMetric::SuccessRate,
            arms: vec![arm("a", own), arm("b", rival)],
            filter: RetrievalFilter::default(),
            created_at: Timestamp::from_millis(0),
            started_at: None,
            stopped_at: None,
        };
        let hidden = experiment.hidden_from(0);
        Membership { experiment: Arc::new(experiment), place: 0, hidden }
    }

    #[test]
    fn an_arm_changes_what_it_sets_and_nothing_else() {
        let plain = Variant::of(&settings(), None);
        assert_eq!(Variant::of(&settings(), Some(&member(ArmSettings::default(), ArmSettings::default()))), plain);
        let own = ArmSettings { band: Some(0.0), floor: Some(0.7), ..ArmSettings::default() };
        let entry = EntryId(Uuid::from_u128(7));
        let rival = ArmSettings { entry_id: Some(entry), lexical_weight: Some(0.9), ..ArmSettings::default() };
        let varied = Variant::of(&settings(), Some(&member(own, rival)));
        let rules = RankingRules { band: 0.0, ..plain.rules };
        assert_eq!(varied, Variant { rules, floor: Some(0.7), hidden: vec![entry], ..plain });
    }
}
