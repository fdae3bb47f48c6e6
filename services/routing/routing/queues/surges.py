"""Surges: detects far more arrivals than usual, publishes when that begins and when it ends."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text
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
_DETECTION_LOCK = 0x73757267  # "surg"


async def detect(tx: AsyncConnection, now: datetime) -> int:
    """Compares the last minutes of each queue and label with what is usual. Returns how many surges began or ended.

    One replica detects at a time. A second run in the same minute changes nothing.
    """
    if not await tx.scalar(text("select pg_try_advisory_xact_lock(:lock)"), {"lock": _DETECTION_LOCK}):
        return 0
    arrivals = await _read_arrivals(tx, now)
    ongoing = {_Subject(row.queue, row.label): _SurgeRecord.of(row) for row in await store.surges.ongoing(tx)}
    writes, change_log = Writes(), list[Change]()
    events: list[Event] = []
    begun: list[_SurgeRecord] = []
    changed: list[_SurgeRecord] = []
    for subject in sorted(
        {*arrivals, *ongoing}, key=lambda subject: (subject.queue or "", subject.label or "")
    ):
        arrived, normal = arrivals.get(subject, (0, Usual(0.0, 1.0)))
        surge = ongoing.get(subject)
        if surge is None and normal.begins:
            expected = round(normal.expected, 1)
            surge = _SurgeRecord(uuid4(), subject.queue, subject.label, now, arrived, expected, None)
            begun.append(surge)
            events.append(subject.began(surge.facts()))
            change_log.append(Change("surge-began", subject.name, subject.audience, {"arrived": arrived}))
            LOG.warning("surge began", **subject._asdict(), arrived=arrived, expected=expected)
        elif surge is not None and (normal.ends or arrived > surge.arrived):
            surge = surge._replace(
                arrived=max(arrived, surge.arrived), ended_at=now if normal.ends else surge.ended_at
            )
            changed.append(surge)
            if normal.ends:
                events.append(subject.ended(surge.facts(), now))
                change_log.append(Change("surge-ended", subject.name, subject.audience, {}))
                LOG.info("surge ended", **subject._asdict(), most=surge.arrived)
    writes.insert(store.surges.SURGE, [surge._asdict() for surge in begun])
    writes.update(store.surges.SURGE, [surge._asdict() for surge in changed])
    outbox.put(writes, [encode(event, source=ROUTING, time=now) for event in events])
    changes.put(writes, change_log)
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
        """The surge of a row."""
        return cls(*(getattr(row, name) for name in cls._fields))

    def facts(self) -> Surge:
        """The surge as events state it."""
        return Surge(
            surge_id=self.surge_id,
            began_at=self.began_at,
            span_minutes=int(SPAN.total_seconds() // 60),
            arrived=self.arrived,
            expected=self.expected,
        )


class _Subject(NamedTuple):
    """The queue or the label of a surge."""

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


async def _read_arrivals(tx: AsyncConnection, now: datetime) -> dict[_Subject, tuple[int, Usual]]:
    """By queue and label with arrivals: how many arrived in the last minutes, and how many usually do."""
    since = await store.counts.counted_since(tx)
    counted = spans(now, since) if since else []
    if not counted:
        return {}
    by_subject: dict[_Subject, dict[int, int]] = {}
    for row in await store.counts.arrivals(tx, [(span.since, span.until) for span in counted]):
        subject = _Subject(None, row.name) if row.labelled else _Subject(row.name, None)
        by_subject.setdefault(subject, {})[row.place - 1] = row.arrived

    def of(counts: Mapping[int, int], kind: SpanKind) -> list[int]:
        return [counts.get(place, 0) for place, span in enumerate(counted) if span.kind == kind]

    return {
        subject: (
            of(counts, SpanKind.NOW)[0],
            usual(
                Arrivals(of(counts, SpanKind.NOW)[0], of(counts, SpanKind.DAY), of(counts, SpanKind.BEFORE))
            ),
        )
        for subject, counts in by_subject.items()
    }
