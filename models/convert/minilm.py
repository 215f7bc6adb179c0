"""Format `bert-safetensors`: a BERT encoder as sentence-transformers publishes it."""

import json
from pathlib import Path

from . import safetensors
from .encoder import Encoder


def read(sources: Path) -> Encoder:
    """The weights and the four JSON files, as they are."""
    return Encoder(
        weights=safetensors.read(sources / "model.safetensors"),
        config=_json(sources / "config.json"),
        tokenizer=_json(sources / "tokenizer.json"),
        special_tokens_map=_json(sources / "special_tokens_map.json"),
        tokenizer_config=_json(sources / "tokenizer_config.json"),
    )


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))
