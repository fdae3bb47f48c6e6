"""The unit of work of case-mgmt: cases, and what one transaction is going to write and publish about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Actor, ActorKind, Event
from antiphon.contracts.cases import CaseStatusChanged, InteractionFacts, StatusTrigger
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.http.changes import Change
from antiphon.kafka import outbox
from antiphon.postgres.writes import Writes
from antiphon.service_names import CASE_MGMT
from case_mgmt import store
from case_mgmt.domain.cases import Case
from case_mgmt.domain.record import Entry, EntryKind
from case_mgmt.domain.work import Work

SYSTEM = Actor(kind=ActorKind.SYSTEM, id=CASE_MGMT)
# What a live change says of a case. It has no words of the customer.
_SHOWN = (
    "reference", "status", "revision", "department", "changed_at", "awaiting_answer_since", "interactions", "replies",
)  # fmt: skip
_PUBLISHED_ALWAYS = frozenset(
    {StatusTrigger.REPLY_FAILED, StatusTrigger.REPLY_REQUESTED, StatusTrigger.SET_BY_PERSON}
)


@dataclass
class CaseUnit:
    """The current values of cases and of their work, and what the transaction is going to write, in order."""

    cases: dict[UUID, Case]
    now: datetime
    works: dict[UUID, Work] = field(default_factory=dict[UUID, Work])
    added: set[UUID] = field(default_factory=set[UUID])
    changed: set[UUID] = field(default_factory=set[UUID])
    work_changed: set[UUID] = field(default_factory=set[UUID])
    entries: list[Entry] = field(default_factory=list[Entry])
    outgoing: list[Outgoing] = field(default_factory=list[Outgoing])

    def put(self, case: Case, *, new: bool = False) -> None:
        """Sets the value of a case after a change."""
        self.cases[case.case_id] = case
        self.changed.add(case.case_id)
        if new:
            self.added.add(case.case_id)

    def put_work(self, work: Work) -> None:
        """Sets the copy of a case's work after an event. The case itself does not change."""
        self.works[work.case_id] = work
        self.work_changed.add(work.case_id)

    def publish(self, event: Event, traceparent: str | None) -> None:
        """Adds an event to publish."""
        self.outgoing.append(encode(event, source=CASE_MGMT, time=self.now, traceparent=traceparent))

    def record(
        self, case_id: UUID, key: str, kind: str, at: datetime, actor: Actor, data: Mapping[str, object]
    ) -> None:
        """Adds an entry to the record. `key` is its natural key."""
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
        *,
        newest: InteractionFacts | None = None,
    ) -> Case:
        """Replaces `case` by `after`, and records and publishes a change of its status.

        `unanswered` are the interactions that then await an answer, and `newest` what the customer said last; the event needs
        them where it asks for work. Also when the status stays, what a reply changes is published (whether the customer awaits
        an answer), and what a person sets: they ask for work.
        """
        self.put(after)
        if after.status != case.status or trigger is StatusTrigger.SET_BY_PERSON:
            key = f"status:{case.case_id}:{after.revision}"
            data = {"previous": case.status, "status": after.status, "trigger": trigger, "reason": reason}
            self.record(case.case_id, key, EntryKind.STATUS_CHANGED, self.now, by, data)
        if after.status != case.status or trigger in _PUBLISHED_ALWAYS:
            event = CaseStatusChanged(
                case=after.facts(),
                previous=case.status,
                by=by,
                trigger=trigger,
                reason=reason,
                unanswered=list(unanswered),
                newest=newest,
            )
            self.publish(event, traceparent)
        return after

    def add_to(self, writes: Writes) -> None:
        """Adds everything to the writes of the transaction."""
        changed = [self.cases[case_id] for case_id in sorted(self.changed)]
        not_new = [case for case in changed if case.case_id not in self.added]
        store.cases.add(writes, [case for case in changed if case.case_id in self.added])
        store.cases.change(writes, not_new)
        store.work.put(writes, [(self.works[each], self.cases[each]) for each in sorted(self.work_changed)])
        store.work.copy_changed_at(
            writes, [case for case in not_new if case.case_id not in self.work_changed]
        )
        store.record.add(writes, self.entries)
        outbox.put(writes, self.outgoing)
        shown = self.changed | {entry.case_id for entry in self.entries}
        store.changes.add(writes, [self._change(self.cases[case_id]) for case_id in sorted(shown)])

    async def write(self, tx: AsyncConnection) -> None:
        """Writes everything in one statement."""
        writes = Writes()
        self.add_to(writes)
        await writes.send(tx)

    def _change(self, case: Case) -> Change:
        audience = [f"case:{case.case_id}", f"customer:{case.customer_id}"]
        data: dict[str, object] = {name: getattr(case, name) for name in _SHOWN}
        if case.case_id in self.work_changed:
            work = self.works[case.case_id]
            audience += [f"agent:{work.agent_id}"] if work.agent_id else []
            audience += [f"queue:{work.queue}"] if work.queue else []
            data |= {name: getattr(work, name) for name in store.changes.OF_WORK}
        return Change("case", str(case.case_id), audience, data)
