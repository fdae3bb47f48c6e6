"""The worker, a program that reads mails: `python -m ingest_email.reading.worker`. The pool starts it.

The kernel limits what it uses, so no code of a parser can evade the limits: a timer ends the process by SIGPROF when a mail
has used its CPU time, and its data can't grow past a size. The worker ends when its input does.
Source: setitimer(2), getrlimit(2), prctl(2).
"""

import ctypes
import gc
import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from ingest_email.domain.accounts import OurMail
from ingest_email.domain.parser import read_mail
from ingest_email.reading import protocol
from ingest_email.reading.protocol import Answer, Request, Start

_PR_SET_PDEATHSIG = 1
_LEAST_FREE = 16 * 1024 * 1024


def main() -> None:
    """Reads mails until the input ends."""
    source, sink = _pipes()
    first = _frame(source)
    if first is None:
        return
    start = protocol.START.validate_json(first[0])
    _limit(start)
    gc.freeze()
    sink.write(protocol.READY)
    sink.flush()
    ours: OurMail | None = None
    while (frame := _frame(source)) is not None:
        message, raw = frame
        request = protocol.REQUEST.validate_json(message)
        ours = request.ours or ours
        if ours is None or not _serve(sink, start, request, ours, raw):
            return


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Input and output of the process. Nothing else writes to the output: what prints goes to stderr."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, sink


def _limit(start: Start) -> None:
    # A terminal or a supervisor sends these to the workers too. They must not end a mail in hand: the pool ends its workers.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (start.memory_bytes, start.memory_bytes))
    # Raises when the limit leaves too little memory for any mail: the worker is then never ready.
    bytearray(_LEAST_FREE)
    # Native code writes to stderr when it aborts, which would be in the middle of the service's log.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)


def _resident() -> int:
    """The resident memory of the process in bytes. Source: proc_pid_statm(5)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _serve(sink: BinaryIO, start: Start, request: Request, ours: OurMail, raw: bytes) -> bool:
    """Answers one request. False when the worker must end after it."""
    signal.setitimer(signal.ITIMER_PROF, start.cpu_seconds)
    try:
        read = read_mail(raw, request.envelope, request.accepted_at, ours)
        has_grown = _resident() > start.memory_bytes / 2
        message, data = protocol.answer(read, is_last=has_grown)
    except MemoryError:
        has_grown = True
        message, data = protocol.ANSWER.dump_json(Answer(None, is_last=True)), ()
    signal.setitimer(signal.ITIMER_PROF, 0)
    sink.write(protocol.LENGTHS.pack(len(message), sum(map(len, data))))
    sink.write(message)
    sink.writelines(data)
    sink.flush()
    return not has_grown


def _frame(source: BinaryIO) -> tuple[bytes, bytes] | None:
    """The next frame; None at the end of the input."""
    lengths = source.read(protocol.LENGTHS.size)
    if len(lengths) < protocol.LENGTHS.size:
        return None
    json_size, data_size = protocol.LENGTHS.unpack(lengths)
    message, data = source.read(json_size), source.read(data_size)
    return (message, data) if len(message) == json_size and len(data) == data_size else None


if __name__ == "__main__":
    main()
