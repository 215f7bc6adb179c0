"""Whether a runtime library fits this machine: by asking the system, then by loading it."""

import ctypes
import platform
from pathlib import Path

from . import FetchError
from .manifest import Runtime

ADVICE = "pass --skip-runtime, build or install ONNX Runtime yourself and point ORT_DYLIB_PATH at its library"


def check_system(runtime: Runtime) -> None:
    """Refuses a system whose C library is too old (or not glibc), before anything is downloaded."""
    library, version = platform.libc_ver()
    if library != "glibc" or _numbers(version) < _numbers(runtime.min_glibc):
        found = f"{library} {version}".strip() or "another C library"
        raise FetchError(
            f"choosing {runtime.source.pin}", f"it needs glibc {runtime.min_glibc}, this system has {found}", ADVICE
        )


def check_loads(runtime: Runtime, directory: Path) -> None:
    """Loads the library and asks it for its version."""
    step = f"loading {runtime.library} of {runtime.source.pin}"
    try:
        library = ctypes.CDLL(str(directory / runtime.library))
    except OSError as error:
        raise FetchError(step, str(error), ADVICE) from None
    library.OrtGetApiBase.restype = ctypes.POINTER(_OrtApiBase)
    version = library.OrtGetApiBase().contents.GetVersionString().decode()
    if version != runtime.version:
        raise FetchError(step, f"it calls itself {version}", "correct models/manifest.toml")


class _OrtApiBase(ctypes.Structure):
    _fields_ = [("GetApi", ctypes.c_void_p), ("GetVersionString", ctypes.CFUNCTYPE(ctypes.c_char_p))]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
