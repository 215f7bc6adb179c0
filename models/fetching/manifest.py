"""models/manifest.toml as objects, with the cache key of everything it names."""

import hashlib
import json
import platform
import re
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from . import FetchError

# What decides the bytes of a converted model; the rest of its entry is for readers.
SHAPING_FIELDS = ("name", "dimension", "max_tokens", "pooling", "format", "sources")
# Modules of models/convert/ that look at a result and do not make it.
CHECKING_MODULES = {"__main__.py", "golden.py"}


@dataclass(frozen=True)
class WheelFile:
    """A file inside a package, and the name it gets here."""

    target: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """A package in the registry and the files wanted out of it."""

    package: str
    version: str
    licence: str
    python_version: str
    platforms: list[str]
    files: list[WheelFile]

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True)
class Model:
    """A [[model]] table."""

    name: str
    description: str
    dimension: int
    max_tokens: int
    pooling: str
    query_prefix: str
    passage_prefix: str
    languages: list[str]
    licence: str
    format: str
    sources: list[Source]


@dataclass(frozen=True)
class Runtime:
    """The [runtime] table, for the platform this runs on."""

    name: str
    version: str
    library: str
    min_glibc: str
    source: Source


class Manifest:
    """The parsed file. Reading it checks it; choosing a runtime checks the machine."""

    def __init__(self, models_dir: Path):
        self.models_dir = models_dir
        path = models_dir / "manifest.toml"
        try:
            self._table = tomllib.loads(path.read_text(encoding="utf-8"))
            self.files: dict[str, str] = self._table["files"]
            self.models = [_model(table) for table in self._table["model"]]
            self._runtime = self._table["runtime"]
        except KeyError as missing:
            raise _broken(path, f"a table lacks {missing}") from None
        except (OSError, TypeError, ValueError) as error:
            raise _broken(path, str(error)) from None

    def choose(self, names: list[str] | None) -> list[Model]:
        """The named models, or all of them."""
        if not names:
            return self.models
        by_name = {model.name: model for model in self.models}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise FetchError(
                "choosing models",
                f"models/manifest.toml names no {', '.join(unknown)}",
                f"choose among {', '.join(by_name)}",
            )
        return [by_name[name] for name in dict.fromkeys(names)]

    def runtime(self) -> Runtime:
        """The runtime for this machine."""
        table = self._runtime
        system, machine = platform.system().lower(), platform.machine().lower()
        for entry in table["platform"]:
            if (entry["system"], entry["machine"]) == (system, machine):
                shared = {key: table[key] for key in ("package", "version", "licence")}
                return Runtime(
                    table["name"], table["version"], table["library"], entry["min_glibc"], _source(entry | shared)
                )
        known = ", ".join(f"{entry['system']} {entry['machine']}" for entry in table["platform"])
        raise FetchError(
            f"choosing {table['name']} {table['version']}",
            f"this is {system} {machine}, and models/manifest.toml has {known}",
            "pass --skip-runtime, install ONNX Runtime yourself and point ORT_DYLIB_PATH at its library",
        )

    def model_key(self, model: Model) -> str:
        """Changes whenever the converted files could: with the entry, the converter, the pins."""
        digest = hashlib.sha256()
        entry = {field: asdict(model)[field] for field in SHAPING_FIELDS}
        digest.update(_canonical([entry, self.files]))
        for path in sorted((self.models_dir / "convert").glob("*.py")):
            if path.name not in CHECKING_MODULES:
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
        digest.update(requirement_pins(self.models_dir).encode())
        return digest.hexdigest()

    def runtime_key(self, runtime: Runtime) -> str:
        return hashlib.sha256(_canonical(asdict(runtime))).hexdigest()


def requirement_pins(models_dir: Path) -> str:
    """models/requirements.txt without its comments."""
    lines = (models_dir / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _model(table: dict) -> Model:
    name, pooling = table["name"], table["pooling"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(f"{name!r} cannot be the name of a directory")
    if pooling != "mean":
        raise ValueError(f"{name}: pooling {pooling!r} is not supported, only 'mean'")
    entry = {key: value for key, value in table.items() if key != "source"}
    entry["sources"] = [_source(source) for source in table["source"]]
    if wrong := entry.keys() ^ {field.name for field in fields(Model)}:
        raise ValueError(f"{name}: missing or unknown: {', '.join(sorted(wrong))}")
    return Model(**entry)


def _source(table: dict) -> Source:
    return Source(
        package=table["package"],
        version=table["version"],
        licence=table["licence"],
        python_version=table["python_version"],
        platforms=table["platforms"],
        files=[WheelFile(**file) for file in table["files"]],
    )


def _canonical(value) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8")


def _broken(path: Path, problem: str) -> FetchError:
    return FetchError(f"reading {path}", problem, "repair the file; models/README.md describes it")
