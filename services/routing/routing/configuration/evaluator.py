"""The evaluator process runs a trial, since CEL blocks the interpreter and routing must go on deciding.

`python -m routing.configuration.evaluator` reads frames from standard input and answers each on standard output. The first
frame is {source, on_shift, now}, answered by {rules}. Pages of recorded decisions follow, each answered by the decisions that
change. An empty frame is answered by the result. The process exits when its input ends, so it does not outlive the service.
A frame is a length in four bytes, big-endian, and that many bytes of JSON.
"""

import os
import sys
from datetime import datetime
from typing import BinaryIO

from pydantic_core import from_json, to_json

from routing.domain.configuration.document import read
from routing.domain.decisions.trial import Recorded, Trial

LENGTH = 4
_NICE = 10  # live decisions get the processor first


def framed(content: bytes) -> bytes:
    """The frame of `content`."""
    return len(content).to_bytes(LENGTH) + content


def _read_frame(source: BinaryIO) -> bytes | None:
    length = source.read(LENGTH)
    return source.read(int.from_bytes(length)) if len(length) == LENGTH else None


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answers frames until an empty frame or the end of the input."""

    def answer(value: object) -> None:
        sink.write(framed(to_json(value)))
        sink.flush()

    first = _read_frame(source)
    if first is None:
        return
    request = from_json(first)
    configuration = read(request["source"], "draft", checked=True)
    trial = Trial(configuration, frozenset(request["on_shift"]), datetime.fromisoformat(request["now"]))
    answer({"rules": [rule.name for rule in configuration.rules]})
    while page := _read_frame(source):
        changed = trial.add(Recorded(**row) for row in from_json(page))
        answer([item._asdict() for item in changed])
    if page is not None:
        answer(trial.result())


if __name__ == "__main__":
    os.nice(_NICE)
    serve(sys.stdin.buffer, sys.stdout.buffer)
