//! Settings of analytics: section `[metrics]` of the configuration.

use std::fmt;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::ids::TenantId;
use crate::domain::period::TimeZones;

/// How metrics are told. Every field is explained in `defaults.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSettings {
    /// The time zone of days, weeks and months.
    pub time_zone: Tz,
    /// Tenants with a time zone of their own, each once.
    pub tenant_time_zones: Vec<TenantTimeZone>,
}

impl MetricSettings {
    /// The time zone of every tenant.
    pub fn zones(&self) -> TimeZones {
        let own = self.tenant_time_zones.iter().map(|own| (own.tenant.clone(), own.time_zone));
        TimeZones::new(self.time_zone, own.collect())
    }
}

/// A tenant and its time zone, written `TENANT=ZONE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantTimeZone {
    /// The tenant.
    pub tenant: TenantId,
    /// Where its days begin.
    pub time_zone: Tz,
}

impl TryFrom<String> for TenantTimeZone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = |why: String| format!("must be TENANT=ZONE, such as acme=Europe/Berlin, not {text:?}: {why}");
        let (tenant, zone) = text.split_once('=').ok_or_else(|| wrong("it has no '='".to_owned()))?;
        let tenant = TenantId::parse(tenant.trim()).map_err(|error| wrong(format!("a tenant {}", error.message)))?;
        let zone = zone.trim();
        let time_zone: Tz = zone.parse().map_err(|_| wrong(format!("{zone:?} is no time zone of the IANA list")))?;
        Ok(Self { tenant, time_zone })
    }
}

impl fmt::Display for TenantTimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.tenant, self.time_zone)
    }
}

impl From<TenantTimeZone> for String {
    fn from(own: TenantTimeZone) -> Self {
        own.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_time_zone_is_read_and_what_is_none_is_told() {
        let read = |text: &str| TenantTimeZone::try_from(text.to_owned());
        let own = read("acme = Asia/Karachi").expect("it is one");
        assert_eq!(
            (own.tenant.as_str(), own.time_zone, own.to_string().as_str()),
            ("acme", Tz::Asia__Karachi, "acme=Asia/Karachi")
        );
        for (wrong, why) in [("acme", "no '='"), ("Acme=UTC", "a tenant must be"), ("acme=Mars", "no time zone")] {
            let told = read(wrong).expect_err("it is none");
            assert!(told.starts_with("must be TENANT=ZONE") && told.contains(why), "{told}");
        }
        let settings = MetricSettings { time_zone: Tz::UTC, tenant_time_zones: vec![own.clone()] };
        assert_eq!(settings.zones().of(&own.tenant), Tz::Asia__Karachi);
        assert_eq!(settings.zones().of(&TenantId::default_tenant()), Tz::UTC);
    }
}
