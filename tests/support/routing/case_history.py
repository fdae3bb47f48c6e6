"""The events of a case, in the order in which case-mgmt publishes them, and a pool whose time a test advances."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts import generate
from antiphon.contracts.base import Actor
from antiphon.contracts.cases import (
    CaseEvent,
    CaseInteractionAdded,
    CaseInteractionDeleted,
    CaseOpened,
    CaseStatusChanged,
    StatusTrigger,
)
from antiphon.contracts.replies import ReplySent
from antiphon.postgres.query import mapping
from routing.domain.time import sla_clock
from routing.domain.time.sla_clock import Clock
from routing.sla.ledger import columns, entry_of
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.harness import opened
from tests.support.routing.organisation import Change, section

MONDAY = datetime(2035, 3, 5, 9, tzinfo=UTC)
"""Far after the time of the database, so that a timer fires only when a test advances the time."""
ALWAYS = {"name": "Always", "time_zone": "UTC", "hours": "always"}
ELENA = Actor(kind="agent", id="elena", name="Elena Marino")


def within(hours: float, calendar: str = "always") -> dict[str, Any]:
    """A target of so many hours of a calendar."""
    return {"within": f"{round(hours * 3600)}s", "calendar": calendar}


def sla_policies(**settings: Any) -> Change:
    """Gives all queues one SLA policy with these settings; without any, its only target is a first response in 4 hours."""
    policy = {"name": "n", "first_response": within(4)} | settings
    return section("sla_policies", {"standard": policy, "social": policy})


class CaseHistory:
    """A case that changes event by event. Each method changes the case and returns the event that case-mgmt publishes."""

    def __init__(self, number: int, now: datetime, department: str = "planning") -> None:
        self.now = now
        self.opened: CaseOpened = opened(number, now, department)
        facts = self.opened.case.model_copy(update={"opened_at": now, "revision": 1})
        interaction = self.opened.interaction.model_copy(update={"accepted_at": now})
        self.opened = self.opened.model_copy(update={"case": facts, "interaction": interaction})
        self.case = facts

    def interaction_added(self, at: datetime) -> CaseInteractionAdded:
        """The customer writes again."""
        since = self.case.awaiting_answer_since or at
        reopened = self.case.status in {"resolved", "closed"}
        status = self.case.status if self.case.status == "new" else "open"
        self._update(
            status=status, awaiting_answer_since=since, reopened=self.case.reopened + reopened, asks=True
        )
        event = CaseInteractionAdded.model_validate(generate.example("case.interaction-added.v1")["data"])
        interaction = event.interaction.model_copy(update={"accepted_at": at, "interaction_id": uuid4()})
        return event.model_copy(update={"case": self.case, "interaction": interaction})

    def reply_requested(self, status: str = "pending") -> CaseStatusChanged:
        """An agent writes an answer: the customer awaits none unless it fails."""
        trigger = StatusTrigger.REPLY_REQUESTED
        return self.status_changed(status, "an answer was written", trigger, awaiting_answer_since=None)

    def reply_failed(self, since: datetime) -> CaseStatusChanged:
        """The channel could not send the answer."""
        event = self.status_changed(
            "open", "an answer could not be sent", StatusTrigger.REPLY_FAILED, awaiting_answer_since=since
        )
        return event.model_copy(update={"unanswered": [self.opened.interaction]})

    def words_deleted(
        self, remaining: datetime | None = None, status: str = "closed"
    ) -> CaseInteractionDeleted:
        """The customer deletes words; `remaining` is when those were accepted that then await an answer, else the case has `status`."""
        status = self.case.status if remaining or self.case.opened_by_person_at else status
        self._update(status=status, awaiting_answer_since=remaining, asks=False)
        return CaseInteractionDeleted(case=self.case, interaction_id=self.opened.interaction.interaction_id)

    def opened_by_person(self, queue: str | None = None, newest: str | None = None) -> CaseStatusChanged:
        """A person opens the case again, and may name a queue; `newest` is the text that the customer said last."""
        event = self.status_changed("open", opened_by_person_at=self.now, opened_in_queue=queue)
        words = self.opened.interaction.model_copy(update={"text": newest, "subject": None, "topics": []})
        return event.model_copy(update={"newest": None if newest is None else words})

    def status_changed(
        self, status: str, reason: str = "by hand", trigger: StatusTrigger = StatusTrigger.SET_BY_PERSON, **changes: Any
    ) -> CaseStatusChanged:  # fmt: skip
        """The status changes; by default a person sets it."""
        previous = self.case.status
        if status in {"resolved", "closed"}:
            changes = {"awaiting_answer_since": None} | changes
        if status != "open":
            changes = {"opened_by_person_at": None, "opened_in_queue": None} | changes
        opens = status == "open" and trigger is StatusTrigger.SET_BY_PERSON
        self._update(status=status, asks=opens or trigger is StatusTrigger.REPLY_FAILED, **changes)
        return CaseStatusChanged(case=self.case, previous=previous, by=ELENA, trigger=trigger, reason=reason)

    def reply_sent(self, at: datetime, kind: str = "agent", revision: int | None = None) -> ReplySent:
        """The channel took an answer; by default one to the newest revision of the case."""
        return ReplySent(
            reply_id=uuid4(), case_id=self.case.case_id, channel="email", native_ids=["<x>"],
            author=Actor(kind=kind, id="elena", name="Elena Marino"), sent_at=at,
            case_revision=revision or self.case.revision,
        )  # fmt: skip

    def _update(self, *, asks: bool, **changes: Any) -> None:
        revision = self.case.revision + 1
        asked = {"asked_revision": revision} if asks else {}
        self.case = self.case.model_copy(update={"revision": revision, **asked, **changes})


class TimedPool(AgentPool):
    """A pool whose time a test advances."""

    async def apply_at(self, at: datetime, *events: CaseEvent | ReplySent) -> None:
        """Advances the time to `at`, then applies the events."""
        await self.advance_to(at)
        await self.apply(*events)

    async def advance_to(self, at: datetime) -> None:
        """Sets the time, and fires the timers of clocks that are due by then."""
        self.now = at
        while True:
            async with self.engine.begin() as tx:
                moved = text(
                    "update timer set due_at = now() where kind = 'sla-clock' and due_at <= :at returning 1"
                )
                due = (await tx.execute(moved, {"at": at})).all()
            if not due:
                return
            await self.fire()

    @staticmethod
    async def lock_all(tx: AsyncConnection) -> None:
        """Locks every work item, as a transaction that decides about them does."""
        await tx.execute(text("select 1 from work_item for update"))

    async def clocks(self, target: str | None = None) -> Sequence[Any]:
        """The clocks of a target (None: of all) in the order of their start, each asserted to equal its ledger."""
        rows = await self.rows(
            "select * from clock where cast(:t as text) is null or target = :t order by started_at, target",
            t=target,
        )
        for row in rows:
            folded = await self.folded(row.clock_id)
            values = columns(folded)
            assert values == {name: from_column(getattr(row, name)) for name in values}
        return rows

    async def clock(self, target: str) -> Any:
        """The newest clock of a target."""
        return (await self.clocks(target))[-1]

    async def folded(self, clock_id: Any) -> Clock:
        """The clock as its ledger entries make it."""
        rows = await self.rows("select * from clock_entry where clock_id = :c order by place", c=clock_id)
        assert [row.place for row in rows] == list(range(len(rows)))
        return sla_clock.fold(entry_of(mapping(row)) for row in rows)

    async def ledger(self, target: str) -> list[str]:
        """The kinds of the ledger entries of the newest clock of a target, in order."""
        clock = await self.clock(target)
        return [
            row.kind
            for row in await self.rows(
                "select kind from clock_entry where clock_id = :c order by place", c=clock.clock_id
            )
        ]

    async def published(self, prefix: str) -> list[str]:
        """The types of the events in the outbox that begin so, in order."""
        rows = await self.rows("select headers from outbox order by id")
        types = [next(part for part in row.headers.split('"') if part.endswith(".v1")) for row in rows]
        return [name for name in types if name.startswith(prefix)]


def from_column(value: Any) -> Any:
    """The value of a clock that this column value stands for: arrays are tuples, runs pairs of times."""
    if isinstance(value, list):
        if value and all(isinstance(run, list) for run in value):
            return tuple((datetime.fromisoformat(a), b and datetime.fromisoformat(b)) for a, b in value)
        return tuple(value)
    return value


def hours(number: float) -> timedelta:
    """A duration."""
    return timedelta(hours=number)
