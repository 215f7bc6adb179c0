//! `turnwise.lock`: one process at a time works in a data directory, and the others learn where to find it.
//!
//! Guarantees: the lock is the operating system's (`flock`), so it ends with its process however that ends, and a file
//! that a dead process left is no obstacle; what stands in the file is only information about a holder that is proved
//! alive by the lock. Refuses to wait.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The name of the file in the data directory.
pub const LOCK_FILE: &str = "turnwise.lock";

/// Who holds a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Which command it runs: `serve`, `ingest`, …
    pub command: String,
    /// Where it answers, once it listens; only a server does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`turnwise {}`, process {}", self.command, self.pid)?;
        self.url.as_ref().map_or(Ok(()), |url| write!(f, ", at {url}"))
    }
}

/// What came of trying to take a data directory.
#[derive(Debug)]
pub enum Lock {
    /// It is ours.
    Taken(DataDirLock),
    /// Somebody else has it; `None` when the file does not say who.
    Held(Option<Holder>),
}

/// A data directory that is ours until this is dropped.
#[derive(Debug)]
pub struct DataDirLock {
    file: File,
    holder: Holder,
}

impl DataDirLock {
    /// Takes the directory, which must exist, for this process.
    ///
    /// # Errors
    /// When the file cannot be made, or the file system knows no locks.
    pub fn take(dir: &Path, command: &str) -> io::Result<Lock> {
        // Not truncated here: until the lock is ours, the content is somebody else's.
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(LOCK_FILE))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Lock::Held(read_holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let lock = Self { file, holder: Holder { pid: std::process::id(), command: command.to_owned(), url: None } };
        lock.write_holder()?;
        Ok(Lock::Taken(lock))
    }

    /// Tells other processes where this one answers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&mut self, url: &str) -> io::Result<()> {
        self.holder.url = Some(url.to_owned());
        self.write_holder()
    }

    /// One write, then the length: a reader takes the first line, which is whole at any moment.
    fn write_holder(&self) -> io::Result<()> {
        let mut line = serde_json::to_vec(&self.holder)?;
        line.push(b'\n');
        self.file.write_all_at(&line, 0)?;
        self.file.set_len(line.len() as u64)
    }
}

impl Drop for DataDirLock {
    fn drop(&mut self) {
        // The lock itself ends with the file; an empty one only reads nicer than one that names a dead process.
        let _ = self.file.set_len(0);
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(text.lines().next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(dir: &Path) -> DataDirLock {
        match DataDirLock::take(dir, "serve").expect("the directory is writable") {
            Lock::Taken(lock) => lock,
            Lock::Held(holder) => panic!("held by {holder:?}"),
        }
    }

    #[test]
    fn a_second_one_learns_who_has_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut lock = taken(dir.path());
        lock.announce("http://127.0.0.1:4711").expect("written");
        let Lock::Held(Some(holder)) = DataDirLock::take(dir.path(), "ingest").expect("readable") else {
            panic!("it is held");
        };
        let pid = std::process::id();
        assert_eq!(holder.to_string(), format!("`turnwise serve`, process {pid}, at http://127.0.0.1:4711"));
        drop(lock);
        taken(dir.path());
    }

    #[test]
    fn what_a_dead_process_left_is_no_obstacle() {
        let dir = tempfile::tempdir().expect("a directory");
        let long = format!(r#"{{"pid":1,"command":"serve","url":"http://{}"}}"#, "x".repeat(500));
        for left in ["", "not json", &long] {
            std::fs::write(dir.path().join(LOCK_FILE), left).expect("written");
            let lock = taken(dir.path());
            let text = std::fs::read_to_string(dir.path().join(LOCK_FILE)).expect("readable");
            assert_eq!(serde_json::from_str::<Holder>(&text).expect("whole").pid, std::process::id());
            drop(lock);
        }
    }
}
