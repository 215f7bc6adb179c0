//! The arms of an experiment as somebody wants them, and what makes them arms.

use serde_json::{Map, Value};

use crate::domain::error::FieldError;
use crate::domain::experiment::{Arm, ArmSettings, ExperimentKind};
use crate::domain::ids::EntryId;
use crate::domain::ranking::SuccessOrder;

/// The fewest arms.
pub const MIN_ARMS: usize = 2;
/// The most arms.
pub const MAX_ARMS: usize = 10;
/// The most characters of the name of an arm.
pub const MAX_NAME_CHARS: usize = 100;
/// How far the shares may be from 1 together.
const ROUNDING: f64 = 1e-6;

/// An arm that is wanted; nothing of it is checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmDraft {
    /// What people call it.
    pub name: String,
    /// Its share of the conversations.
    pub share: Option<f64>,
    /// Its settings, by their names.
    pub settings: Map<String, Value>,
}

/// Reads the arms of an experiment of this kind.
///
/// # Errors
/// Everything that is wrong with them, each under its name: `arms[1].settings.floor`.
pub fn check_arms(kind: ExperimentKind, given: &[ArmDraft]) -> Result<Vec<Arm>, Vec<FieldError>> {
    if !(MIN_ARMS..=MAX_ARMS).contains(&given.len()) {
        return Err(vec![FieldError::new("arms", format!("must be {MIN_ARMS} to {MAX_ARMS} arms"))]);
    }
    let mut errors = Vec::new();
    let mut arms: Vec<Arm> = Vec::with_capacity(given.len());
    for (at, draft) in given.iter().enumerate() {
        let mut refuse = |field: &str, message: String| {
            errors.push(FieldError::new(format!("arms[{at}].{field}"), message));
        };
        let name = draft.name.trim();
        if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            refuse("name", format!("must be 1 to {MAX_NAME_CHARS} characters without control characters"));
        } else if arms.iter().any(|arm| arm.name == name) {
            refuse("name", "is the name of another arm".to_owned());
        }
        let share = draft.share.filter(|share| *share > 0.0 && *share < 1.0);
        if share.is_none() {
            refuse("share", "must be a number above 0 and below 1".to_owned());
        }
        let settings = read_settings(kind, &draft.settings, &mut refuse);
        arms.push(Arm { name: name.to_owned(), share: share.unwrap_or_default(), settings });
    }
    if errors.is_empty() {
        errors = wrong_together(kind, &arms);
    }
    if errors.is_empty() { Ok(arms) } else { Err(errors) }
}

/// What is wrong with arms that are each right.
fn wrong_together(kind: ExperimentKind, arms: &[Arm]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let total: f64 = arms.iter().map(|arm| arm.share).sum();
    if (total - 1.0).abs() > ROUNDING {
        errors.push(FieldError::new("arms", format!("their shares add up to {total}, and must add up to 1")));
    }
    if kind == ExperimentKind::Holdout && arms.iter().filter(|arm| arm.settings.holdout).count() != 1 {
        errors.push(FieldError::new("arms", "exactly one of them must have the settings {\"holdout\": true}"));
    }
    if kind == ExperimentKind::Entry {
        let mut seen: Vec<EntryId> = Vec::with_capacity(arms.len());
        for (at, arm) in arms.iter().enumerate() {
            let field = format!("arms[{at}].settings.entry_id");
            match arm.settings.entry_id {
                None => errors.push(FieldError::new(field, "is missing; name the entry of this arm")),
                Some(entry) if seen.contains(&entry) => {
                    errors.push(FieldError::new(field, "is the entry of another arm"));
                }
                Some(entry) => seen.push(entry),
            }
        }
    }
    errors
}

/// The settings that an arm of this kind may have.
fn settings_of(kind: ExperimentKind) -> &'static [&'static str] {
    match kind {
        ExperimentKind::Holdout => &["holdout"],
        ExperimentKind::Ranker => &["success_order", "band", "lexical_weight", "language_bonus"],
        ExperimentKind::Threshold => &["floor"],
        ExperimentKind::Entry => &["entry_id"],
    }
}

fn read_settings(
    kind: ExperimentKind,
    given: &Map<String, Value>,
    refuse: &mut impl FnMut(&str, String),
) -> ArmSettings {
    let mut settings = ArmSettings::default();
    let known = settings_of(kind);
    for (name, value) in given {
        let read = if !known.contains(&name.as_str()) {
            Err(format!("is not known; an arm of the kind {kind} has {}", known.join(", ")))
        } else if value.is_null() {
            Ok(())
        } else {
            read_setting(&mut settings, name, value)
        };
        if let Err(message) = read {
            refuse(&format!("settings.{name}"), message);
        }
    }
    settings
}

