//! A thread that owns one session of a model, and the bounded queue in front of it.
//!
//! A running inference cannot be interrupted, so that live queries and learning each have a lane. A full queue is an
//! error at once. Work whose caller has gone or whose deadline has passed is skipped. A failure or a panic is the answer
//! to the text that caused it; the lane goes on.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::sync::oneshot;

use crate::embedding::error::{Cause, EmbeddingError};
use crate::embedding::packing::pack;
use crate::embedding::tokens::Reading;

/// How many texts a lane gathers from waiting requests, to pack them together.
const ROUND_TEXTS: usize = 256;

/// The priority, from 0 to 99, that `thread-priority` turns into nice 10.
const NICE_10: u8 = 22;

/// Which of a model's two sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// For a person who waits: normal priority, every text alone.
    Live,
    /// For learning and re-embedding: nice 10, so that it takes only what the live lane leaves.
    Batch,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Batch => "batch",
        })
    }
}

/// A text embedded by a lane.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Output {
    pub vector: Arc<[f32]>,
    pub tokens: usize,
    pub truncated: bool,
}

/// The answer to a request: its texts in their order, or the first thing that went wrong.
pub(super) type Answer = Result<Vec<Output>, EmbeddingError>;

/// Reads a text into tokens.
pub(super) type Read = dyn Fn(&str) -> Result<Reading, Cause> + Send;

/// Runs the model on some texts together, given as tokens.
pub(super) type Run = dyn FnMut(&[&[u32]]) -> Result<Vec<Vec<f32>>, EmbeddingError> + Send;

/// What a lane's thread does with texts.
pub(super) struct Engine {
    pub read: Box<Read>,
    pub run: Box<Run>,
}

/// The name and the bounds of a lane.
#[derive(Clone, Debug)]
pub(super) struct LanePlan {
    pub model: String,
    pub lane: Lane,
    /// How many requests may wait.
    pub queue_length: usize,
    /// How many tokens may run together; 0 for every text alone.
    pub batch_tokens: usize,
}

/// The queue of a lane, and its thread, which ends with this.
pub(super) struct LaneQueue {
    plan: LanePlan,
    sender: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl LaneQueue {
    /// Starts the thread.
    ///
    /// # Errors
    /// `Thread` when the system gives none.
    pub(super) fn start(plan: LanePlan, engine: Engine) -> Result<Self, EmbeddingError> {
        let (sender, requests) = sync_channel(plan.queue_length);
        let worker = Worker { engine, plan: plan.clone() };
        let thread = thread::Builder::new()
            .name(format!("embed-{}", plan.lane))
            .spawn(move || worker.serve(&requests))
            .map_err(|source| EmbeddingError::Thread { model: plan.model.clone(), lane: plan.lane, source })?;
        Ok(Self { plan, sender: Some(sender), thread: Some(thread) })
    }

    /// Puts texts into the queue. Dropping the receiver withdraws them.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full.
    pub(super) fn submit(
        &self,
        texts: Vec<Arc<str>>,
        deadline: Option<Instant>,
    ) -> Result<oneshot::Receiver<Answer>, EmbeddingError> {
        let (reply, answer) = oneshot::channel();
        let outputs = vec![None; texts.len()];
        let request = Request { texts, deadline, outputs, reply: Some(reply) };
        let sent = match &self.sender {
            Some(sender) => sender.try_send(request),
            None => Err(TrySendError::Disconnected(request)),
        };
        match sent {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => {
                Err(EmbeddingError::Overloaded { model: self.plan.model.clone(), lane: self.plan.lane })
            }
            Err(TrySendError::Disconnected(_)) => Err(self.stopped()),
        }
    }

    /// What is said to a request that the lane will never answer.
    pub(super) fn stopped(&self) -> EmbeddingError {
        EmbeddingError::Stopped { model: self.plan.model.clone(), lane: self.plan.lane }
    }
}

impl Drop for LaneQueue {
    fn drop(&mut self) {
        // The thread ends when the queue is closed. It is waited for, because ONNX Runtime must not be at work while
        // the process unloads it.
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // An error is a panic of the thread, which the panic hook has reported.
            let _ = thread.join();
        }
    }
}

/// Texts that wait for their vectors.
struct Request {
    texts: Vec<Arc<str>>,
    deadline: Option<Instant>,
    outputs: Vec<Option<Output>>,
    /// `None` once it is answered.
    reply: Option<oneshot::Sender<Answer>>,
}

