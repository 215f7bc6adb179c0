//! What was written since the shard was last flushed, in a file beside it.
//!
//! The engine's own log is never replayed, a flush takes a good part of a second on a large shard, and none is possible
//! while an optimisation runs; so durability is here. Guarantees: a change that [`RedoLog::append`] returned for is read
//! back by [`RedoLog::read`] after `kill -9`, in order, and after power loss too when the settings ask for it; a torn
//! record is the end of the file. Refuses: to be a second index; it is read once, at opening.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::index::error::IndexError;
use crate::index::point::{Payload, Point};
use crate::index::writer::Change;

const FILE: &str = "redo.log";

/// The open file.
pub(super) struct RedoLog {
    file: File,
    path: PathBuf,
    bytes: u64,
    survive_power_loss: bool,
}

/// What a process that ended left behind.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Unflushed {
    /// The changes, in order.
    pub(super) changes: Vec<Change>,
    /// Whether it ended in the middle of an optimisation.
    pub(super) while_optimising: bool,
}

/// One line of JSON.
#[derive(Serialize, Deserialize)]
enum Record {
    Upsert(Vec<LoggedPoint>),
    Delete(Vec<Uuid>),
    Optimising,
}

#[derive(Serialize, Deserialize)]
struct LoggedPoint {
    id: Uuid,
    /// Little-endian `f32`s in hexadecimal, exact to the bit.
    vector: String,
    text: String,
    payload: Payload,
}

impl RedoLog {
    /// Begins an empty file.
    pub(super) fn begin(dir: &Path, survive_power_loss: bool) -> Result<Self, IndexError> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path);
        Ok(Self { file: file.map_err(IndexError::io("create", &path))?, path, bytes: 0, survive_power_loss })
    }

    /// Makes changes durable.
    pub(super) fn append<'a>(&mut self, changes: impl Iterator<Item = &'a Change>) -> Result<(), IndexError> {
        let lines: Result<Vec<_>, _> = changes.map(|change| line(&Record::from(change))).collect();
        self.write(lines?.concat().as_bytes())
    }

    /// Notes that an optimisation begins.
    pub(super) fn append_optimising(&mut self) -> Result<(), IndexError> {
        self.write(line(&Record::Optimising)?.as_bytes())
    }

    /// How large it is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Forgets everything: the shard has been flushed.
    pub(super) fn clear(&mut self) -> Result<(), IndexError> {
        self.bytes = 0;
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(IndexError::io("empty", &self.path))
    }

    /// What a process that ended left here.
    pub(super) fn read(dir: &Path) -> Result<Unflushed, IndexError> {
        let path = dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Unflushed::default()),
            Err(error) => return Err(IndexError::io("read", &path)(error)),
        };
        let mut unflushed = Unflushed::default();
        for record in bytes.split_inclusive(|byte| *byte == b'\n').map_while(record) {
            match record {
                Record::Upsert(points) => {
                    let points: Option<Vec<_>> = points.into_iter().map(LoggedPoint::read).collect();
                    unflushed.changes.extend(points.map(Change::Upsert));
                }
                Record::Delete(ids) => unflushed.changes.push(Change::Delete(ids)),
                Record::Optimising => unflushed.while_optimising = true,
            }
        }
        Ok(unflushed)
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), IndexError> {
        let written = self.file.write_all(lines).and_then(|()| match self.survive_power_loss {
            true => self.file.sync_data(),
            false => Ok(()),
        });
        if let Err(error) = written {
            // Half a record would hide everything after it.
            let _ = self.file.set_len(self.bytes).and_then(|()| self.file.seek(std::io::SeekFrom::Start(self.bytes)));
            return Err(IndexError::io("write", &self.path)(error));
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }
}

fn line(record: &Record) -> Result<String, IndexError> {
    let json = serde_json::to_string(record).map_err(IndexError::engine("log a change"))?;
    Ok(format!("{:016x} {json}\n", checksum(json.as_bytes())))
}

/// Reads one line; `None` when it was torn.
fn record(line: &[u8]) -> Option<Record> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (sum, json) = line.split_once(' ')?;
    if u64::from_str_radix(sum, 16).ok()? != checksum(json.as_bytes()) {
        return None;
    }
    serde_json::from_str(json).ok()
}

impl From<&Change> for Record {
    fn from(change: &Change) -> Self {
        match change {
            Change::Upsert(points) => Self::Upsert(points.iter().map(LoggedPoint::write).collect()),
            Change::Delete(ids) => Self::Delete(ids.clone()),
        }
    }
}

impl LoggedPoint {
    fn write(point: &Point) -> Self {
        let bytes: Vec<u8> = point.vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self { id: point.id, vector: hex::encode(bytes), text: point.text.clone(), payload: point.payload.clone() }
    }

    fn read(self) -> Option<Point> {
        let bytes = hex::decode(&self.vector).ok()?;
        let (floats, []) = bytes.as_chunks::<4>() else { return None };
        let vector: Arc<[f32]> = floats.iter().map(|float| f32::from_le_bytes(*float)).collect();
        Some(Point { id: self.id, vector, text: self.text, payload: self.payload })
    }
}

/// FNV-1a: it need not be strong, only to tell half a line from a whole one.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Outcome;
    use crate::domain::ids::TenantId;
    use crate::domain::language::Language;

    fn chunk() -> Point {
        Point {
            id: Uuid::from_u128(1),
            vector: Arc::from([0.1_f32, -0.0, f32::MIN_POSITIVE]),
            text: "two\nlines and a \"quote\" نہیں".to_owned(),
            payload: Payload::chunk(
                TenantId::default_tenant(),
                Uuid::from_u128(2),
                Language::undetermined(),
                "billing".to_owned(),
                Outcome::Partial,
                crate::domain::clock::Timestamp::from_millis(1_756_000_000_123),
            ),
        }
    }

    #[test]
    fn what_was_logged_is_read_back_to_the_bit() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(RedoLog::read(dir.path()).expect("nothing"), Unflushed::default());

        let mut log = RedoLog::begin(dir.path(), true).expect("a log");
        let changes = vec![Change::Upsert(vec![chunk()]), Change::Delete(vec![Uuid::from_u128(1)])];
        log.append(changes.iter()).expect("logged");
        let read = RedoLog::read(dir.path()).expect("read");
        assert_eq!(read, Unflushed { changes, while_optimising: false });

        log.clear().expect("cleared");
        log.append_optimising().expect("logged");
        let read = RedoLog::read(dir.path()).expect("read");
        assert_eq!(read, Unflushed { changes: Vec::new(), while_optimising: true });
    }

    #[test]
    fn a_torn_record_is_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut log = RedoLog::begin(dir.path(), false).expect("a log");
        let changes = [Change::Delete(vec![Uuid::from_u128(1)]), Change::Upsert(vec![chunk()])];
        log.append(changes[..1].iter()).expect("logged");
        let first = log.bytes();
        log.append(changes[1..].iter()).expect("logged");

        let whole = fs::read(dir.path().join(FILE)).expect("read");
        for length in first..log.bytes() {
            fs::write(dir.path().join(FILE), &whole[..length as usize]).expect("torn");
            assert_eq!(RedoLog::read(dir.path()).expect("read").changes, changes[..1], "{length} bytes");
        }
    }
}
