"""Hands mails to workers and says what became of each. A mail that a worker can't bear is unreadable: tried once, kept.

That is told apart from a worker that something else ended: then the mail is read again by another, once.
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
from ingest_email.reading.protocol import Start
from ingest_email.settings import Settings

LOG = logs.get(__name__)
# Mails that are larger leave one worker to the others.
LARGE = 1024 * 1024
LONGEST_START_S = 60
_CHUNK = 256 * 1024
# Signals that a process gets for what it does itself: an allocation that native code can't bear to lose, its stack.
_OWN_FAULTS = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
_WORKER = "ingest_email.reading.worker"


class Ending(StrEnum):
    """Why a worker did not read a mail."""

    CPU = "cpu"
    MEMORY = "memory"
    CRASH = "crash"
    # It went on for too long without using its CPU time, or something else ended it.
    OTHER = "other"


class NotReadError(OSError):
    """No mail can be read now: a worker does not start, or the service stops. The same may be asked again later."""


class _Worker:
    """One process, which reads one mail at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        self._input, self._output = process.stdin, process.stdout

    @classmethod
    async def start(cls, start: Start) -> Self:
        """A worker that is ready. Raises NotReadError."""
        # It needs no environment, and this one's holds secrets.
        program = (sys.executable, "-m", _WORKER)
        pipe = asyncio.subprocess.PIPE
        worker = cls(await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe, env={}))
        try:
            async with asyncio.timeout(LONGEST_START_S):
                await worker._send(protocol.START.dump_json(start), b"")
                await worker._output.readexactly(len(protocol.READY))
        except (OSError, EOFError) as error:
            raise NotReadError(f"a worker does not start: {await worker.end()}") from error
        except BaseException:
            await worker.end()
            raise
        return worker

    async def ask(self, told: bytes, raw: bytes) -> tuple[bytes, bytes]:
        """What it answers. Raises OSError or EOFError when it ends meanwhile."""
        await self._send(told, raw)
        lengths = await self._output.readexactly(protocol.LENGTHS.size)
        json_size, data_size = protocol.LENGTHS.unpack(lengths)
        return await self._output.readexactly(json_size), await self._output.readexactly(data_size)

    async def _send(self, told: bytes, raw: bytes) -> None:
        self._input.write(protocol.LENGTHS.pack(len(told), len(raw)) + told)
        view = memoryview(raw)
        # Piece by piece: what the pipe does not take at once is copied.
        for begin in range(0, len(raw), _CHUNK):
            self._input.write(view[begin : begin + _CHUNK])
            await self._input.drain()

    async def end(self) -> int:
        """Ends it, if it has not ended, and says how it ended: see `subprocess.Popen.returncode`."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._input.close()
        return await self._process.wait()


class Readers:
    """The workers of one service: `async with` starts and ends them."""

    def __init__(self, settings: Settings, ours: OurMail, clock: Clock) -> None:
        self._ours = ours
        self._clock = clock
        self._start = Start(ours, settings.read_cpu_limit.total_seconds(), settings.read_memory_limit)
        self._longest_s = settings.read_time_limit.total_seconds()
        self._number = settings.read_workers
        # None stands for a worker that is to be started. The last one back is asked first: its memory is warm.
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
        """How many places wait for a mail; a worker that is starting does not."""
        return self._idle.qsize()

    async def read(self, raw: bytes, envelope: Envelope) -> ReadMail:
        """The interaction that `raw` is. Raises NotReadError when nobody can say now."""
        # A task of its own: a sender that hangs up must not leave a worker in the middle of an answer.
        task = self._spawn(self._read(raw, envelope))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise NotReadError("the service stops") from None
            raise

    async def _read(self, raw: bytes, envelope: Envelope) -> ReadMail:
        now = self._clock()
        told = protocol.request(envelope, now)
        async with AsyncExitStack() as lane:
            if len(raw) > LARGE:
                await lane.enter_async_context(self._large)
            found = await self._ask(told, raw)
            if found is Ending.OTHER:
                LOG.warning("a worker ended in the middle of a mail, which is read again", bytes=len(raw))
                found = await self._ask(told, raw)
        if isinstance(found, Ending):
            read = mail.unreadable(raw, envelope, now, self._ours)
            interaction_id = str(read.interaction.interaction_id)
            LOG.warning("mail unreadable", interaction_id=interaction_id, ending=found, bytes=len(raw))
            return read
        return found

    async def _ask(self, told: bytes, raw: bytes) -> ReadMail | Ending:
        """Has one worker read a mail. Raises NotReadError when none starts."""
        worker = await self._idle.get()
        if worker is None:
            try:
                worker = await self._begin()
            except BaseException:
                self._idle.put_nowait(None)
                raise
        try:
            async with asyncio.timeout(self._longest_s):
                answered, data = await worker.ask(told, raw)
            answer = protocol.ANSWER.validate_json(answered)
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
        """Puts a new worker in the place of one that ended."""
        worker = None
        try:
            worker = await self._begin()
        except OSError as error:
            # Who wants the place next tries again, and says so to the mail's sender.
            LOG.warning("a worker does not start", reason=str(error))
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
