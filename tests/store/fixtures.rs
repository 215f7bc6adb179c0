//! Values to store.

use std::collections::BTreeMap;

use turnwise::domain::analysis::{Chunk, Quality, TrainingRecord};
use turnwise::domain::clock::Timestamp;
use turnwise::domain::conversation::{Conversation, Outcome, OutcomeSource, Speaker, Turn, Usage};
use turnwise::domain::ids::{ChunkId, ConversationId, EntryId, ExemplarId, JobId, RecordId, RetrievalId, TenantId};
use turnwise::domain::knowledge::{Curated, Entry, EntryStatus, Evidence, Exemplar, KnowledgeType};
use turnwise::domain::language::Language;
use turnwise::domain::success::Posterior;
use turnwise::store::Store;
use turnwise::store::entries::{EntrySource, Origin};
use turnwise::store::generations::Generation;
use turnwise::store::jobs::NewJob;
use turnwise::store::retrievals::Retrieval;
use turnwise::store::tx::Tx;
use uuid::Uuid;

pub const GENERATION: &str = "multilingual-e5-small-1";

pub const LEARNED: EntrySource = EntrySource { origin: Origin::Learned, pipeline_version: 1 };

pub fn tenant() -> TenantId {
    TenantId::default_tenant()
}

pub fn other_tenant() -> TenantId {
    TenantId::parse("acme").expect("a valid name")
}

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub fn language(tag: &str) -> Language {
    Language::parse(tag).expect("a valid tag")
}

pub async fn begin(store: &Store) -> Tx {
    store.begin().await.expect("a transaction begins")
}

pub async fn commit(tx: Tx) {
    tx.commit().await.expect("it commits");
}

pub fn conversation(number: u128) -> Conversation {
    let turn =
        |ordinal, speaker, text: &str| Turn { ordinal, speaker, text: text.to_owned(), at: None, retrieval_id: None };
    let mut turns = vec![
        turn(0, Speaker::User, "hi, kitnay ka hai? 🙂 كم السعر"),
        turn(1, Speaker::Agent, "It costs 29 dollars."),
        turn(2, Speaker::Agent, "Shall I book it?"),
        turn(3, Speaker::User, "yes, thanks"),
    ];
    turns[1].at = Some(at(1_500));
    turns[1].retrieval_id = Some(RetrievalId(Uuid::from_u128(number + 1_000)));
    Conversation {
        id: ConversationId(Uuid::from_u128(number)),
        external_id: format!("call-{number}"),
        call_id: Some("CA1".to_owned()),
        caller_hash: Some("9f86d081".to_owned()),
        agent_id: "anna".to_owned(),
        channel: "phone".to_owned(),
        language: Some(language("ur-Latn")),
        category: Some("sales".to_owned()),
        started_at: at(1_000),
        ended_at: at(61_000),
        outcome: Some(Outcome::Successful),
        satisfaction: Some(5),
        usage: Some(Usage { prompt_tokens: 120, completion_tokens: 30, cost_usd: 0.01 }),
        metadata: serde_json::json!({"campaign": "autumn", "tags": [1, 2.5, null]}),
        content_hash: format!("hash-{number}"),
        turns,
    }
}

pub async fn insert_conversation(store: &Store, number: u128) -> Conversation {
    let conversation = conversation(number);
    let mut tx = begin(store).await;
    assert!(tx.insert_conversation(&tenant(), &conversation, at(number as i64)).await.expect("it is stored"));
    commit(tx).await;
    conversation
}

pub fn record(conversation: ConversationId) -> TrainingRecord {
    TrainingRecord {
        id: RecordId::derive(conversation),
        conversation_id: conversation,
        call_id: None,
        agent_id: "anna".to_owned(),
        summary: "The user asked for the price.".to_owned(),
        key_phrases: vec!["price".to_owned(), "قیمت".to_owned()],
        user_intents: vec!["pricing".to_owned()],
        category: "sales".to_owned(),
        outcome: Outcome::Successful,
        outcome_source: OutcomeSource::Caller,
        outcome_confidence: 1.0,
        success_score: 0.9,
        quality: Quality { user_turns: 2, agent_turns: 1, talk_ratio: 0.5, ..Quality::default() },
        reasons: BTreeMap::from([("outcome".to_owned(), "The caller said so.".to_owned())]),
        learning: vec![],
        language: language("en"),
        pipeline_version: 3,
        created_at: at(70_000),
    }
}

pub fn chunk(conversation: ConversationId, ordinal: usize, text: &str) -> Chunk {
    Chunk {
        id: ChunkId::derive(conversation, ordinal, text),
        conversation_id: conversation,
        ordinal,
        first_turn: ordinal,
        last_turn: ordinal + 1,
        text: text.to_owned(),
    }
}

pub fn entry(number: u128) -> Entry {
    Entry {
        id: EntryId(Uuid::from_u128(number)),
        knowledge_type: KnowledgeType::Faq,
        category: "sales".to_owned(),
        intent: Some("pricing".to_owned()),
        title: format!("What does plan {number} cost?"),
        content: "It costs 29 dollars.".to_owned(),
        language: language("en"),
        status: EntryStatus::Live,
        status_reason: None,
        posterior: Posterior::from_evidence(&[0.9]),
        prior_rate: None,
        curated: Curated::default(),
        evidence_count: 0,
        created_at: at(number as i64),
        updated_at: at(number as i64),
    }
}

pub async fn insert_entry(store: &Store, number: u128) -> Entry {
    let entry = entry(number);
    let mut tx = begin(store).await;
    tx.insert_entry(&tenant(), &entry, LEARNED).await.expect("it is stored");
    commit(tx).await;
    entry
}

pub fn exemplar(entry: EntryId, text: &str, said_in: Option<ConversationId>) -> Exemplar {
    Exemplar {
        id: ExemplarId::derive(entry, text),
        entry_id: entry,
        text: text.to_owned(),
        language: language("en"),
        conversation_id: said_in,
        turn: said_in.map(|_| 0),
        created_at: at(5),
    }
}

pub fn evidence(entry: EntryId, conversation: ConversationId) -> Evidence {
    Evidence {
        entry_id: entry,
        conversation_id: conversation,
        question_turn: 0,
        answer_turn: 1,
        caller: "9f86d081".to_owned(),
        success_score: 0.9,
        outcome: Outcome::Successful,
    }
}

/// A retrieval that showed nothing.
pub fn retrieval(number: u128, conversation: Option<&str>) -> Retrieval {
    Retrieval {
        id: RetrievalId(Uuid::from_u128(number)),
        conversation_ref: conversation.map(str::to_owned),
        turn: None,
        utterance: "what does it cost".to_owned(),
        language: None,
        model: "multilingual-e5-small".to_owned(),
        abstained: false,
        reason: None,
        top_similarity: None,
        total_us: 1,
        created_at: at(number as i64),
        exposures: vec![],
    }
}

pub async fn insert_generation(store: &Store) {
    let generation = Generation {
        name: GENERATION.to_owned(),
        model: "multilingual-e5-small".to_owned(),
        dimension: 384,
        created_at: at(1),
    };
    let mut tx = begin(store).await;
    assert!(tx.insert_generation(&generation).await.expect("it is stored"));
    commit(tx).await;
}

pub fn job(number: u128, kind: &str) -> NewJob {
    NewJob {
        id: JobId(Uuid::from_u128(number)),
        kind: kind.to_owned(),
        payload: serde_json::json!({"conversation_id": number.to_string()}),
        dedupe_key: Some(format!("key-{number}")),
        priority: 0,
        run_at: at(100),
        trace_id: Some("trace".to_owned()),
    }
}
