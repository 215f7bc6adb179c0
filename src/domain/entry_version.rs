//! What an entry was after each step, so that every step of a person can be taken back.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::ids::{ConversationId, EntryId, ExemplarId, KeyId};
use crate::domain::knowledge::{Curated, Entry, EntryStatus, Exemplar, KnowledgeType};
use crate::domain::language::Language;
use crate::domain::text::normalise;

word_enum!(
    /// What made a version.
    VersionStep {
        /// A person wrote the entry.
        Created = "created",
        /// What learning had made of it when a person came to change it.
        Learned = "learned",
        /// A person changed it.
        Edited = "edited",
        /// A person took it out of use.
        Retired = "retired",
        /// A person put an earlier version back.
        Restored = "restored",
    }
);

/// Who changed an entry, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Editor {
    /// The API key.
    pub key: Option<KeyId>,
    /// What people call that key, or where the change came from.
    pub name: Option<String>,
}

/// One version of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryVersion {
    /// The entry.
    pub entry_id: EntryId,
    /// Counts up from 1.
    pub number: i64,
    /// What made it.
    pub step: VersionStep,
    /// Who; nobody where it was learned.
    pub editor: Editor,
    /// What the entry was from then on; `None` when it quoted a conversation that was erased.
    pub snapshot: Option<EntrySnapshot>,
    /// When.
    pub created_at: Timestamp,
}

/// All of an entry that a person can change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntrySnapshot {
    /// Its kind.
    pub knowledge_type: KnowledgeType,
    /// Its category.
    pub category: String,
    /// The intent that it serves.
    pub intent: Option<String>,
    /// Its heading.
    pub title: String,
    /// What to say or do.
    pub content: String,
    /// Language of the content.
    pub language: Language,
    /// Whether it is offered.
    pub status: EntryStatus,
    /// Why it has this status.
    pub status_reason: Option<String>,
    /// The success rate that was given, 0 to 1.
    pub prior_rate: Option<f64>,
    /// What of it a person wrote or decided.
    pub curated: Curated,
    /// Its exemplars, the oldest first.
    pub phrases: Vec<Phrase>,
}

/// An exemplar in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phrase {
    /// The utterance.
    pub text: String,
    /// Where it was said; `None` for a person's own.
    pub conversation_id: Option<ConversationId>,
    /// Ordinal of the user turn there.
    pub turn: Option<usize>,
}

impl Phrase {
    /// One that a person wrote.
    pub fn own(text: String) -> Self {
        Self { text, conversation_id: None, turn: None }
    }
}

impl EntrySnapshot {
    /// An entry with its exemplars as it is now.
    pub fn of(entry: &Entry, exemplars: &[Exemplar]) -> Self {
        let phrases = exemplars.iter().map(|exemplar| Phrase {
            text: exemplar.text.clone(),
            conversation_id: exemplar.conversation_id,
            turn: exemplar.turn,
        });
        Self {
            knowledge_type: entry.knowledge_type,
            category: entry.category.clone(),
            intent: entry.intent.clone(),
            title: entry.title.clone(),
            content: entry.content.clone(),
            language: entry.language.clone(),
            status: entry.status,
            status_reason: entry.status_reason.clone(),
            prior_rate: entry.prior_rate,
            curated: entry.curated,
            phrases: phrases.collect(),
        }
    }

    /// Whether it holds words that may have been said in a conversation, and must go with it.
    pub fn quotes_conversations(&self) -> bool {
        let is_said = |phrase: &Phrase| phrase.conversation_id.is_some();
        // The name of a discovered intent is made of somebody's words.
        !self.curated.title || !self.curated.content || self.intent.is_some() || self.phrases.iter().any(is_said)
    }

    /// The entry that `before` becomes. Its posterior stays; who changes the prior makes it anew.
    pub fn onto(&self, before: &Entry, now: Timestamp) -> Entry {
        Entry {
            id: before.id,
            knowledge_type: self.knowledge_type,
            category: self.category.clone(),
            intent: self.intent.clone(),
            title: self.title.clone(),
            content: self.content.clone(),
            language: self.language.clone(),
            status: self.status,
            status_reason: self.status_reason.clone(),
            posterior: before.posterior,
            prior_rate: self.prior_rate,
            curated: self.curated,
            evidence_count: before.evidence_count,
            created_at: before.created_at,
            updated_at: now,
        }
    }

