//! `turnwise ingest`: files of conversations in, knowledge out.
//!
//! Guarantees: what cannot be taken is told by its place with the reason, and the rest goes on; running it again changes
//! nothing, so whoever is interrupted runs it again; memory does not grow with the input, because only so many
//! conversations wait for learning as [`AHEAD`] allows.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar};
use memory_stats::memory_stats;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::cli::answers::{Change, Standing};
use crate::cli::args::IngestArgs;
use crate::cli::backend::{Backend, NotTaken};
use crate::cli::conversations_file::ConversationsFile;
use crate::cli::failure::{Exit, Failure};
use crate::cli::input::Place;
use crate::cli::print::{Voice, warn};
use crate::domain::conversation::ConversationStatus;
use crate::domain::draft::ConversationDraft;
use crate::learning::accept::Replace;

/// The most conversations that were handed in and are not yet learned from.
const AHEAD: usize = 256;
/// Conversations that are looked at in vain before the rest is believed to be unfinished too: they are learned from in
/// about the order in which they were handed in.
const LOOKS: usize = 4;
/// Time between two looks at what is being learned from.
const TICK: Duration = Duration::from_millis(100);
/// Conversations that are read ahead of the one that is handed in.
const READ_AHEAD: usize = 16;
/// A server that takes nothing for so long will not take anything.
const LONGEST_BUSY: Duration = Duration::from_secs(600);
/// Memory is measured after so many conversations, and compared with the end.
const WARM: u64 = 1_000;

const BAR: &str = "{spinner} {pos} learned from, {len} handed in {wide_bar} {msg} {elapsed}";

type Item = (Place, Result<ConversationDraft, String>);

/// What came of all files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Conversations that are new.
    accepted: u64,
    /// Conversations that were known with other content.
    replaced: u64,
    /// Conversations that were there, exactly so.
    unchanged: u64,
    /// Lines, items or conversations that were not taken.
    rejected: u64,
    /// Conversations that were learned from while this ran; 0 with `--no-wait`.
    learned: u64,
    /// Conversations of which the learning was given up.
    learning_failed: u64,
    /// How long it all took.
    seconds: f64,
    /// Conversations that were learned from per second, also those that waited from before; with `--no-wait` those that were
    /// taken.
    conversations_per_second: f64,
    /// Resident memory of this process when it learns itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
}

/// Resident memory of this process.
#[derive(Clone, Copy, Debug, Serialize)]
struct Memory {
    /// After the first 1 000 conversations; none when there were fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_1000_bytes: Option<u64>,
    /// At the end.
    end_bytes: u64,
    /// The end beside the first 1 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
}

/// A line of the JSON output.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Rejected { file: &'a str, place: String, reason: &'a str },
    LearningFailed { file: &'a str, place: String, conversation_id: &'a str, reason: &'a str },
    Summary(&'a Summary),
}

/// A conversation that was handed in and is not known to be learned from.
struct Pending {
    id: String,
    file: String,
    place: Place,
}

struct Ingest<'a> {
    backend: &'a Backend,
    voice: Voice,
    replace: Replace,
    bar: ProgressBar,
    wait: bool,
    pending: VecDeque<Pending>,
    summary: Summary,
    warm_bytes: Option<u64>,
}

/// Sees that every file can be opened, before anything is made or loaded for it.
///
/// # Errors
/// When one cannot.
pub fn check_files(args: &IngestArgs) -> Result<(), Failure> {
    args.files.iter().try_for_each(|path| check_file(path))
}

