"""Golden embeddings: what a few sentences must come out as.

They are made once from the fp32 graph and kept under models/golden/. Every converted model
is compared with them, so that a wrong tokenizer, a wrong graph or a bad quantisation is
caught before anything is put in place. int8 arithmetic differs a little between processors,
hence a tolerance.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from . import ConversionError

MINIMUM_COSINE = 0.98
DIGITS = 4


class Embedder:
    """The model as Turnwise runs it: one sentence at a time, mean-pooled, L2-normalised."""

    def __init__(self, graph: Path, tokenizer: Path, max_tokens: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.enable_truncation(max_tokens)

    def embed(self, text: str) -> tuple[int, np.ndarray]:
        """The number of tokens, and the embedding."""
        encoding = self.tokenizer.encode(text)
        ids = np.array([encoding.ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (states,) = self.session.run(["last_hidden_state"], inputs)
        mean = states[0].mean(axis=0)
        return len(encoding.ids), mean / np.linalg.norm(mean)


def write(model: dict, embedder: Embedder, sentences: list[str], path: Path) -> None:
    """Records what this embedder (the fp32 graph's) makes of the sentences, one to a line."""
    prefix = model["query_prefix"]
    lines = []
    for text in sentences:
        tokens, embedding = embedder.embed(prefix + text)
        rounded = [round(float(value), DIGITS) for value in embedding]
        lines.append(json.dumps({"text": text, "tokens": tokens, "embedding": rounded}, ensure_ascii=False))
    body = ",\n".join(lines)
    head = json.dumps({"model": model["name"], "prefix": prefix}, ensure_ascii=False)
    path.write_text(f'{head[:-1]}, "sentences": [\n{body}\n]}}\n', encoding="utf-8")


def check(model: dict, embedder: Embedder, path: Path) -> float:
    """The lowest cosine to the golden embeddings; an error if the model does not reproduce them."""
    golden = json.loads(path.read_text(encoding="utf-8"))
    if golden["prefix"] != model["query_prefix"]:
        raise ConversionError(f"{path.name} was made with the prefix {golden['prefix']!r}: make it anew")
    return min(_check_sentence(golden["prefix"], sentence, embedder) for sentence in golden["sentences"])


def _check_sentence(prefix: str, sentence: dict, embedder: Embedder) -> float:
    text = sentence["text"]
    tokens, embedding = embedder.embed(prefix + text)
    if tokens != sentence["tokens"]:
        raise ConversionError(f"{text!r} is {tokens} tokens, and should be {sentence['tokens']}")
    expected = np.array(sentence["embedding"])
    if embedding.shape != expected.shape:
        raise ConversionError(f"an embedding has {embedding.size} values, and should have {expected.size}")
    cosine = float(embedding @ expected / np.linalg.norm(expected))
    if not cosine >= MINIMUM_COSINE:  # so written that NaN fails as well
        raise ConversionError(
            f"{text!r} has cosine {cosine:.4f} to its golden embedding, below {MINIMUM_COSINE}"
        )
    return cosine
