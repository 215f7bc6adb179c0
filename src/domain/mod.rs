//! Pure types and rules: what a conversation, a knowledge entry and a success rate *are*.
//!
//! Guarantees: no IO, no async, no vendor crate, no clock and no randomness of its own. Everything here can be tested
//! with values alone.

pub mod analysis;
pub mod case_decision;
pub mod change_point;
pub mod classify;
pub mod clock;
pub mod conversation;
pub mod credit;
pub mod deserialize;
pub mod dice;
pub mod draft;
pub mod entry_fields;
pub mod entry_version;
pub mod error;
pub mod experiment;
pub mod experiment_arms;
pub mod experiment_statistics;
pub mod gaps;
pub mod ids;
pub mod import;
pub mod key_fields;
pub mod knowledge;
pub mod language;
pub mod language_recognition;
pub mod language_space;
pub mod latency;
pub mod period;
pub mod query;
pub mod ranking;
pub mod redaction;
pub mod regression;
pub mod satisfaction;
pub mod schedule;
pub mod softmax;
pub mod success;
pub mod text;
pub mod training;
pub mod vectors;
