"""A case as case-mgmt tells of it, and time that passes by itself, for tests of what customers are promised."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts import generate
from antiphon.contracts.base import Actor
from antiphon.contracts.cases import (
    CaseEvent,
    CaseInteractionAdded,
    CaseOpened,
    CaseStatusChanged,
    StatusTrigger,
)
from antiphon.contracts.replies import ReplySent
from antiphon.postgres.query import mapping
from routing.domain.time import sla_clock
from routing.domain.time.sla_clock import Clock
from routing.sla.ledger import columns, entry_of
from routing.work import handling
from tests.support.routing.configured import BOSS, AgentPool, Changed, section
from tests.support.routing.harness import opened

MONDAY = datetime(2035, 3, 5, 9, tzinfo=UTC)
"""Far from the database's own time: no timer fires but when a test says that time has passed."""
ALWAYS = {"name": "Always", "time_zone": "UTC", "hours": "always"}
ELENA = Actor(kind="agent", id="elena", name="Elena Marino")


def within(hours: float, calendar: str = "always") -> dict[str, Any]:
    return {"within": f"{round(hours * 3600)}s", "calendar": calendar}


def promising(**given: Any) -> Changed:
    """The policy of every queue; what is not given is not promised, but the first response, in four hours."""
    policy = {"name": "n", "first_response": within(4)} | given
    return section("sla_policies", {"standard": policy, "social": policy})


class CaseHistory:
    """A case, told of step by step: each step is the event that case-mgmt would send."""

    def __init__(self, number: int, now: datetime, department: str = "planning") -> None:
        self.now = now
        self.opened: CaseOpened = opened(number, now, department)
        facts = self.opened.case.model_copy(update={"opened_at": now, "revision": 1})
        said = self.opened.interaction.model_copy(update={"accepted_at": now})
        self.opened = self.opened.model_copy(update={"case": facts, "interaction": said})
        self.case = facts

    def spoke(self, at: datetime) -> CaseInteractionAdded:
        """The customer said something more."""
        since = self.case.awaiting_answer_since or at
        reopened = self.case.status in {"resolved", "closed"}
        status = self.case.status if self.case.status == "new" else "open"
        self._moved(
            status=status, awaiting_answer_since=since, reopened=self.case.reopened + reopened, asks=True
        )
        event = CaseInteractionAdded.model_validate(generate.example("case.interaction-added.v1")["data"])
        said = event.interaction.model_copy(update={"accepted_at": at, "interaction_id": uuid4()})
        return event.model_copy(update={"case": self.case, "interaction": said})

    def wrote(self, status: str = "pending") -> CaseStatusChanged:
        """An answer was written: nobody awaits one until it fails."""
        trigger = StatusTrigger.REPLY_REQUESTED
        return self.set(status, "an answer was written", trigger, awaiting_answer_since=None)

    def failed(self, since: datetime) -> CaseStatusChanged:
        """The answer could not be sent."""
        event = self.set(
            "open", "an answer could not be sent", StatusTrigger.REPLY_FAILED, awaiting_answer_since=since
        )
        return event.model_copy(update={"unanswered": [self.opened.interaction]})

    def set(
        self, status: str, reason: str = "said so", trigger: StatusTrigger = StatusTrigger.SET_BY_PERSON, **given: Any
    ) -> CaseStatusChanged:  # fmt: skip
        """Somebody set the status."""
        previous = self.case.status
        if status in {"resolved", "closed"}:
            given = {"awaiting_answer_since": None} | given
        self._moved(status=status, asks=trigger is StatusTrigger.REPLY_FAILED or status == "open", **given)
        return CaseStatusChanged(case=self.case, previous=previous, by=ELENA, trigger=trigger, reason=reason)

    def sent(self, at: datetime, kind: str = "agent", revision: int | None = None) -> ReplySent:
        """The channel took an answer, by default to all that was said by now."""
        return ReplySent(
            reply_id=uuid4(), case_id=self.case.case_id, channel="email", native_ids=["<x>"],
            author=Actor(kind=kind, id="elena", name="Elena Marino"), sent_at=at,
            case_revision=revision or self.case.revision,
        )  # fmt: skip

    def _moved(self, *, asks: bool, **changed: Any) -> None:
        revision = self.case.revision + 1
        asked = {"asked_revision": revision} if asks else {}
        self.case = self.case.model_copy(update={"revision": revision, **asked, **changed})


class Promises(AgentPool):
    """Routing whose time passes when a test says so."""

    async def hear_at(self, at: datetime, *events: CaseEvent | ReplySent) -> None:
        """Events that happened at an instant and are heard at once."""
        await self.pass_to(at)
        await self.apply(*events)

    async def pass_to(self, at: datetime) -> None:
        """Time passes, and what is due by then fires."""
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

    async def hand_on(self, work: UUID, queue: str) -> None:
        """A supervisor hands work to another queue."""
        async with self.engine.begin() as tx:
            active = await self.active(tx)
            await handling.transfer(
                tx, work, BOSS, active, queue=queue, agent=None, note=None, anyones=True, now=self.now
            )

    @staticmethod
    async def lock_all(tx: AsyncConnection) -> None:
        """Holds every open work item, as who decides about them does."""
        await tx.execute(text("select 1 from work_item for update"))

    async def clocks(self, target: str | None = None) -> Sequence[Any]:
        """Clocks in the order in which they began, each checked against its ledger."""
        rows = await self.rows(
            "select * from clock where cast(:t as text) is null or target = :t order by started_at, target",
            t=target,
        )
        for row in rows:
            folded = await self.folded(row.clock_id)
            found = columns(folded)
            assert found == {name: as_kept(getattr(row, name)) for name in found}
        return rows

    async def clock(self, target: str) -> Any:
        """The newest clock of a kind."""
        return (await self.clocks(target))[-1]

    async def folded(self, clock_id: Any) -> Clock:
        """The clock that its ledger tells of."""
        rows = await self.rows("select * from clock_entry where clock_id = :c order by place", c=clock_id)
        assert [row.place for row in rows] == list(range(len(rows)))
        return sla_clock.fold(entry_of(mapping(row)) for row in rows)

    async def ledger(self, target: str) -> list[str]:
        """What the ledger of the newest clock of a kind says."""
        clock = await self.clock(target)
        return [
            row.kind
            for row in await self.rows(
                "select kind from clock_entry where clock_id = :c order by place", c=clock.clock_id
            )
        ]

    async def published(self, prefix: str) -> list[str]:
        """The types of the events that wait to be published, in order."""
        rows = await self.rows("select headers from outbox order by id")
        found = [next(part for part in row.headers.split('"') if part.endswith(".v1")) for row in rows]
        return [name for name in found if name.startswith(prefix)]


def as_kept(value: Any) -> Any:
    if isinstance(value, list):
        runs = [isinstance(one, list) for one in value]
        if all(runs) and runs:
            return tuple((datetime.fromisoformat(a), b and datetime.fromisoformat(b)) for a, b in value)
        return tuple(value)
    return value


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
