"""Reads .safetensors files: a JSON header, then the raw tensors."""

import json
import struct
from pathlib import Path

import numpy as np

from . import ConversionError

_DTYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32}


def read(path: Path) -> dict[str, np.ndarray]:
    """All tensors of the file by name, as views of one buffer."""
    data = path.read_bytes()
    (header_length,) = struct.unpack_from("<Q", data)
    body = 8 + header_length
    header = json.loads(data[8:body])
    header.pop("__metadata__", None)
    return {name: _tensor(data, body, name, entry) for name, entry in header.items()}


def _tensor(data: bytes, body: int, name: str, entry: dict) -> np.ndarray:
    try:
        dtype = _DTYPES[entry["dtype"]]
    except KeyError:
        raise ConversionError(f"{name} has the type {entry['dtype']}, which is not supported") from None
    start, end = entry["data_offsets"]
    flat = np.frombuffer(data[body + start : body + end], dtype)
    return flat.reshape(entry["shape"])
