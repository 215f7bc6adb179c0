//! The data directory as the machine sees it: can it be written, on what does it lie, how much room is left.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;

use crate::cli::doctor::{Finding, existing};

/// Less room than this and nothing can be learned.
const TOO_LITTLE_BYTES: u64 = 100 << 20;
/// Less room than this and somebody should know.
const LITTLE_BYTES: u64 = 1 << 30;
/// File systems over the network, on which locks and write-ahead logs are not to be trusted.
const NETWORK: [&str; 8] = ["nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "fuse.sshfs"];
/// File systems that are gone after a restart of the machine.
const FLEETING: [&str; 2] = ["tmpfs", "ramfs"];

pub(super) fn examine(dir: &Path) -> Vec<Finding> {
    vec![writable(dir), file_system(dir), room(dir)]
}

fn writable(dir: &Path) -> Finding {
    let shown = dir.display();
    let (place, found) = match dir.is_dir() {
        true => (dir, format!("{shown} can be written")),
        false => (existing(dir), format!("{shown} does not exist yet; the first start makes it")),
    };
    if !place.is_dir() {
        return Finding::wrong(
            "data directory",
            format!("{} is a file and not a directory", place.display()),
            "move the file away, or choose another directory with --data-dir or data.dir",
        );
    }
    let probe = place.join(format!(".turnwise-doctor-{}.tmp", std::process::id()));
    let written = std::fs::File::create(&probe).and_then(|mut file| {
        file.write_all(b"turnwise")?;
        file.sync_all()
    });
    // Nothing was learned from the probe but that it can be written.
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) => Finding::ok("data directory", found),
        Err(error) => Finding::wrong(
            "data directory",
            format!("{} cannot be written: {error}", place.display()),
            "give this user the right to write there, or choose another with --data-dir or data.dir",
        ),
    }
}

fn file_system(dir: &Path) -> Finding {
    let Some(kind) = kind_of(dir) else {
        return Finding::ok("file system", "its kind cannot be found out on this machine");
    };
    if NETWORK.contains(&kind.as_str()) {
        let found = format!("{kind}, which lies on another machine: locks and logs cannot be trusted there");
        return Finding::warning("file system", found, "put the data directory on a local disk");
    }
    if FLEETING.contains(&kind.as_str()) {
        let found = format!("{kind}, which lives in memory and is gone after a restart of the machine");
        return Finding::warning("file system", found, "put the data directory on a disk");
    }
    Finding::ok("file system", kind)
}

fn room(dir: &Path) -> Finding {
    let free = match rustix::fs::statvfs(existing(dir)) {
        Ok(stats) => stats.f_bavail.saturating_mul(stats.f_frsize),
        Err(error) => {
            let remedy = "see that the data directory can be read";
            return Finding::warning("disk space", format!("cannot be found out: {error}"), remedy);
        }
    };
    let found = format!("{} free", HumanBytes(free));
    let remedy = "make room; conversations, their index and its log grow";
    match free {
        0..TOO_LITTLE_BYTES => Finding::wrong("disk space", found, remedy),
        TOO_LITTLE_BYTES..LITTLE_BYTES => Finding::warning("disk space", found, remedy),
        _ => Finding::ok("disk space", found),
    }
}

/// The kind of file system that a path lies on, from the kernel's table of mounts.
fn kind_of(dir: &Path) -> Option<String> {
    let mounts = std::fs::read("/proc/self/mountinfo").ok()?;
    let path = existing(dir).canonicalize().ok()?;
    kind_in(&mounts, &path)
}

/// A line is `id parent major:minor root mount-point options… - kind source options`; of several mounts on one point
/// the last covers the others.
fn kind_in(mounts: &[u8], path: &Path) -> Option<String> {
    let mut best: Option<(PathBuf, String)> = None;
    for line in mounts.split(|byte| *byte == b'\n') {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let Some(dash) = words.iter().position(|word| *word == b"-") else { continue };
        let (Some(point), Some(kind)) = (words.get(4), words.get(dash + 1)) else { continue };
        let point = PathBuf::from(OsStr::from_bytes(&unescaped(point)));
        let longer = best.as_ref().is_none_or(|(known, _)| point.as_os_str().len() >= known.as_os_str().len());
        if path.starts_with(&point) && longer {
            best = Some((point, String::from_utf8_lossy(kind).into_owned()));
        }
    }
    best.map(|(_, kind)| kind)
}

/// The kernel writes a space as `\040`, and tab, line feed and backslash likewise.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &after[3..];
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
35 22 0:31 / /mnt/my\\040share rw - nfs4 server:/x rw
36 22 0:32 / /mnt/my\\040share/local rw shared:4 master:2 - xfs /dev/sdb rw
37 22 0:33 / /tmp rw - ext4 /dev/sdc rw
38 37 0:34 / /tmp rw - tmpfs tmpfs rw
";

    #[test]
    fn the_nearest_mount_tells_the_kind() {
        let kind = |path: &str| kind_in(MOUNTS, Path::new(path)).expect("a kind");
        assert_eq!(kind("/var/data"), "ext4");
        assert_eq!(kind("/mnt/my share/data"), "nfs4");
        assert_eq!(kind("/mnt/my share/local/data"), "xfs");
        assert_eq!(kind("/mnt/my shared"), "ext4");
        assert_eq!(kind("/tmp/x"), "tmpfs");
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_named_as_one() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for dir in [file.path().to_path_buf(), file.path().join("data")] {
            let finding = writable(&dir);
            assert!(finding.found.ends_with("is a file and not a directory"), "{finding:?}");
        }
    }

    #[test]
    fn a_directory_that_is_not_there_yet_is_judged_by_its_parent() {
        let dir = tempfile::tempdir().expect("a directory");
        let findings = examine(&dir.path().join("a/b"));
        assert!(findings[0].found.contains("the first start makes it"), "{findings:?}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0, "the probe is gone");
    }
}
