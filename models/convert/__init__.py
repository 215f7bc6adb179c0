"""Turns downloaded weights into the files that the Rust program loads.

Runs inside the private virtual environment (numpy, onnx, onnxruntime, tokenizers), never in
the caller's Python: `fetch.py` starts it as `python -m convert`.
"""


class ConversionError(Exception):
    """A problem worth one line to the user: the input or the result is not what it must be."""
