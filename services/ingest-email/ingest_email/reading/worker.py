"""The program that reads mails: `python -m ingest_email.reading.worker`, started by the pool, ended by the end of its input.

What it may use is the kernel's business, so that no code of a parser can refuse: a timer of CPU time for each mail that
ends the process by SIGPROF, and a limit on its data. Source: setitimer(2), getrlimit(2), prctl(2).
"""

import ctypes
import gc
import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from ingest_email.domain.parser import read_mail
from ingest_email.reading import protocol
from ingest_email.reading.protocol import Answer, Request, Start

_PR_SET_PDEATHSIG = 1
_LEAST_ROOM = 16 * 1024 * 1024


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
    while (asked := _frame(source)) is not None:
        told, raw = asked
        if not _serve(sink, start, protocol.REQUEST.validate_json(told), raw):
            return


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Input and output of the process, where nothing else can write."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, sink


def _limit(start: Start) -> None:
    # What ends the service in an orderly way must not end the mail in hand; the pool ends its workers.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (start.memory_bytes, start.memory_bytes))
    # Raises, so that the worker is never ready, when the limit leaves no room for any mail.
    bytearray(_LEAST_ROOM)
    # From here on native code that ends itself would write into the service's log.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)


def _resident() -> int:
    """Bytes of memory that the process has now. Source: proc_pid_statm(5)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _serve(sink: BinaryIO, start: Start, request: Request, raw: bytes) -> bool:
    """Answers one request. False when the worker has to end then."""
    signal.setitimer(signal.ITIMER_PROF, start.cpu_seconds)
    try:
        read = read_mail(raw, request.envelope, request.accepted_at, start.ours)
        has_grown = _resident() > start.memory_bytes / 2
        told, data = protocol.answer(read, is_last=has_grown)
    except MemoryError:
        has_grown = True
        told, data = protocol.ANSWER.dump_json(Answer(None, is_last=True)), ()
    signal.setitimer(signal.ITIMER_PROF, 0)
    sink.write(protocol.LENGTHS.pack(len(told), sum(map(len, data))))
    sink.write(told)
    sink.writelines(data)
    sink.flush()
    return not has_grown


def _frame(source: BinaryIO) -> tuple[bytes, bytes] | None:
    """The next frame; None at the end of the input."""
    lengths = source.read(protocol.LENGTHS.size)
    if len(lengths) < protocol.LENGTHS.size:
        return None
    json_size, data_size = protocol.LENGTHS.unpack(lengths)
    told, data = source.read(json_size), source.read(data_size)
    return (told, data) if len(told) == json_size and len(data) == data_size else None


if __name__ == "__main__":
    main()
