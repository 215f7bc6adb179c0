"""The part of fetch.py that runs in the caller's Python: standard library only."""

import sys


class FetchError(Exception):
    """A failed step: what was being done, what went wrong, and what to do about it."""

    def __init__(self, step: str, problem: str, advice: str):
        super().__init__(f"{step} failed: {problem}\n  What to do: {advice}")


def say(line: str) -> None:
    print(f"models: {line}", file=sys.stderr, flush=True)


def megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
