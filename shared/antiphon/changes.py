"""Live changes: a log in the transaction of what changed, followed by every replica, streamed to desktops.

Changes are ordered by (transaction id, number) and read only below the oldest transaction that still runs: so a
change that commits late is never skipped (docs/adr/0003). The pair is the event id by which a desktop resumes.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from fastapi.sse import ServerSentEvent
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon import logs
from antiphon.database import Writes, plumbing_tables
from antiphon.failures import is_passing
from antiphon.listen import Listener

LOG = logs.get(__name__)
KEEP_ALIVE = timedelta(seconds=15)
BEHIND = 1000  # changes that a reader may be behind before it is told to refetch

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
            if not is_passing(error):
                raise
        await asyncio.sleep(every.total_seconds())


class ChangeFeed:
    """Follows the log once for the process and hands changes to every stream. `run` is a task of the service."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._readers: set[asyncio.Queue[tuple[Place, Change] | None]] = set()
        self._joining = asyncio.Lock()
        self._place: Place = (0, 0)

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
                if not is_passing(error):
                    raise
                LOG.warning("live changes wait", reason=repr(error))
                await asyncio.sleep(1)

    def _hand_out(self, place: Place, change: Change) -> None:
        for reader in list(self._readers):
            try:
                reader.put_nowait((place, change))
            except asyncio.QueueFull:
                self._readers.discard(reader)
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

    async def stream(
        self, last_event_id: str | None, visible: Callable[[Change], bool]
    ) -> AsyncIterator[ServerSentEvent]:
        """Changes that are `visible`, from `last_event_id` on or from now; `reset` asks the desktop to refetch.

        The first event says where the stream begins, so that a desktop that has seen nothing can resume too.
        """
        reader: asyncio.Queue[tuple[Place, Change] | None] = asyncio.Queue(BEHIND)
        async with self._joining:
            if not self._readers:
                # Before the reader's own place, so that nothing falls between what it missed and what it is handed.
                self._place = await self._now()
            self._readers.add(reader)
        try:
            place = _place(last_event_id)
            if place is None or await self._too_old(place):
                place = await self._now()
                kind = "reset" if last_event_id else "begin"
                yield ServerSentEvent(event=kind, id=_id(place), data={})
            else:
                yield ServerSentEvent(event="begin", id=_id(place), data={})
            while missed := await self._read(place):
                for place, change in missed:
                    if visible(change):
                        yield _event(place, change)
            async for event in self._live(reader, place, visible):
                yield event
        finally:
            self._readers.discard(reader)

    @staticmethod
    async def _live(
        reader: asyncio.Queue[tuple[Place, Change] | None], place: Place, visible: Callable[[Change], bool]
    ) -> AsyncIterator[ServerSentEvent]:
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE.total_seconds()):
                    handed = await reader.get()
            except TimeoutError:
                yield ServerSentEvent(comment="still here")
                continue
            if handed is None:
                yield ServerSentEvent(event="reset", id=_id(place), data={})
                return
            if handed[0] <= place:
                continue  # came with what was missed
            place = handed[0]
            if visible(handed[1]):
                yield _event(place, handed[1])


def _place(event_id: str | None) -> Place | None:
    try:
        xid, number = (event_id or "").split("-")
        place = int(xid), int(number)
    except ValueError:
        return None
    return place if 0 <= place[0] < 2**63 and 0 <= place[1] < 2**63 else None


def _id(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


def _event(place: Place, change: Change) -> ServerSentEvent:
    return ServerSentEvent(event=change.kind, id=_id(place), data={"subject": change.subject, **change.data})