fn read_setting(settings: &mut ArmSettings, name: &str, value: &Value) -> Result<(), String> {
    match name {
        "holdout" => settings.holdout = value.as_bool().ok_or("must be true or false")?,
        "success_order" => {
            let word = value.as_str().ok_or("must be a text")?;
            settings.success_order = Some(word.parse::<SuccessOrder>().map_err(|error| error.message)?);
        }
        "band" => settings.band = Some(number(value, 0.0)?),
        "lexical_weight" => settings.lexical_weight = Some(number(value, 0.0)?),
        "language_bonus" => settings.language_bonus = Some(number(value, 0.0)?),
        "floor" => settings.floor = Some(number(value, -1.0)?),
        _ => {
            let id = value.as_str().and_then(|text| text.parse().ok());
            settings.entry_id = Some(id.ok_or("must be the id of an entry, a UUID")?);
        }
    }
    Ok(())
}

/// A number from `least` to 1.
fn number(value: &Value, least: f64) -> Result<f64, String> {
    let number = value.as_f64().filter(|number| (least..=1.0).contains(number));
    number.ok_or_else(|| format!("must be a number from {least} to 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arm(name: &str, share: f64, settings: Value) -> ArmDraft {
        let settings = settings.as_object().cloned().unwrap_or_default();
        ArmDraft { name: name.to_owned(), share: Some(share), settings }
    }

    /// The fields that are refused of two arms, the second of which has these settings.
    fn refused(kind: ExperimentKind, settings: Value) -> Vec<String> {
        let arms = [arm("a", 0.5, json!({})), arm("b", 0.5, settings)];
        check_arms(kind, &arms).err().unwrap_or_default().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn each_kind_has_settings_of_its_own() {
        use ExperimentKind::{Entry, Holdout, Ranker, Threshold};

        assert_eq!(refused(Holdout, json!({"holdout": true})), Vec::<String>::new());
        assert_eq!(refused(Ranker, json!({"success_order": "mean", "band": 0.1, "floor": null})).len(), 1);
        assert_eq!(refused(Ranker, json!({"success_order": "mean", "band": 0.1})), Vec::<String>::new());
        assert_eq!(refused(Threshold, json!({"floor": -0.5})), Vec::<String>::new());
        for (kind, settings, field) in [
            (Holdout, json!({}), "arms"),
            (Holdout, json!({"holdout": 1}), "arms[1].settings.holdout"),
            (Ranker, json!({"success_order": "best"}), "arms[1].settings.success_order"),
            (Ranker, json!({"lexical_weight": 1.5}), "arms[1].settings.lexical_weight"),
            (Ranker, json!({"floor": 0.5}), "arms[1].settings.floor"),
            (Threshold, json!({"floor": "high"}), "arms[1].settings.floor"),
            (Entry, json!({"entry_id": "first"}), "arms[1].settings.entry_id"),
        ] {
            assert_eq!(refused(kind, settings.clone()), [field], "{kind} {settings}");
        }
        let id = "01a205c1-1395-7709-b7d2-8909f9a470df";
        assert_eq!(refused(Entry, json!({"entry_id": id})), ["arms[0].settings.entry_id"]);
        let twice = [arm("a", 0.5, json!({"entry_id": id})), arm("b", 0.5, json!({"entry_id": id}))];
        assert!(check_arms(Entry, &twice).is_err_and(|errors| errors[0].field == "arms[1].settings.entry_id"));
    }

    #[test]
    fn arms_have_names_and_shares() {
        let check = |arms: &[ArmDraft]| {
            let errors = check_arms(ExperimentKind::Ranker, arms).err().unwrap_or_default();
            errors.into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        let plain = |name: &str, share: f64| arm(name, share, json!({}));
        assert_eq!(check(&[plain("a", 0.3), plain("b", 0.3), plain("c", 0.4)]), Vec::<String>::new());
        assert_eq!(check(&[plain("a", 0.5)]), ["arms"]);
        assert_eq!(check(&vec![plain("a", 0.1); 11]), ["arms"]);
        assert_eq!(check(&[plain("a", 0.5), plain("b", 0.4)]), ["arms"]);
        assert_eq!(check(&[plain("a", 0.5), plain(" a ", 0.5)]), ["arms[1].name"]);
        assert_eq!(check(&[plain("", 0.5), plain("b", f64::NAN)]), ["arms[0].name", "arms[1].share"]);
        assert_eq!(check(&[plain("a", 1.0), plain("b", 0.0)]), ["arms[0].share", "arms[1].share"]);
    }
}
