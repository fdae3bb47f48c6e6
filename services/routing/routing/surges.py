"""Surges: noticed, told, and over again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import changes, logs, outbox
from antiphon.changes import Change
from antiphon.contracts.envelope import encode
from antiphon.contracts.queues import QueueSurgeBegan, QueueSurgeEnded, Surge
from antiphon.database import AnyRow, Writes
from routing import store, tallies
from routing.desk import SERVICE, as_dict
from routing.domain.surge import SPAN, Arrivals, Usual, spans, usual

LOG = logs.get(__name__)
_ONE_LOOK = 0x73757267  # "surg"


async def look(tx: AsyncConnection, now: datetime) -> int:
    """Compares the minutes past with what is usual, queue by queue; how many surges began or ended.

    One replica looks at a time; a second look in the same minute finds what the first did.
    """
    if not await tx.scalar(text("select pg_try_advisory_xact_lock(:lock)"), {"lock": _ONE_LOOK}):
        return 0
    judged = await _judged(tx, now)
    going_on = {row.queue: as_dict(row) for row in await open_surges(tx)}
    writes, events, noted = Writes(), [], []
    begun: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for queue in sorted({*judged, *going_on}):
        arrived, found = judged.get(queue, (0, Usual(0.0, 1.0)))
        surge = going_on.get(queue)
        if surge is None and found.begins:
            surge = {
                "surge_id": uuid4(),
                "queue": queue,
                "began_at": now,
                "arrived": arrived,
                "expected": round(found.expected, 1),
                "ended_at": None,
            }
            begun.append(surge)
            events.append(QueueSurgeBegan(queue=queue, surge=facts(surge)))
            noted.append(Change("surge-began", queue, [f"queue:{queue}"], {"arrived": arrived}))
            LOG.warning("surge began", queue=queue, arrived=arrived, expected=surge["expected"])
        elif surge is not None and (found.ends or arrived > surge["arrived"]):
            surge["arrived"] = max(arrived, surge["arrived"])
            changed.append(surge)
            if found.ends:
                surge["ended_at"] = now
                events.append(QueueSurgeEnded(queue=queue, surge=facts(surge), ended_at=now))
                noted.append(Change("surge-ended", queue, [f"queue:{queue}"], {}))
                LOG.info("surge ended", queue=queue, most=surge["arrived"])
    writes.insert(store.SURGE, begun)
    writes.update(store.SURGE, changed)
    outbox.put(writes, [encode(event, source=SERVICE, time=now) for event in events])
    changes.put(writes, noted)
    await writes.send(tx)
    return len(events)


async def _judged(tx: AsyncConnection, now: datetime) -> dict[str, tuple[int, Usual]]:
    """By queue to which anybody came: how many just now, and how unusual that is."""
    since = await tallies.known_since(tx)
    counted = spans(now, since) if since else []
    if not counted:
        return {}
    by_queue: dict[str, dict[int, int]] = {}
    for row in await tallies.arrivals(tx, [(span.since, span.until) for span in counted]):
        by_queue.setdefault(row.queue, {})[row.place - 1] = row.arrived

    def of(counts: Mapping[int, int], kind: str) -> list[int]:
        return [counts.get(place, 0) for place, span in enumerate(counted) if span.kind == kind]

    return {
        queue: (
            of(counts, "now")[0],
            usual(Arrivals(of(counts, "now")[0], of(counts, "day"), of(counts, "before"))),
        )
        for queue, counts in by_queue.items()
    }


async def open_surges(tx: AsyncConnection) -> list[AnyRow]:
    """The surges that go on."""
    return list(await tx.execute(select(store.SURGE).where(store.SURGE.c.ended_at.is_(None))))


def facts(surge: Mapping[str, Any]) -> Surge:
    """A surge as events tell it."""
    return Surge(
        surge_id=surge["surge_id"],
        began_at=surge["began_at"],
        span_minutes=int(SPAN.total_seconds() // 60),
        arrived=surge["arrived"],
        expected=surge["expected"],
    )
