"""Finished directories: how they are marked, cached, and put in place.

A finished directory holds its files and a stamp that names its key and their sizes and
sha256. It is always built under another name on the same disk and renamed when complete, so
that no reader ever finds half of one.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import FetchError, say

STAMP = "stamp.json"
SCRATCH_PREFIX = ".building-"


def write_stamp(directory: Path, key: str) -> None:
    """Seals a directory. Files become read-only: hard links share them between checkouts."""
    files = {}
    for path in sorted(directory.iterdir()):
        files[path.name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        path.chmod(0o444)
    stamp = directory / STAMP
    stamp.write_text(json.dumps({"key": key, "files": files}, indent=1) + "\n", encoding="utf-8")
    stamp.chmod(0o444)


def is_complete(directory: Path, key: str) -> bool:
    """Whether the directory is the one for this key, by its stamp and the sizes of its files."""
    stamp = _read_stamp(directory)
    if stamp is None or stamp["key"] != key:
        return False
    return all(_size(directory / name) == entry["bytes"] for name, entry in stamp["files"].items())


def damage(directory: Path) -> str | None:
    """What is wrong with the contents of a complete directory, if anything is."""
    stamp = _read_stamp(directory)
    if stamp is None:
        return f"{STAMP} is missing or unreadable"
    for name, entry in stamp["files"].items():
        path = directory / name
        if not path.is_file():
            return f"{name} is missing"
        found = _sha256(path)
        if found != entry["sha256"]:
            return f"{name} has sha256 {found}, and had {entry['sha256']}"
    return None


def size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def place(directory: Path, target: Path) -> str:
    """Puts a finished directory's files at `target`, by hard link if the disk allows; says which."""
    with scratch_dir(target.parent) as scratch:
        copy = scratch / "new"
        copy.mkdir()
        how = {_link_or_copy(path, copy / path.name) for path in directory.iterdir()}
        replace(copy, target, scratch)
    return "copied" if "copied" in how else "linked"


def replace(new: Path, target: Path, scratch: Path) -> None:
    """Renames `new` to `target`; what was there goes into `scratch`, to be deleted with it."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.exists():
        target.rename(scratch / "old")
    new.rename(target)


@contextlib.contextmanager
def scratch_dir(parent: Path) -> Iterator[Path]:
    """A directory to build in, gone afterwards whatever happens."""
    path = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def cache_dir() -> Path:
    """Where this user's finished directories are kept."""
    if chosen := os.environ.get("TURNWISE_MODEL_CACHE"):
        return Path(chosen).expanduser().absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "turnwise" / "models"
    return Path.home() / ".cache" / "turnwise" / "models"


class Cache:
    """Finished directories by name and key, shared by all checkouts of a user."""

    def __init__(self, root: Path):
        self.root = root

    @contextlib.contextmanager
    def locked(self, models_dir: Path) -> Iterator[None]:
        """One fetch at a time: a second one waits and then finds the work done.

        The lock goes with the process, so a killed run leaves none behind; what it left half
        built, in the cache or in this checkout, is swept away here.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / ".lock").open("a")
        except OSError as error:
            raise FetchError(
                f"opening the cache {self.root}",
                error.strerror or str(error),
                "make the directory writable, or point TURNWISE_MODEL_CACHE at one that is",
            ) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another fetch is at work; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            for left_over in [*self.root.glob(f"{SCRATCH_PREFIX}*"), *models_dir.glob(f"{SCRATCH_PREFIX}*")]:
                shutil.rmtree(left_over, ignore_errors=True)
            yield

    def find(self, name: str, key: str) -> Path | None:
        """The cached directory, verified; a damaged one is thrown away."""
        path = self._path(name, key)
        if not path.exists():
            return None
        problem = damage(path)
        if not problem and is_complete(path, key):
            return path
        problem = problem or "its stamp is for something else"
        say(f"{name}: the cached copy is damaged ({problem}); making it anew")
        shutil.rmtree(path)
        return None

    def add(self, name: str, key: str, finished: Path, scratch: Path) -> Path:
        """Takes over a finished directory that was built in `scratch`."""
        write_stamp(finished, key)
        path = self._path(name, key)
        replace(finished, path, scratch)
        return path

    def _path(self, name: str, key: str) -> Path:
        return self.root / f"{name}-{key[:16]}"


def _read_stamp(directory: Path) -> dict | None:
    try:
        stamp = json.loads((directory / STAMP).read_text(encoding="utf-8"))
        return stamp if {"key", "files"} <= stamp.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link_or_copy(source: Path, target: Path) -> str:
    try:
        os.link(source, target)
        return "linked"
    except OSError:  # another disk, or one without hard links
        shutil.copy(source, target)
        return "copied"
