"""Hands mails to worker processes and returns what they read.

A mail that ends its worker by what it needs (CPU time, memory, a crash) is unreadable, and no other worker reads it. A worker
that something else ended leaves a mail that another worker reads, once.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from antiphon.process import logs
from antiphon.process.clock import Clock
from ingest_email.domain import mail
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.mail import Envelope, ReadMail
from ingest_email.reading import protocol
from ingest_email.reading.protocol import Request, Start
from ingest_email.settings import Settings

LOG = logs.get(__name__)
# While larger mails are read, one worker is left for smaller ones.
LARGE = 1024 * 1024
START_TIMEOUT_S = 60
_CHUNK = 256 * 1024
# Signals that a process gets for a fault of its own, e.g. native code whose allocation fails, or a stack that overflows.
_OWN_FAULTS = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
_WORKER = "ingest_email.reading.worker"


class Ending(StrEnum):
    """Why a worker did not return a mail."""

    CPU = "cpu"
    MEMORY = "memory"
    CRASH = "crash"
    # It took too long without using its CPU time, or something else ended it.
    OTHER = "other"


class NotReadError(OSError):
    """No mail can be read now: a worker does not start, or the service stops. The caller may try again later."""


class _Worker:
    """One process, which reads one mail at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        self._input, self._output = process.stdin, process.stdout
        # Our addresses that the worker has; they are sent again only when they are others.
        self._ours: OurMail | None = None

    @classmethod
    async def start(cls, start: Start) -> Self:
        """A worker that is ready. Raises NotReadError."""
        # A worker needs no environment variables, and those of the service hold secrets.
        program = (sys.executable, "-m", _WORKER)
        pipe = asyncio.subprocess.PIPE
        worker = cls(await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe, env={}))
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await worker._send(protocol.START.dump_json(start), b"")
                await worker._output.readexactly(len(protocol.READY))
        except (OSError, EOFError) as error:
            raise NotReadError(f"a worker ended at its start, with status {await worker.end()}") from error
        except BaseException:
            await worker.end()
            raise
        return worker

    async def ask(self, request: Request, raw: bytes) -> tuple[bytes, bytes]:
        """The JSON of its answer and the bytes that follow. Raises OSError or EOFError when the worker ends meanwhile."""
        has_them = self._ours is request.ours
        await self._send(protocol.encoded(request._replace(ours=None) if has_them else request), raw)
        self._ours = request.ours
        lengths = await self._output.readexactly(protocol.LENGTHS.size)
        json_size, data_size = protocol.LENGTHS.unpack(lengths)
        return await self._output.readexactly(json_size), await self._output.readexactly(data_size)

    async def _send(self, message: bytes, raw: bytes) -> None:
        self._input.write(protocol.LENGTHS.pack(len(message), len(raw)) + message)
        view = memoryview(raw)
        # In chunks, because asyncio copies what the pipe does not take at once.
        for begin in range(0, len(raw), _CHUNK):
            self._input.write(view[begin : begin + _CHUNK])
            await self._input.drain()

    async def end(self) -> int:
        """Ends the worker if it still runs. Returns its status as `subprocess.Popen.returncode` does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._input.close()
        return await self._process.wait()


class Readers:
    """The workers of one service: `async with` starts and ends them."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._start = Start(settings.read_cpu_limit.total_seconds(), settings.read_memory_limit)
        self._timeout_s = settings.read_time_limit.total_seconds()
        self._number = settings.read_workers
        # None stands for a worker that is to be started. The worker that was used last comes first: its memory is warm.
        self._idle: asyncio.LifoQueue[_Worker | None] = asyncio.LifoQueue()
        self._alive: set[_Worker] = set()
        self._large = asyncio.Semaphore(max(1, self._number - 1))
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        for _ in range(self._number):
            self._spawn(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(worker) for worker in list(self._alive)))

    @property
    def idle(self) -> int:
        """How many workers wait for a mail. One that is starting is not counted."""
        return self._idle.qsize()

    async def read(self, raw: bytes, envelope: Envelope, ours: OurMail) -> ReadMail:
        """Reads a mail, by these addresses of ours. Raises NotReadError when no worker can read it now."""
        # A task of its own: a sender that hangs up must not cancel the reading and leave half an answer in the pipe.
        task = self._spawn(self._read(raw, envelope, ours))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise NotReadError("the service stops") from None
            raise

    async def _read(self, raw: bytes, envelope: Envelope, ours: OurMail) -> ReadMail:
        request = Request(envelope, self._clock(), ours)
        async with AsyncExitStack() as turn:
            if len(raw) > LARGE:
                await turn.enter_async_context(self._large)
            read = await self._ask(request, raw)
            if read is Ending.OTHER:
                LOG.warning("worker ended while it read a mail; another worker reads it", bytes=len(raw))
                read = await self._ask(request, raw)
        if not isinstance(read, Ending):
            return read
        unreadable = mail.unreadable(raw, envelope, request.accepted_at, ours)
        interaction_id = str(unreadable.interaction.interaction_id)
        LOG.warning("mail unreadable", interaction_id=interaction_id, ending=read, bytes=len(raw))
        return unreadable

    async def _ask(self, request: Request, raw: bytes) -> ReadMail | Ending:
        """Has one worker read a mail. Raises NotReadError when no worker starts."""
        worker = await self._idle.get()
        if worker is None:
            try:
                worker = await self._begin()
            except BaseException:
                self._idle.put_nowait(None)
                raise
        try:
            async with asyncio.timeout(self._timeout_s):
                message, data = await worker.ask(request, raw)
            answer = protocol.ANSWER.validate_json(message)
            read = protocol.read_of(answer, data)
        except (OSError, EOFError, ValueError):
            ending = _ending(await self._end(worker))
            self._spawn(self._renew())
            return ending
        if answer.is_last:
            await self._end(worker)
            self._spawn(self._renew())
        else:
            self._idle.put_nowait(worker)
        return read or Ending.MEMORY

    async def _renew(self) -> None:
        """Starts a worker in the place of one that ended."""
        worker = None
        try:
            worker = await self._begin()
        except OSError as error:
            # The next mail tries to start it again, and raises NotReadError if that fails too.
            LOG.warning("worker does not start", reason=str(error))
        finally:
            self._idle.put_nowait(worker)

    async def _begin(self) -> _Worker:
        worker = await _Worker.start(self._start)
        self._alive.add(worker)
        return worker

    async def _end(self, worker: _Worker) -> int:
        self._alive.discard(worker)
        return await worker.end()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _ending(returncode: int) -> Ending:
    if returncode == -signal.SIGPROF:
        return Ending.CPU
    return Ending.CRASH if -returncode in _OWN_FAULTS else Ending.OTHER