/// Sees that a file can be opened; standard input can.
///
/// # Errors
/// When it cannot.
pub fn check_file(path: &Path) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        return Ok(());
    }
    let checked = std::fs::metadata(path).and_then(|found| match found.is_dir() {
        true => Err(std::io::Error::other("it is a directory; give the files in it")),
        // A pipe is not opened twice: whoever writes to it would end when it is closed.
        false if found.is_file() => std::fs::File::open(path).map(|_| ()),
        false => Ok(()),
    });
    checked.map_err(|error| Failure::io(format!("{} cannot be read", path.display()), &error))
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be opened, or nothing can be taken any more.
pub async fn run(args: &IngestArgs, mut backend: Backend, voice: Voice) -> Result<Exit, Failure> {
    let started = Instant::now();
    if !args.no_wait {
        backend.start_learning().await?;
    }
    let mut ingest = Ingest {
        backend: &backend,
        voice,
        replace: if args.replace { Replace::Yes } else { Replace::No },
        bar: voice.progress(BAR),
        wait: !args.no_wait,
        pending: VecDeque::new(),
        summary: Summary::default(),
        warm_bytes: None,
    };
    let result = ingest.all(&args.files).await;
    ingest.bar.finish_and_clear();
    let summary = ingest.sum_up(started.elapsed(), matches!(backend, Backend::Local(_)));
    // Also after a failure: jobs that run now end well, and the rest is done by whoever comes next.
    backend.close().await;
    // What was taken is taken, whatever stopped the rest; so it is told first.
    tell(&summary, args, voice)?;
    result?;
    Ok(match &summary {
        summary if summary.rejected > 0 => Exit::Rejected,
        summary if summary.learning_failed > 0 => Exit::Unwell,
        _ => Exit::Done,
    })
}

