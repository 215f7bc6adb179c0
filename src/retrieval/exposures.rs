//! Recording what was shown: after the answer, in batches, never in its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::domain::clock::Timestamp;
use crate::domain::experiment::Assignment;
use crate::domain::ids::TenantId;
use crate::domain::query::RetrievalQuery;
use crate::domain::redaction::Redactor;
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::experiments::Membership;
use crate::retrieval::answer::RetrievalAnswer;
use crate::store::retrievals::{Exposure, Retrieval};

/// Retrievals that are written in one transaction.
const BATCH: usize = 256;
/// How long to wait before a batch that failed is written again.
const RETRY: Duration = Duration::from_secs(1);
/// How often a batch is tried before it is given up.
const ATTEMPTS: usize = 5;

enum Message {
    Shown(Box<Shown>),
    Flush(oneshot::Sender<()>),
}

/// A retrieval of a tenant's, and the arm of its conversation.
struct Shown {
    tenant: TenantId,
    retrieval: Retrieval,
    assignment: Option<Assignment>,
}

/// Where retrievals are handed in. Cloning it is cheap.
#[derive(Clone)]
pub struct ExposureSink(mpsc::Sender<Message>);

impl ExposureSink {
    /// Starts the task that writes; at most `buffer` retrievals wait for it, the first of a batch
    /// as long as `gather` for others.
    pub fn start(engine: Arc<Engine>, buffer: usize, gather: Duration) -> Self {
        let (sender, inbox) = mpsc::channel(buffer);
        tokio::spawn(write_batches(engine, inbox, gather));
        Self(sender)
    }

    /// Hands in what was shown, and where in an experiment. When the buffer is full it is dropped and counted: the call goes
    /// on.
    pub fn record(
        &self,
        tenant: &TenantId,
        (query, member): (&RetrievalQuery, Option<&Membership>),
        answer: &RetrievalAnswer,
        now: Timestamp,
        model: &str,
    ) {
        let shown = answer.results.iter().enumerate().map(|(at, result)| Exposure {
            rank: at + 1,
            entry_id: result.knowledge_id,
            exemplar_id: Some(result.matched_exemplar),
            score: result.score,
            similarity: result.similarity,
        });
        let retrieval = Retrieval {
            id: answer.retrieval_id,
            conversation_ref: query.conversation_ref.clone(),
            turn: query.turn.and_then(|turn| usize::try_from(turn).ok()),
            utterance: Redactor::redact_utterance(query.utterance.as_str()),
            language: query.language.clone(),
            model: model.to_owned(),
            abstained: answer.abstained,
            reason: answer.reason.map(|reason| reason.as_str().to_owned()),
            top_similarity: answer.top_similarity,
            total_us: i64::try_from(answer.timings.total).unwrap_or(i64::MAX),
            created_at: now,
            exposures: shown.collect(),
        };
        let name = query.conversation_ref.as_deref();
        let assignment = member.zip(name).and_then(|(member, name)| member.assignment(name, now));
        let shown = Shown { tenant: tenant.clone(), retrieval, assignment };
        if self.0.try_send(Message::Shown(Box::new(shown))).is_err() {
            metrics::counter!("turnwise_exposures_dropped_total").increment(1);
        }
    }

    /// Waits until everything handed in before is written: before an erasure, at a graceful stop, and in tests.
    pub async fn flush(&self) {
        let (reply, done) = oneshot::channel();
        if self.0.send(Message::Flush(reply)).await.is_ok() {
            // The writer is gone only when the process ends.
            let _ = done.await;
        }
    }
}

async fn write_batches(engine: Arc<Engine>, mut inbox: mpsc::Receiver<Message>, gather: Duration) {
    while let Some(first) = inbox.recv().await {
        let mut batch: Vec<Shown> = Vec::new();
        let mut waiting = Vec::new();
        let mut take = |message: Message, batch: &mut Vec<Shown>| match message {
            Message::Shown(shown) => batch.push(*shown),
            Message::Flush(reply) => waiting.push(reply),
        };
        take(first, &mut batch);
        let until = tokio::time::Instant::now() + gather;
        // Whoever waits for what was handed in before has all of it in this batch or behind him.
        while !batch.is_empty() && batch.len() < BATCH {
            match tokio::time::timeout_at(until, inbox.recv()).await {
                Ok(Some(Message::Flush(reply))) => {
                    take(Message::Flush(reply), &mut batch);
                    break;
                }
                Ok(Some(message)) => take(message, &mut batch),
                Ok(None) | Err(_) => break,
            }
        }
        write_with_retry(&engine, &batch).await;
        for reply in waiting {
            let _ = reply.send(());
        }
    }
}

async fn write_with_retry(engine: &Engine, batch: &[Shown]) {
    for attempt in 1..=ATTEMPTS {
        match write(engine, batch).await {
            Ok(()) => return,
            Err(error) if attempt == ATTEMPTS => {
                metrics::counter!("turnwise_exposures_dropped_total").increment(batch.len() as u64);
                tracing::error!(exposures.count = batch.len(), %error, "Exposures could not be written and are lost");
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

async fn write(engine: &Engine, batch: &[Shown]) -> Result<(), Error> {
    let mut tenants: Vec<&TenantId> = batch.iter().map(|shown| &shown.tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    let mut tx = engine.store.begin().await?;
    for tenant in tenants {
        let own: Vec<&Shown> = batch.iter().filter(|shown| shown.tenant == *tenant).collect();
        let retrievals: Vec<Retrieval> = own.iter().map(|shown| shown.retrieval.clone()).collect();
        tx.insert_retrievals(tenant, &retrievals).await?;
        let assignments: Vec<Assignment> = own.iter().filter_map(|shown| shown.assignment.clone()).collect();
        tx.insert_assignments(tenant, &assignments).await?;
    }
    tx.commit().await?;
    Ok(())
}
