"""Surges: noticed, told, and over again."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Event
from antiphon.contracts.envelope import encode
from antiphon.contracts.queues import (
    LabelSurgeBegan,
    LabelSurgeEnded,
    QueueSurgeBegan,
    QueueSurgeEnded,
    Surge,
)
from antiphon.http import changes
from antiphon.http.changes import Change
from antiphon.kafka import outbox
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import Writes
from antiphon.process import logs
from antiphon.service_names import ROUTING
from routing import store
from routing.domain.queues.surge import SPAN, Arrivals, SpanKind, Usual, spans, usual

LOG = logs.get(__name__)
_ONE_LOOK = 0x73757267  # "surg"


async def look(tx: AsyncConnection, now: datetime) -> int:
    """Compares the minutes past with what is usual, of each queue and label; how many surges began or ended.

    One replica looks at a time; a second look in the same minute finds what the first did.
    """
    if not await tx.scalar(text("select pg_try_advisory_xact_lock(:lock)"), {"lock": _ONE_LOOK}):
        return 0
    judged = await _judged(tx, now)
    going_on = {_Of(row.queue, row.label): _SurgeRecord.of(row) for row in await open_surges(tx)}
    writes, noted = Writes(), list[Change]()
    events: list[Event] = []
    begun: list[_SurgeRecord] = []
    changed: list[_SurgeRecord] = []
    for of in sorted({*judged, *going_on}, key=lambda of: (of.queue or "", of.label or "")):
        arrived, found = judged.get(of, (0, Usual(0.0, 1.0)))
        surge = going_on.get(of)
        if surge is None and found.begins:
            surge = _SurgeRecord(uuid4(), of.queue, of.label, now, arrived, round(found.expected, 1), None)
            begun.append(surge)
            events.append(of.began(surge.facts()))
            noted.append(Change("surge-began", of.name, of.audience, {"arrived": arrived}))
            LOG.warning("surge began", **of._asdict(), arrived=arrived, expected=surge.expected)
        elif surge is not None and (found.ends or arrived > surge.arrived):
            surge = surge._replace(
                arrived=max(arrived, surge.arrived), ended_at=now if found.ends else surge.ended_at
            )
            changed.append(surge)
            if found.ends:
                events.append(of.ended(surge.facts(), now))
                noted.append(Change("surge-ended", of.name, of.audience, {}))
                LOG.info("surge ended", **of._asdict(), most=surge.arrived)
    writes.insert(store.surges.SURGE, [surge._asdict() for surge in begun])
    writes.update(store.surges.SURGE, [surge._asdict() for surge in changed])
    outbox.put(writes, [encode(event, source=ROUTING, time=now) for event in events])
    changes.put(writes, noted)
    await writes.send(tx)
    return len(events)


class _SurgeRecord(NamedTuple):
    """A surge of a queue or a label. The fields are the columns of its row."""

    surge_id: UUID
    queue: str | None
    label: str | None
    began_at: datetime
    arrived: int
    expected: float
    ended_at: datetime | None

    @classmethod
    def of(cls, row: AnyRow) -> "_SurgeRecord":
        """That of a row."""
        return cls(*(getattr(row, name) for name in cls._fields))

    def facts(self) -> Surge:
        """It as events tell it."""
        return Surge(
            surge_id=self.surge_id,
            began_at=self.began_at,
            span_minutes=int(SPAN.total_seconds() // 60),
            arrived=self.arrived,
            expected=self.expected,
        )


class _Of(NamedTuple):
    """What a surge is of: a queue or a label."""

    queue: str | None
    label: str | None

    @property
    def name(self) -> str:
        return self.label or self.queue or ""

    @property
    def audience(self) -> list[str]:
        return [f"queue:{self.queue}"] if self.label is None else ["operations"]

    def began(self, surge: Surge) -> Event:
        if self.label is None:
            return QueueSurgeBegan(queue=self.name, surge=surge)
        return LabelSurgeBegan(label=self.name, surge=surge)

    def ended(self, surge: Surge, at: datetime) -> Event:
        if self.label is None:
            return QueueSurgeEnded(queue=self.name, surge=surge, ended_at=at)
        return LabelSurgeEnded(label=self.name, surge=surge, ended_at=at)


async def _judged(tx: AsyncConnection, now: datetime) -> dict[_Of, tuple[int, Usual]]:
    """By queue to which, and label with which, anybody came: how many just now, and how unusual that is."""
    since = await store.counts.counted_since(tx)
    counted = spans(now, since) if since else []
    if not counted:
        return {}
    found: dict[_Of, dict[int, int]] = {}
    for row in await store.counts.arrivals(tx, [(span.since, span.until) for span in counted]):
        one = _Of(None, row.name) if row.labelled else _Of(row.name, None)
        found.setdefault(one, {})[row.place - 1] = row.arrived

    def of(counts: Mapping[int, int], kind: SpanKind) -> list[int]:
        return [counts.get(place, 0) for place, span in enumerate(counted) if span.kind == kind]

    return {
        one: (
            of(counts, SpanKind.NOW)[0],
            usual(
                Arrivals(of(counts, SpanKind.NOW)[0], of(counts, SpanKind.DAY), of(counts, SpanKind.BEFORE))
            ),
        )
        for one, counts in found.items()
    }


async def open_surges(tx: AsyncConnection) -> list[AnyRow]:
    """The surges that go on."""
    return list(await tx.execute(select(store.surges.SURGE).where(store.surges.SURGE.c.ended_at.is_(None))))
