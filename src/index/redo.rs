//! What was written while the shard could not be flushed, in a file beside it.
//!
//! The file exists exactly while an optimisation runs, and after a kill in the middle of one. Guarantees: a change that
//! [`RedoLog::append`] returned for is read back by [`RedoLog::read`] after `kill -9` and after power loss, in order; a
//! record that was torn is the end of the file. Refuses: to be a second index; it is read once, at opening.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
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
}

/// A change as one line of JSON.
#[derive(Serialize, Deserialize)]
enum Record {
    Upsert(Vec<LoggedPoint>),
    Delete(Vec<Uuid>),
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
    pub(super) fn begin(dir: &Path) -> Result<Self, IndexError> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path);
        Ok(Self { file: file.map_err(IndexError::io("create", &path))?, path })
    }

    /// Makes changes durable.
    pub(super) fn append<'a>(&mut self, changes: impl Iterator<Item = &'a Change>) -> Result<(), IndexError> {
        let mut lines = Vec::new();
        for change in changes {
            let json = serde_json::to_string(&Record::from(change)).map_err(IndexError::engine("log a change"))?;
            lines.extend_from_slice(format!("{:016x} {json}\n", checksum(json.as_bytes())).as_bytes());
        }
        self.file.write_all(&lines).and_then(|()| self.file.sync_data()).map_err(IndexError::io("write", &self.path))
    }

    /// Ends the log: everything in it is in the flushed shard.
    pub(super) fn end(self) -> Result<(), IndexError> {
        Self::remove(&self.path)
    }

    /// The changes that a killed process left here; `None` when it was not killed in the middle of an optimisation.
    pub(super) fn read(dir: &Path) -> Result<Option<Vec<Change>>, IndexError> {
        let path = dir.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes.split_inclusive(|byte| *byte == b'\n').map_while(change).collect())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(IndexError::io("read", &path)(error)),
        }
    }

    /// Forgets what [`RedoLog::read`] returned.
    pub(super) fn forget(dir: &Path) -> Result<(), IndexError> {
        Self::remove(&dir.join(FILE))
    }

    fn remove(path: &Path) -> Result<(), IndexError> {
        fs::remove_file(path).map_err(IndexError::io("delete", path))
    }
}

/// Reads one line; `None` when it was torn.
fn change(line: &[u8]) -> Option<Change> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (sum, json) = line.split_once(' ')?;
    if u64::from_str_radix(sum, 16).ok()? != checksum(json.as_bytes()) {
        return None;
    }
    match serde_json::from_str(json).ok()? {
        Record::Upsert(points) => points.into_iter().map(LoggedPoint::read).collect::<Option<_>>().map(Change::Upsert),
        Record::Delete(ids) => Some(Change::Delete(ids)),
    }
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