    /// These phrases as the list of this entry: those that it has stay as they are and where they are, the others come
    /// behind them in their order. Two that sound alike are one.
    pub fn with_phrases(&self, wanted: Vec<Phrase>) -> Vec<Phrase> {
        let mut wanted: Vec<(String, Phrase)> =
            wanted.into_iter().map(|phrase| (normalise(&phrase.text), phrase)).collect();
        let mut list: Vec<Phrase> = Vec::with_capacity(wanted.len());
        for phrase in &self.phrases {
            let sound = normalise(&phrase.text);
            let count = wanted.len();
            wanted.retain(|(other, _)| *other != sound);
            if wanted.len() < count {
                list.push(phrase.clone());
            }
        }
        let mut sounds: Vec<String> = Vec::new();
        for (sound, phrase) in wanted {
            if !sounds.contains(&sound) {
                sounds.push(sound);
                list.push(phrase);
            }
        }
        list
    }

    /// The exemplars of its phrases. They are a millisecond apart from `first` on, so that they are listed as they stand
    /// here.
    pub fn exemplars(&self, entry: EntryId, first: Timestamp) -> Vec<Exemplar> {
        let exemplar = |(place, phrase): (i64, &Phrase)| Exemplar {
            id: ExemplarId::derive(entry, &normalise(&phrase.text)),
            entry_id: entry,
            text: phrase.text.clone(),
            language: self.language.clone(),
            conversation_id: phrase.conversation_id,
            turn: phrase.turn,
            created_at: first.plus_millis(place),
        };
        (0_i64..).zip(&self.phrases).map(exemplar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn snapshot(phrases: Vec<Phrase>) -> EntrySnapshot {
        EntrySnapshot {
            knowledge_type: KnowledgeType::Faq,
            category: "sales".to_owned(),
            intent: None,
            title: "Price".to_owned(),
            content: "29 dollars".to_owned(),
            language: Language::undetermined(),
            status: EntryStatus::Live,
            status_reason: None,
            prior_rate: Some(0.85),
            curated: Curated { title: true, content: true, phrases: false, status: true },
            phrases,
        }
    }

    fn said(text: &str) -> Phrase {
        Phrase { text: text.to_owned(), conversation_id: Some(ConversationId(Uuid::from_u128(7))), turn: Some(2) }
    }

    #[test]
    fn a_phrase_that_is_there_stays_as_it_is() {
        let held = snapshot(vec![said("How much?"), Phrase::own("price".to_owned())]);
        let own = |text: &str| Phrase::own(text.to_owned());
        let list = held.with_phrases(vec![own("quote"), own("PRICE"), own("how much"), own("Quote!")]);
        assert_eq!(list, vec![said("How much?"), own("price"), own("quote")]);
        assert_eq!(held.with_phrases(vec![own("cost")]), vec![own("cost")]);
    }

    #[test]
    fn what_quotes_a_conversation_is_known() {
        let own = snapshot(vec![Phrase::own("price".to_owned())]);
        assert!(!own.quotes_conversations());
        assert!(snapshot(vec![said("how much")]).quotes_conversations());
        let learned = EntrySnapshot { curated: Curated { title: true, ..Curated::default() }, ..own.clone() };
        assert!(learned.quotes_conversations());
        assert!(EntrySnapshot { intent: Some("discovered:dog".to_owned()), ..own }.quotes_conversations());
    }

    #[test]
    fn a_snapshot_is_read_back() {
        let given = snapshot(vec![said("how much"), Phrase::own("قیمت".to_owned())]);
        let text = serde_json::to_string(&given).expect("it is JSON");
        assert_eq!(serde_json::from_str::<EntrySnapshot>(&text).expect("it is read"), given);
    }
}
