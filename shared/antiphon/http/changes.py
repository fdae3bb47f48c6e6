"""Live changes: each transaction logs what it changed, every replica follows the log, and streams it to desktops.

Changes are ordered by (transaction id, number) and read only below the oldest transaction that still runs: so a
change that commits late is never skipped (docs/adr/0003). The pair is the event id by which a desktop resumes.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from fastapi.responses import StreamingResponse
from pydantic_core import to_json
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.failures import is_transient
from antiphon.postgres.listener import Listener
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.writes import Writes
from antiphon.process import logs

LOG = logs.get(__name__)
KEEP_ALIVE = timedelta(seconds=15)
BEHIND = 1000  # changes that a reader may be behind before it must refetch

_TABLE = plumbing_tables(MetaData()).change_log
_HORIZON = text("select cast(pg_snapshot_xmin(pg_current_snapshot()) as text)")
_AFTER = text(
    """
    select cast(xid as text) as xid, id, kind, subject, audience, data from change_log
    where (xid, id) > (cast(cast(:xid as text) as xid8), cast(:id as bigint))
      and xid < pg_snapshot_xmin(pg_current_snapshot())
    order by xid, id limit :limit
    """
)
_OLDEST = text("select cast(xid as text) as xid, id from change_log order by xid, id limit 1")
_TRIM = text("delete from change_log where at < now() - cast(:age as interval)")


class Change(NamedTuple):
    """Something that a desktop may want to show at once.

    `audience` names who it concerns (e.g. `agent:amara`, `queue:rates`); each service says what its names mean.
    """

    kind: str
    subject: str
    audience: list[str]
    data: dict[str, Any]


Place = tuple[int, int]
_Handed = tuple[Place, bytes] | None  # None: too far behind


class EventStream(StreamingResponse):
    """An answer of server-sent events, already in the form of the WHATWG HTML standard, section 9.2."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], status_code: int = 200) -> None:
        # FastAPI reads the default of `status_code` for the OpenAPI document.
        super().__init__(
            content, status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )


@dataclass(frozen=True)
class Interest:
    """Which changes a stream shows: those that concern `any_of` these names; None: all."""

    any_of: frozenset[str] | None = None

    def shows(self, change: Change) -> bool:
        """Whether the change is one of those."""
        return self.any_of is None or not self.any_of.isdisjoint(change.audience)

    @property
    def _filed_under(self) -> Collection[str]:
        return [_ALL] if self.any_of is None else self.any_of

    def file(self, readers: "Readers", reader: "asyncio.Queue[_Handed]") -> None:
        """Puts the reader where changes that may be shown look for it."""
        for name in self._filed_under:
            readers.setdefault(name, {})[reader] = self

    def unfile(self, readers: "Readers", reader: "asyncio.Queue[_Handed]") -> None:
        """Takes it away again."""
        for name in self._filed_under:
            filed = readers.get(name, {})
            filed.pop(reader, None)
            if not filed:
                readers.pop(name, None)


_ALL = "*"
EVERYTHING = Interest()
Readers = dict[str, dict["asyncio.Queue[_Handed]", Interest]]


def put(writes: Writes, changes: Sequence[Change]) -> None:
    """Adds changes to the log."""
    writes.insert(_TABLE, [change._asdict() for change in changes])


async def record(tx: AsyncConnection, changes: Sequence[Change]) -> None:
    """`put`, in a statement of its own."""
    writes = Writes()
    put(writes, changes)
    await writes.send(tx)


async def trim(engine: AsyncEngine, kept_for: timedelta, every: timedelta = timedelta(minutes=10)) -> None:
    """A task that forgets changes older than `kept_for`."""
    while True:
        try:
            async with engine.begin() as tx:
                await tx.execute(_TRIM, {"age": kept_for})
        except Exception as error:
            if not is_transient(error):
                raise
        await asyncio.sleep(every.total_seconds())