impl Ingest<'_> {
    async fn all(&mut self, files: &[std::path::PathBuf]) -> Result<(), Failure> {
        for path in files {
            let name = path.display().to_string();
            let mut items = read(path, &name)?;
            while let Some((place, draft)) = items.recv().await {
                match draft {
                    Ok(draft) => self.hand_in(&name, place, draft).await?,
                    Err(reason) => self.reject(&name, place, &reason)?,
                }
            }
        }
        while !self.pending.is_empty() {
            self.look().await?;
        }
        Ok(())
    }

    async fn hand_in(&mut self, file: &str, place: Place, draft: ConversationDraft) -> Result<(), Failure> {
        while self.pending.len() >= AHEAD {
            self.look().await?;
        }
        let mut busy = Duration::ZERO;
        let taken = loop {
            match self.backend.hand_in(draft.clone(), self.replace).await {
                Ok(taken) => break taken,
                Err(NotTaken::Rejected(reason)) => return self.reject(file, place, &reason),
                Err(NotTaken::Failed(failure)) => return Err(failure),
                Err(NotTaken::Busy(_)) if busy >= LONGEST_BUSY => {
                    let minutes = LONGEST_BUSY.as_secs() / 60;
                    return Err(Failure::new(format!("{file}: {place}: nothing was taken for {minutes} minutes")));
                }
                Err(NotTaken::Busy(pause)) => {
                    busy += pause;
                    tokio::time::sleep(pause).await;
                }
            }
        };
        match taken.change {
            Change::Created => self.summary.accepted += 1,
            Change::Replaced => self.summary.replaced += 1,
            Change::None => self.summary.unchanged += 1,
        }
        // One of which the learning failed at an earlier time is looked at as well, so that its failure is told.
        if self.wait && taken.status != ConversationStatus::Processed {
            self.pending.push_back(Pending { id: taken.id, file: file.to_owned(), place });
        }
        self.measure();
        self.bar.set_length(self.taken());
        Ok(())
    }

    /// Takes what is learned from off the list; waits a moment when it is nothing.
    async fn look(&mut self) -> Result<(), Failure> {
        let before = self.pending.len();
        let mut unfinished = Vec::new();
        while unfinished.len() < LOOKS {
            let Some(pending) = self.pending.pop_front() else { break };
            match self.backend.standing(&pending.id).await? {
                Standing::Unfinished => unfinished.push(pending),
                Standing::Learned => self.summary.learned += 1,
                Standing::Gone => {}
                Standing::Failed(reason) => self.learning_failed(&pending, &reason)?,
            }
        }
        while let Some(pending) = unfinished.pop() {
            self.pending.push_front(pending);
        }
        self.measure();
        self.bar.set_position(self.summary.learned);
        if self.pending.len() == before {
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    fn reject(&mut self, file: &str, place: Place, reason: &str) -> Result<(), Failure> {
        self.summary.rejected += 1;
        self.bar.set_message(format!("{} rejected", self.summary.rejected));
        if self.voice.json {
            return self.voice.say_json(&Event::Rejected { file, place: place.to_string(), reason });
        }
        self.bar.suspend(|| warn(&format!("{file}: {place}: {reason}")));
        Ok(())
    }

    fn learning_failed(&mut self, pending: &Pending, reason: &str) -> Result<(), Failure> {
        self.summary.learning_failed += 1;
        let Pending { id, file, place } = pending;
        if self.voice.json {
            let event = Event::LearningFailed { file, place: place.to_string(), conversation_id: id, reason };
            return self.voice.say_json(&event);
        }
        self.bar.suspend(|| warn(&format!("{file}: {place}: taken, but not learned from: {reason}")));
        Ok(())
    }

    fn taken(&self) -> u64 {
        self.summary.accepted + self.summary.replaced
    }

    /// Notes the memory once, when so many conversations have gone all the way that this command follows them.
    fn measure(&mut self) {
        let done = if self.wait { self.summary.learned } else { self.taken() };
        if self.warm_bytes.is_none() && done >= WARM {
            self.warm_bytes = resident_bytes();
        }
    }

    fn sum_up(self, took: Duration, here: bool) -> Summary {
        let seconds = took.as_secs_f64();
        let done = if self.wait { self.summary.learned } else { self.taken() };
        let memory = resident_bytes().filter(|_| here).map(|end_bytes| Memory {
            after_1000_bytes: self.warm_bytes,
            end_bytes,
            ratio: self.warm_bytes.map(|warm| end_bytes as f64 / warm as f64),
        });
        Summary { seconds, conversations_per_second: done as f64 / seconds.max(1e-9), memory, ..self.summary }
    }
}

/// Reads a file on a thread of its own: standard input and gzip block.
fn read(path: &Path, name: &str) -> Result<mpsc::Receiver<Item>, Failure> {
    let file = ConversationsFile::open(path).map_err(|error| Failure::io(format!("{name} cannot be read"), &error))?;
    let (items, received) = mpsc::channel(READ_AHEAD);
    // A thread that nobody waits for: at a failure, one that blocks on standard input must not hold up the end.
    let reader = std::thread::Builder::new().name("ingest-reader".to_owned()).spawn(move || {
        for item in file {
            if items.blocking_send(item).is_err() {
                return;
            }
        }
    });
    reader.map_err(|error| Failure::io("a thread cannot be started", &error))?;
    Ok(received)
}

fn resident_bytes() -> Option<u64> {
    memory_stats().map(|stats| stats.physical_mem as u64)
}

fn tell(summary: &Summary, args: &IngestArgs, voice: Voice) -> Result<(), Failure> {
    if voice.json {
        return voice.say_json(&Event::Summary(summary));
    }
    if voice.quiet {
        return Ok(());
    }
    let Summary { accepted, unchanged, rejected, seconds, conversations_per_second, .. } = summary;
    let replaced = if args.replace { format!("{} replaced, ", summary.replaced) } else { String::new() };
    voice.say(&format!("{accepted} accepted, {replaced}{unchanged} unchanged, {rejected} rejected"))?;
    if args.no_wait {
        voice.say("learning goes on in the server, or in the next `turnwise ingest`")?;
    } else {
        voice.say(&format!("{} learned from, {} failed", summary.learned, summary.learning_failed))?;
    }
    voice.say(&format!("{seconds:.1} s, {conversations_per_second:.1} conversations per second"))?;
    let Some(memory) = summary.memory else { return Ok(()) };
    let end = HumanBytes(memory.end_bytes);
    match (memory.after_1000_bytes, memory.ratio) {
        (Some(warm), Some(ratio)) => voice.say(&format!(
            "resident memory: {} after {WARM} conversations, {end} at the end ({ratio:.2} times)",
            HumanBytes(warm)
        )),
        _ => voice.say(&format!("resident memory: {end} at the end")),
    }
}
