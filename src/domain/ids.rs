//! Typed ids, so that two of them cannot be swapped.
//!
//! What is made is UUIDv7 from an [`IdSource`]; what is derived from other things is UUIDv5 of them, so that deriving
//! it again gives the same id and a second run of a stage overwrites instead of doubling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::error::FieldError;

/// The name space of every derived id of Turnwise.
const DERIVED: Uuid = Uuid::from_u128(0x9d3c_52a1_6f0e_5b7a_8c41_0d6e_7475_726e);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// One finished conversation (UUIDv7).
    ConversationId
);
uuid_id!(
    /// One knowledge entry (UUIDv7; of one that was taken over, UUIDv5 of its tenant and its key elsewhere).
    EntryId
);
uuid_id!(
    /// One exemplar, which is also its point in the vector index (UUIDv5 of entry and normalised text).
    ExemplarId
);
uuid_id!(
    /// One chunk, which is also its point in the vector index (UUIDv5 of conversation, ordinal and content).
    ChunkId
);
uuid_id!(
    /// One training record (UUIDv5 of its conversation).
    RecordId
);
uuid_id!(
    /// One queued piece of work (UUIDv7).
    JobId
);
uuid_id!(
    /// One retrieval, as told to the agent (UUIDv7).
    RetrievalId
);
uuid_id!(
    /// One case that a curator decides (UUIDv5 of its kind and the entries that it is about).
    CaseId
);
uuid_id!(
    /// One gap in what is known (UUIDv5 of the retrieval that founded it).
    GapId
);
uuid_id!(
    /// One API key (UUIDv7).
    KeyId
);
uuid_id!(
    /// One training session (UUIDv7).
    SessionId
);
uuid_id!(
    /// One experiment (UUIDv7).
    ExperimentId
);

impl EntryId {
    /// The id of the entry that this tenant takes over under this key.
    pub fn imported(tenant: &TenantId, key: &str) -> Self {
        Self(derive(&["import", tenant.as_str(), key]))
    }
}

impl ExemplarId {
    /// The id of the exemplar with this normalised text of this entry.
    pub fn derive(entry: EntryId, normalised: &str) -> Self {
        Self(derive(&["exemplar", &entry.to_string(), normalised]))
    }
}

impl ChunkId {
    /// The id of the chunk with this ordinal and content of this conversation.
    pub fn derive(conversation: ConversationId, ordinal: usize, content: &str) -> Self {
        Self(derive(&["chunk", &conversation.to_string(), &ordinal.to_string(), content]))
    }
}

impl RecordId {
    /// The id of the training record of this conversation.
    pub fn derive(conversation: ConversationId) -> Self {
        Self(derive(&["record", &conversation.to_string()]))
    }
}

impl CaseId {
    /// The id of the case of this kind between these two entries.
    pub fn derive(kind: &str, entry: EntryId, other: Option<EntryId>) -> Self {
        let other = other.map(|id| id.to_string()).unwrap_or_default();
        Self(derive(&["case", kind, &entry.to_string(), &other]))
    }
}

impl GapId {
    /// The id of the gap that this retrieval founds.
    pub fn derive(founder: RetrievalId) -> Self {
        Self(derive(&["gap", &founder.to_string()]))
    }
}

/// UUIDv5 of parts that cannot run into each other.
fn derive(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&DERIVED, parts.join("\u{1f}").as_bytes())
}

/// The owner of data: 1 to 63 characters of `a-z`, `0-9`, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TenantId(String);

impl TenantId {
    /// The one tenant of an installation that has not named others.
    pub fn default_tenant() -> Self {
        Self("default".to_owned())
    }

    /// Takes a tenant name, or says what is wrong with it.
    ///
    /// # Errors
    /// When the name is empty, longer than 63 characters, or holds other characters than named above.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if text.is_empty() || text.len() > 63 || !text.chars().all(allowed) {
            return Err(FieldError::new("tenant", "must be 1 to 63 characters of a-z, 0-9, '-' and '_'"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where new ids come from; injected, so that tests know them beforehand.
pub trait IdSource: Send + Sync {
    /// A fresh UUIDv7 that carries `now`.
    fn uuid(&self, now: Timestamp) -> Uuid;
}

/// Ids with random bits, for real use.
#[derive(Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn uuid(&self, now: Timestamp) -> Uuid {
        #[expect(clippy::disallowed_methods, reason = "this is the injected source of ids")]
        let random: [u8; 10] = rand::random();
        uuid::Builder::from_unix_timestamp_millis(now.as_millis().unsigned_abs(), &random).into_uuid()
    }
}

/// Ids that count up, for tests: the same run makes the same ids.
#[derive(Debug, Default)]
pub struct CountingIds(std::sync::atomic::AtomicU64);

impl IdSource for CountingIds {
    fn uuid(&self, now: Timestamp) -> Uuid {
        let count = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut random = [0_u8; 10];
        random[2..].copy_from_slice(&count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(now.as_millis().unsigned_abs(), &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_repeat_and_keep_parts_apart() {
        let entry = EntryId(Uuid::from_u128(7));
        assert_eq!(ExemplarId::derive(entry, "hello"), ExemplarId::derive(entry, "hello"));
        assert_ne!(ExemplarId::derive(entry, "hello"), ExemplarId::derive(EntryId(Uuid::from_u128(8)), "hello"));
        assert_ne!(derive(&["a", "bc"]), derive(&["ab", "c"]));
    }

    #[test]
    fn new_ids_sort_by_time() {
        let ids = CountingIds::default();
        let early = ids.uuid(Timestamp::from_millis(1_000));
        let late = ids.uuid(Timestamp::from_millis(2_000));
        assert!(early < late);
        assert_eq!(late.get_version_num(), 7);
    }

    #[test]
    fn a_tenant_name_is_checked() {
        assert!(TenantId::parse("acme-2").is_ok());
        for bad in ["", "Acme", "a b", &"x".repeat(64)] {
            assert!(TenantId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
