//! `turnwise keys`: API keys, for whoever runs the installation.
//!
//! Guarantees: a key is printed once, on standard output, and stands in no other output and no log.

use chrono::{NaiveDate, NaiveTime};
use clap::Subcommand;
use serde::Deserialize;
use uuid::Uuid;

use crate::cli::desk::read;
use crate::cli::failure::{Exit, Failure};
use crate::cli::key_desk::{KeyDesk, NewKey};
use crate::cli::option_values::{key_id, word};
use crate::cli::print::{Voice, table};
use crate::domain::clock::{Clock, SystemClock, Timestamp};
use crate::store::keys::KeyScope;

/// What is done with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key; it is shown this once
    Create {
        /// What people call it
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do: agent, curator or admin
        #[arg(long, value_parser = word::<KeyScope>)]
        scope: KeyScope,
        /// Whose data it is for; one that nobody has named before begins empty. Without it, the tenant of the asking key
        #[arg(long)]
        tenant: Option<String>,
        /// From when on it is refused: a day (2027-01-31, in UTC) or a moment (2027-01-31T12:00:00Z); without it, never
        #[arg(long, value_name = "TIME", value_parser = parse_end)]
        expires: Option<Timestamp>,
    },
    /// List keys, also those that are revoked or expired, the last made first
    List {
        /// Only those of this tenant
        #[arg(long)]
        tenant: Option<String>,
        /// Only those of this scope
        #[arg(long, value_parser = word::<KeyScope>)]
        scope: Option<KeyScope>,
    },
    /// Refuse a key from now on
    Revoke {
        /// Which one, by its id
        #[arg(value_name = "ID", value_parser = key_id)]
        id: Uuid,
    },
}

/// A key as it is listed.
#[derive(Debug, Deserialize)]
struct KeyLine {
    id: String,
    tenant: String,
    name: String,
    scope: KeyScope,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl KeysCommand {
    /// Whether it makes a key, for which nothing need be there yet.
    pub const fn makes_one(&self) -> bool {
        matches!(self, Self::Create { .. })
    }
}

/// Runs the command.
///
/// # Errors
/// When the server refuses or fails.
pub async fn run(command: &KeysCommand, desk: &KeyDesk, voice: Voice) -> Result<Exit, Failure> {
    match command {
        KeysCommand::Create { name, scope, tenant, expires } => {
            let wanted = NewKey { name, scope: *scope, tenant: tenant.as_deref(), expires_at: *expires };
            create(&wanted, desk, voice).await?;
        }
        KeysCommand::List { tenant, scope } => list(tenant.as_deref(), *scope, desk, voice).await?,
        KeysCommand::Revoke { id } => revoke(*id, desk, voice).await?,
    }
    Ok(Exit::Done)
}

async fn create(wanted: &NewKey<'_>, desk: &KeyDesk, voice: Voice) -> Result<(), Failure> {
    let made = desk.create(wanted).await?;
    if voice.json {
        return voice.say_json(&made);
    }
    let key = made["key"].as_str().ok_or_else(|| Failure::new("the server answers without a key"))?.to_owned();
    let about: KeyLine = read(made)?;
    voice.remark(&format!("{} It is stored hashed and shown only now:", described(&about)));
    voice.say(&key)?;
    voice.remark("Send it as 'Authorization: Bearer KEY'.");
    Ok(())
}

async fn list(tenant: Option<&str>, scope: Option<KeyScope>, desk: &KeyDesk, voice: Voice) -> Result<(), Failure> {
    let listed = desk.list(tenant, scope).await?;
    if voice.json {
        return voice.say_json(&listed);
    }
    if listed.is_empty() {
        return voice.say(match (tenant, scope) {
            (None, None) => {
                "There is no key yet; the first `turnwise serve` makes one, and so does `turnwise keys create`."
            }
            _ => "There is no such key; `turnwise keys list` without --tenant and --scope lists all.",
        });
    }
    let now = SystemClock.now();
    let day = |moment: Option<Timestamp>| moment.map_or_else(|| "-".to_owned(), day);
    let mut rows = Vec::new();
    for key in listed {
        let key: KeyLine = read(key)?;
        let state = state(&key, now).to_owned();
        let (made, used, end) = (day(Some(key.created_at)), day(key.last_used_at), day(key.expires_at));
        rows.push(vec![key.id, key.name, key.scope.to_string(), key.tenant, state, made, used, end]);
    }
    voice.say(&table(&["id", "name", "scope", "tenant", "state", "made", "last used", "expires"], rows))
}

async fn revoke(id: Uuid, desk: &KeyDesk, voice: Voice) -> Result<(), Failure> {
    let missing = || Failure::new(format!("there is no key {id}; `turnwise keys list` lists those there are"));
    let before: KeyLine = read(desk.key(id).await?.ok_or_else(missing)?)?;
    desk.revoke(id).await?;
    if voice.json {
        return voice.say_json(&desk.key(id).await?.ok_or_else(missing)?);
    }
    let was = if before.revoked_at.is_some() { "had been revoked before" } else { "is revoked" };
    voice.say(&format!("{} ({}, tenant {}) {was}", before.name, before.scope, before.tenant))
}

fn described(key: &KeyLine) -> String {
    let end = key.expires_at.map_or_else(|| "does not expire".to_owned(), |end| format!("expires at {end}"));
    format!("This is {}, a key of the scope {} for the tenant {}; it {end}.", key.name, key.scope, key.tenant)
}

fn state(key: &KeyLine, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else {
        "valid"
    }
}

fn day(moment: Timestamp) -> String {
    moment.to_string().chars().take(10).collect()
}

fn parse_end(text: &str) -> Result<Timestamp, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let midnight = day.map(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp_millis());
    midnight
        .map(Timestamp::from_millis)
        .or_else(|| Timestamp::parse(text))
        .ok_or_else(|| "must be a day such as 2027-01-31, or a moment such as 2027-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_day_or_a_moment() {
        let end = |text| parse_end(text).map(|end| end.to_string());
        assert_eq!(end("2027-01-31"), Ok("2027-01-31T00:00:00Z".to_owned()));
        assert_eq!(end("2027-01-31T12:00:00+02:00"), Ok("2027-01-31T10:00:00Z".to_owned()));
        assert!(end("next year").expect_err("no time").contains("2027-01-31"));
    }

    #[test]
    fn what_opens_nothing_any_more_is_told() {
        let at = Timestamp::from_millis;
        let key = |revoked_at, expires_at| KeyLine {
            id: String::new(),
            tenant: "default".to_owned(),
            name: "x".to_owned(),
            scope: KeyScope::Agent,
            created_at: at(0),
            last_used_at: None,
            expires_at,
            revoked_at,
        };
        let states = [key(None, None), key(None, Some(at(5))), key(None, Some(at(6))), key(Some(at(1)), None)];
        let told: Vec<&str> = states.iter().map(|key| state(key, at(5))).collect();
        assert_eq!(told, ["valid", "expired", "valid", "revoked"]);
    }
}
