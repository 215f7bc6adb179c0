"""The private virtual environment that converts and checks models.

It exists only on machines that convert: a run served by the cache never makes it.
"""

import json
import platform
import shutil
import venv
from dataclasses import asdict
from pathlib import Path

from . import FetchError, say
from .manifest import Manifest, Model, requirement_pins
from .registry import run, run_pip

READY = "turnwise-requirements.txt"


class Environment:
    """models/.venv, made when first asked to do something."""

    def __init__(self, manifest: Manifest):
        self.manifest = manifest
        self.models_dir = manifest.models_dir
        self.root = self.models_dir / ".venv"
        self.python = self.root / "bin" / "python"

    def is_ready(self) -> bool:
        """Whether it is complete and holds these very pins."""
        try:
            return self.python.exists() and (self.root / READY).read_text(encoding="utf-8") == self._fingerprint()
        except OSError:
            return False

    def convert(self, command: str, model: Model, directory: Path, scratch: Path, **paths: Path) -> str:
        """Runs models/convert and returns its result."""
        self._prepare(scratch)
        job = {
            "model": asdict(model),
            "files": self.manifest.files,
            "directory": str(directory),
            "scratch": str(scratch),
            "golden": str(self.golden(model)),
        } | {name: str(path) for name, path in paths.items()}
        step = {"build": "converting", "check": "checking", "golden": "making golden embeddings of"}[command]
        # -E -s -B: none of the caller's Python settings, nothing written beside the sources.
        output = run(
            f"{step} {model.name}",
            [str(self.python), "-E", "-s", "-B", "-m", "convert", command],
            scratch,
            cwd=self.models_dir,
            input=json.dumps(job),
        )
        return output.splitlines()[-1]

    def golden(self, model: Model) -> Path:
        return self.models_dir / "golden" / f"{model.name}.json"

    def _prepare(self, scratch: Path) -> None:
        if self.is_ready():
            return
        say("preparing models/.venv for the conversion")
        step = "making models/.venv"
        try:
            # Without a pip of its own, which some distributions package apart: the caller's installs.
            venv.EnvBuilder(clear=True, with_pip=False, symlinks=True).create(self.root)
            requirements = self.models_dir / "requirements.txt"
            run_pip(
                f"{step} (installing models/requirements.txt)",
                ["install", "--no-deps", "--only-binary=:all:", "--requirement", str(requirements)],
                scratch,
                python=self.python,
            )
            (self.root / READY).write_text(self._fingerprint(), encoding="utf-8")
        except OSError as error:
            raise FetchError(step, str(error), "check that models/ is writable and the disk has room") from None
        finally:
            if not self.is_ready():
                shutil.rmtree(self.root, ignore_errors=True)

    def _fingerprint(self) -> str:
        return f"# Python {platform.python_version()}\n{requirement_pins(self.models_dir)}\n"