impl Request {
    /// Whether anybody still waits; a request whose deadline has passed is told so here.
    fn is_wanted(&mut self) -> bool {
        if self.reply.as_ref().is_none_or(oneshot::Sender::is_closed) {
            return false;
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.answer(Err(EmbeddingError::DeadlineExceeded));
            return false;
        }
        true
    }

    fn put(&mut self, position: usize, output: Output) {
        self.outputs[position] = Some(output);
        if self.outputs.iter().all(Option::is_some) {
            let outputs = self.outputs.drain(..).flatten().collect();
            self.answer(Ok(outputs));
        }
    }

    fn answer(&mut self, answer: Answer) {
        if let Some(reply) = self.reply.take() {
            // An error is a caller who has gone meanwhile.
            let _ = reply.send(answer);
        }
    }
}

/// A text on its way through the model: the request and the position that it belongs to.
struct Piece {
    request: usize,
    position: usize,
    reading: Reading,
}

struct Worker {
    engine: Engine,
    plan: LanePlan,
}

impl Worker {
    fn serve(mut self, requests: &Receiver<Request>) {
        if self.plan.lane == Lane::Batch {
            be_nice();
        }
        while let Ok(first) = requests.recv() {
            self.serve_round(gather(first, requests, self.plan.batch_tokens));
        }
    }

    fn serve_round(&mut self, mut requests: Vec<Request>) {
        let pieces = self.read(&mut requests);
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.reading.ids.len()).collect();
        for run in pack(&lengths, self.plan.batch_tokens) {
            let run: Vec<&Piece> = run.into_iter().map(|piece| &pieces[piece]).collect();
            self.run(&mut requests, &run);
        }
    }

    /// Reads all texts of the requests that are still wanted.
    fn read(&mut self, requests: &mut [Request]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (number, request) in requests.iter_mut().enumerate() {
            if !request.is_wanted() {
                continue;
            }
            let read = || request.texts.iter().map(|text| (self.engine.read)(text)).collect::<Result<Vec<_>, _>>();
            let failed = |source| EmbeddingError::Inference { model: self.plan.model.clone(), source };
            match guard(&self.plan.model, || read().map_err(failed)) {
                Ok(readings) => pieces.extend(readings.into_iter().enumerate().map(|(position, reading)| Piece {
                    request: number,
                    position,
                    reading,
                })),
                Err(error) => request.answer(Err(error)),
            }
        }
        pieces
    }

    /// Runs the model on some pieces together, leaving out what nobody wants any more.
    fn run(&mut self, requests: &mut [Request], run: &[&Piece]) {
        let wanted: Vec<&Piece> = run.iter().copied().filter(|piece| requests[piece.request].is_wanted()).collect();
        if wanted.is_empty() {
            return;
        }
        let ids: Vec<&[u32]> = wanted.iter().map(|piece| piece.reading.ids.as_slice()).collect();
        match guard(&self.plan.model, || (self.engine.run)(&ids)) {
            Ok(vectors) => {
                for (piece, vector) in wanted.iter().zip(vectors) {
                    let output = Output {
                        vector: vector.into(),
                        tokens: piece.reading.ids.len(),
                        truncated: piece.reading.truncated,
                    };
                    requests[piece.request].put(piece.position, output);
                }
            }
            // One text must not fail those that happened to share its run.
            Err(_) if wanted.len() > 1 => wanted.iter().for_each(|piece| self.run(requests, &[piece])),
            Err(error) => requests[wanted[0].request].answer(Err(error)),
        }
    }
}

/// The request and, when texts may share a run, some of those that wait behind it.
fn gather(first: Request, waiting: &Receiver<Request>, batch_tokens: usize) -> Vec<Request> {
    let mut texts = first.texts.len();
    let mut requests = vec![first];
    while batch_tokens > 0 && texts < ROUND_TEXTS {
        let Ok(request) = waiting.try_recv() else { break };
        texts += request.texts.len();
        requests.push(request);
    }
    requests
}

/// Turns a panic into an error.
fn guard<T>(model: &str, work: impl FnOnce() -> Result<T, EmbeddingError>) -> Result<T, EmbeddingError> {
    // A panic cannot leave anything half done that the next text would see: a session is only read.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Err(EmbeddingError::Panicked { model: model.to_owned(), message })
    })
}

fn be_nice() {
    let priority = ThreadPriorityValue::try_from(NICE_10).map(ThreadPriority::Crossplatform);
    let lowered = priority.is_ok_and(|priority| set_current_thread_priority(priority).is_ok());
    if !lowered {
        tracing::warn!("The batch lane runs at normal priority: the system does not let a thread lower its own");
    }
}

#[cfg(test)]
mod tests;
