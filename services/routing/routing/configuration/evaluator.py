"""A process of its own that tries a draft: CEL holds the interpreter, and routing must go on deciding meanwhile.

`python -m routing.configuration.evaluator` takes frames at its standard input and answers each at its standard output: first
{source, on_shift, now}, answered by {rules}; then pages of recorded decisions, each answered by the changed ones; then an
empty frame, answered by the result. It ends with its input, so it does not outlive the service. A frame is a length in four
bytes, the highest first, and that many bytes of JSON.
"""

import os
import sys
from datetime import datetime
from typing import BinaryIO

from pydantic_core import from_json, to_json

from routing.domain.configuration.document import read
from routing.domain.decisions.trial import Recorded, Trial

LENGTH = 4
_NICE = 10  # what customers wait for goes first


def framed(content: bytes) -> bytes:
    """A frame."""
    return len(content).to_bytes(LENGTH) + content


def _take(source: BinaryIO) -> bytes | None:
    length = source.read(LENGTH)
    return source.read(int.from_bytes(length)) if len(length) == LENGTH else None


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answers frames until the empty one, or the end of the input."""

    def answer(value: object) -> None:
        sink.write(framed(to_json(value)))
        sink.flush()

    first = _take(source)
    if first is None:
        return
    given = from_json(first)
    configuration = read(given["source"], "draft", checked=True)
    trial = Trial(configuration, frozenset(given["on_shift"]), datetime.fromisoformat(given["now"]))
    answer({"rules": [rule.name for rule in configuration.rules]})
    while page := _take(source):
        changed = trial.add(Recorded(**row) for row in from_json(page))
        answer([item._asdict() for item in changed])
    if page is not None:
        answer(trial.result())


if __name__ == "__main__":
    os.nice(_NICE)
    serve(sys.stdin.buffer, sys.stdout.buffer)
