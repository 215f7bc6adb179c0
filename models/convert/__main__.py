"""`python -m convert build|check|golden`, with the job as JSON on standard input.

The last line of standard output is the result: the lowest cosine to the golden embeddings.
A problem that the user should read is one line on standard error, with exit code 1.
"""

import json
import sys
from pathlib import Path

from . import ConversionError, build, golden


def main() -> int:
    command, job = sys.argv[1], json.load(sys.stdin)
    try:
        result = {"build": run_build, "check": run_check, "golden": run_golden}[command](job)
    except ConversionError as error:
        print(error, file=sys.stderr)
        return 1
    print(result)
    return 0


def run_build(job: dict) -> float:
    """Converts, then checks what was converted."""
    encoder = build.read(job["model"], Path(job["sources"]))
    build.write(encoder, job["files"], Path(job["directory"]), Path(job["scratch"]))
    return run_check(job)


def run_check(job: dict) -> float:
    """Compares a model directory with its golden embeddings."""
    directory, files = Path(job["directory"]), job["files"]
    embedder = golden.Embedder(
        directory / files["model"], directory / files["tokenizer"], job["model"]["max_tokens"]
    )
    return golden.check(job["model"], embedder, Path(job["golden"]))


def run_golden(job: dict) -> float:
    """Makes golden embeddings from the fp32 graph."""
    scratch, sentences = Path(job["scratch"]), Path(job["sentences"])
    encoder = build.read(job["model"], Path(job["sources"]))
    graph, tokenizer = scratch / "fp32.onnx", scratch / "tokenizer.json"
    build.write_fp32(encoder, graph)
    build.write_json(encoder.tokenizer, tokenizer)
    embedder = golden.Embedder(graph, tokenizer, job["model"]["max_tokens"])
    lines = sentences.read_text(encoding="utf-8").splitlines()
    golden.write(job["model"], embedder, lines, Path(job["golden"]))
    return 1.0


if __name__ == "__main__":
    sys.exit(main())