class ChangeFeed:
    """Follows the log once for the process and hands each change, written once, to the streams that it concerns.

    Readers are filed under the names they are interested in, so a change costs what it concerns, not who is connected.
    `run` is a task of the service.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._readers: Readers = {}
        self._joining = asyncio.Lock()
        self._place: Place = (0, 0)

    @property
    def open_streams(self) -> int:
        """How many streams follow now."""
        return len({id(reader) for filed in self._readers.values() for reader in filed})

    async def run(self) -> None:
        """Reads until cancelled. When the database was away, readers are sent to the log again."""
        while True:
            try:
                async with Listener(self._engine, "change_log") as woken:
                    while True:
                        # Nothing is read while nobody follows.
                        found = await self._read(self._place) if self._readers else []
                        for place, change in found:
                            self._place = place
                            self._hand_out(place, change)
                        if not found:
                            # A transaction may still hold the horizon back, so a quiet wait is short.
                            await woken.wait(timeout=0.5)
            except Exception as error:
                if not is_transient(error):
                    raise
                LOG.warning("live changes wait", reason=repr(error))
                await asyncio.sleep(1)

    def _hand_out(self, place: Place, change: Change) -> None:
        written: bytes | None = None
        served: set[asyncio.Queue[_Handed]] = set()
        for name in (*change.audience, _ALL):
            for reader, interest in list(self._readers.get(name, {}).items()):
                if reader in served or not interest.shows(change):
                    continue
                served.add(reader)
                written = written or _written(change.kind, place, {"subject": change.subject, **change.data})
                try:
                    reader.put_nowait((place, written))
                except asyncio.QueueFull:
                    interest.unfile(self._readers, reader)
                    with contextlib.suppress(asyncio.QueueEmpty):
                        reader.get_nowait()
                    reader.put_nowait(None)

    async def _now(self) -> Place:
        async with self._engine.connect() as connection:
            return int(await connection.scalar(_HORIZON) or 0), 0

    async def _read(self, after: Place, limit: int = 500) -> list[tuple[Place, Change]]:
        async with self._engine.connect() as connection:
            rows = await connection.execute(_AFTER, {"xid": str(after[0]), "id": after[1], "limit": limit})
            return [((int(r.xid), r.id), Change(r.kind, r.subject, list(r.audience), r.data)) for r in rows]

    async def _too_old(self, place: Place) -> bool:
        async with self._engine.connect() as connection:
            oldest = (await connection.execute(_OLDEST)).one_or_none()
        return oldest is not None and place < (int(oldest.xid), oldest.id)

    async def stream(self, last_event_id: str | None, interest: Interest) -> AsyncGenerator[bytes]:
        """The changes that `interest` shows, from `last_event_id` on or from now. `reset` asks the desktop to refetch.

        The first event names the place where the stream begins, so a desktop that has seen nothing yet can resume too.
        """
        reader: asyncio.Queue[_Handed] = asyncio.Queue(BEHIND)
        async with self._joining:
            if not self._readers:
                # Before the reader's own place, so that nothing falls between what it missed and what it is handed.
                self._place = await self._now()
            interest.file(self._readers, reader)
        try:
            place, now = _place(last_event_id), await self._now()
            # A place ahead of us is another server's: this one was restored.
            if place is None or place > now or await self._too_old(place):
                place = now
                yield _written("reset" if last_event_id else "begin", place, {})
            else:
                yield _written("begin", place, {})
            while missed := await self._read(place):
                for place, change in missed:
                    if interest.shows(change):
                        yield _written(change.kind, place, {"subject": change.subject, **change.data})
            async for written in self._live(reader, place):
                yield written
        finally:
            interest.unfile(self._readers, reader)

    @staticmethod
    async def _live(reader: "asyncio.Queue[_Handed]", place: Place) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE.total_seconds()):
                    handed = [await reader.get()]
            except TimeoutError:
                yield b": still here\n\n"
                continue
            while not reader.empty():
                handed.append(reader.get_nowait())
            # A change that the reader got from the log already is not sent twice.
            fresh = [one for one in handed if one is not None and one[0] > place]
            if fresh:
                place = fresh[-1][0]
                yield b"".join(written for _, written in fresh)
            if None in handed:
                yield _written("reset", place, {})
                return


def _place(event_id: str | None) -> Place | None:
    try:
        xid, number = (event_id or "").split("-")
        place = int(xid), int(number)
    except ValueError:
        return None
    return place if 0 <= place[0] < 2**63 and 0 <= place[1] < 2**63 else None


def _written(kind: str, place: Place, data: Mapping[str, Any]) -> bytes:
    return b"event: %s\nid: %d-%d\ndata: %s\n\n" % (kind.encode(), *place, to_json(data))
