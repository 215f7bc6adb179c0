//! The arm of an experiment whose conversations are measured.

use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::domain::ids::{ExperimentId, TenantId};
use crate::store::Store;
use crate::store::measures::ArmOf;

/// An arm as it was asked for: an experiment and a name.
pub(super) type AskedArm = (String, String);

/// Takes both parameters or neither.
pub(super) fn check_arm(checks: &mut FieldChecks, experiment: Option<&str>, arm: Option<&str>) -> Option<AskedArm> {
    match (experiment, arm) {
        (Some(_), None) => checks.refuse("arm", "is missing; name an arm of the experiment"),
        (None, Some(_)) => checks.refuse("experiment", "is missing; name the experiment of the arm"),
        _ => {}
    }
    Some((experiment?.trim().to_owned(), arm?.trim().to_owned()))
}

/// The arm, if there is one.
pub(super) async fn find_arm(
    store: &Store,
    tenant: &TenantId,
    asked: Option<AskedArm>,
) -> Result<Option<ArmOf>, ApiError> {
    let Some((experiment, arm)) = asked else { return Ok(None) };
    let missing = || ApiError::not_found("experiment", &experiment);
    let experiment_id: ExperimentId = experiment.parse().map_err(|_| missing())?;
    let found = store.experiment(tenant, experiment_id).await?.ok_or_else(missing)?;
    if found.arms.iter().all(|known| known.name != arm) {
        return Err(ApiError::not_found("arm", &arm));
    }
    Ok(Some(ArmOf { experiment_id, arm }))
}
