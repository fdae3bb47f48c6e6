"""Cases in hand: what a transaction is going to write about them, and tell, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts import cases as said
from antiphon.contracts.base import Actor, ActorKind, Event
from antiphon.contracts.cases import InteractionFacts, StatusTrigger
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.http.changes import Change
from antiphon.kafka import outbox
from antiphon.postgres.writes import Writes
from antiphon.service_names import CASE_MGMT
from case_mgmt import store
from case_mgmt.domain.case import Case
from case_mgmt.domain.record import Entry, EntryKind
from case_mgmt.domain.work import Work

SYSTEM = Actor(kind=ActorKind.SYSTEM, id=CASE_MGMT)


@dataclass
class Unit:
    """Cases in hand: what is known of them, and what a transaction is going to write, in order."""

    cases: dict[UUID, Case]
    now: datetime
    works: dict[UUID, Work] = field(default_factory=dict[UUID, Work])
    added: set[UUID] = field(default_factory=set[UUID])
    touched: set[UUID] = field(default_factory=set[UUID])
    followed: set[UUID] = field(default_factory=set[UUID])
    entries: list[Entry] = field(default_factory=list[Entry])
    outgoing: list[Outgoing] = field(default_factory=list[Outgoing])

    def put(self, case: Case, *, new: bool = False) -> None:
        """The case as it stands after a change."""
        self.cases[case.case_id] = case
        self.touched.add(case.case_id)
        if new:
            self.added.add(case.case_id)

    def follow(self, work: Work) -> None:
        """The copy of a case's work as it stands after an event. The case itself is not changed by it."""
        self.works[work.case_id] = work
        self.followed.add(work.case_id)

    def tell(self, event: Event, traceparent: str | None) -> None:
        """An event to publish."""
        self.outgoing.append(encode(event, source=CASE_MGMT, time=self.now, traceparent=traceparent))

    def record(
        self, case_id: UUID, key: str, kind: str, at: datetime, actor: Actor, data: Mapping[str, object]
    ) -> None:
        """An entry of the record."""
        self.entries.append(Entry(case_id, key, kind, at, self.now, actor, data))

    def move(
        self,
        case: Case,
        after: Case,
        by: Actor,
        trigger: StatusTrigger,
        reason: str,
        traceparent: str | None,
        unanswered: Sequence[InteractionFacts] = (),
    ) -> Case:
        """Puts `after` in the place of `case`, and records and publishes a change of status.

        `unanswered` are the customer's words that await an answer then; needed where the change asks for work. An answer
        that failed is published also when the status stays: the words that it had answered await an answer again.
        """
        self.put(after)
        if after.status != case.status:
            key = f"status:{case.case_id}:{after.revision}"
            data = {"previous": case.status, "status": after.status, "trigger": trigger, "reason": reason}
            self.record(case.case_id, key, EntryKind.STATUS_CHANGED, self.now, by, data)
        if after.status != case.status or trigger is StatusTrigger.REPLY_FAILED:
            event = said.CaseStatusChanged(
                case=after.facts(), previous=case.status, by=by, trigger=trigger, reason=reason,
                unanswered=list(unanswered),
            )  # fmt: skip
            self.tell(event, traceparent)
        return after

    def put_down(self, writes: Writes) -> None:
        """All of it."""
        touched = [self.cases[case_id] for case_id in sorted(self.touched)]
        changed = [case for case in touched if case.case_id not in self.added]
        store.add_cases(writes, [case for case in touched if case.case_id in self.added])
        store.change_cases(writes, changed)
        store.put_works(writes, [(self.works[each], self.cases[each]) for each in sorted(self.followed)])
        store.date_works(writes, [case for case in changed if case.case_id not in self.followed])
        store.add_entries(writes, self.entries)
        outbox.put(writes, self.outgoing)
        shown = self.touched | {entry.case_id for entry in self.entries}
        store.add_changes(writes, [self._change(self.cases[case_id]) for case_id in sorted(shown)])

    async def write(self, tx: AsyncConnection) -> None:
        """Writes all of it, in one statement."""
        writes = Writes()
        self.put_down(writes)
        await writes.send(tx)

    def _change(self, case: Case) -> Change:
        audience = [f"case:{case.case_id}", f"customer:{case.customer_id}"]
        if case.case_id in self.followed:
            work = self.works[case.case_id]
            audience += [f"agent:{work.assignee}"] if work.assignee else []
            audience += [f"queue:{work.queue}"] if work.queue else []
        return Change(
            "case",
            str(case.case_id),
            audience,
            {"reference": case.reference, "status": case.status, "revision": case.revision},
        )
