"""The unit of work: what a transaction is going to write about work items, offers and clocks, and publish, in order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Unpack
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Actor, ActorKind, Event, rfc3339
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.contracts.work import CompletedBecause, WorkCompleted, WorkRequeued, WorkState
from antiphon.http import changes
from antiphon.http.changes import Change
from antiphon.kafka import outbox
from antiphon.postgres.writes import Writes
from antiphon.service_names import ROUTING
from routing import store
from routing.domain import work_acts
from routing.domain.case_record import CaseRecord
from routing.domain.offer import OfferRecord, OfferResult
from routing.domain.queues.escalation import EscalationKind
from routing.domain.timer import TimerKind
from routing.domain.work_change import WorkChange, audience
from routing.domain.work_item import Changes, WorkItem
from routing.store.counts import CURRENT, CountChanges, Movement

SYSTEM = Actor(kind=ActorKind.SYSTEM, id=ROUTING)
# After this time a timer fires again whose work another transaction holds.
AGAIN_AFTER = timedelta(milliseconds=100)

Row = Mapping[str, object]
"""A row to write."""


class StaleWorkError(Exception):
    """A caller changes a value of a work item that is not the current one: that would undo other changes."""


@dataclass
class UnitOfWork:
    """Collects changes; `write` writes them in a constant number of statements."""

    now: datetime
    traceparent: str | None = None
    new_work: dict[UUID, WorkItem] = field(default_factory=dict[UUID, WorkItem])
    work: dict[UUID, WorkItem] = field(default_factory=dict[UUID, WorkItem])
    new_offers: dict[UUID, OfferRecord] = field(default_factory=dict[UUID, OfferRecord])
    ended_offers: list[Row] = field(default_factory=list[Row])
    extended_offers: list[Row] = field(default_factory=list[Row])
    new_clocks: list[Row] = field(default_factory=list[Row])
    clocks: list[Row] = field(default_factory=list[Row])
    clock_entries: list[Row] = field(default_factory=list[Row])
    decisions: list[Row] = field(default_factory=list[Row])
    timers: list[tuple[TimerKind, UUID, datetime]] = field(
        default_factory=list[tuple[TimerKind, UUID, datetime]]
    )
    dropped_timers: list[tuple[TimerKind, UUID]] = field(default_factory=list[tuple[TimerKind, UUID]])
    seen: list[CaseRecord] = field(default_factory=list[CaseRecord])
    wrap_ups: dict[str, datetime] = field(default_factory=dict[str, datetime])
    outgoing: list[Outgoing] = field(default_factory=list[Outgoing])
    escalations: list[Row] = field(default_factory=list[Row])
    change_log: list[Change] = field(default_factory=list[Change])
    counts: CountChanges = field(default_factory=CountChanges)

    def publish(self, event: Event) -> None:
        """Adds an event to those that `write` puts into the outbox."""
        self.outgoing.append(encode(event, source=ROUTING, time=self.now, traceparent=self.traceparent))

    def current(self, work: WorkItem) -> WorkItem:
        """The newest value of a work item in this unit of work; the argument itself when it was not changed."""
        item = work.work_item_id
        return self.new_work.get(item) or self.work.get(item) or work

    def add(self, work: WorkItem) -> None:
        """Adds a new work item."""
        self.new_work[work.work_item_id] = work
        self._keep_step(work, None)
        self._count(None, (work.queue, work.state))
        minute = self.now.replace(second=0, microsecond=0)
        self.counts.update((minute, label, Movement.LABELLED) for label in work.labels)
        self._show(None, work)

    def put(self, work: WorkItem, **changed: Unpack[Changes]) -> WorkItem:
        """Changes a work item; returns its new value. Raises StaleWorkError when `work` is not its current value."""
        if self.current(work) is not work:
            raise StaleWorkError(work.work_item_id)
        item, changed["changed_at"], changed["revision"] = work.work_item_id, self.now, work.revision + 1
        after = work.replace(**changed)
        self._keep_step(after, work.next_step_at if work.waits else None)
        (self.new_work if item in self.new_work else self.work)[item] = after
        self._count((work.queue, work.state), (after.queue, after.state))
        self._show(work, after)
        return after

    def _show(self, before: WorkItem | None, after: WorkItem) -> None:
        change = Change("work", str(after.work_item_id), audience(before, after), WorkChange.of(after).row())
        self.change_log.append(change)

    def _keep_step(self, work: WorkItem, before: datetime | None) -> None:
        """Keeps the timer of the next step, which only work that waits has. Time with an agent counts towards the step."""
        due = work.next_step_at if work.waits else None
        if due is not None and due != before:
            self.timers.append((TimerKind.STEP, work.work_item_id, due))
        elif due is None and before is not None:
            self.timers = [timer for timer in self.timers if timer[:2] != (TimerKind.STEP, work.work_item_id)]
            self.dropped_timers.append((TimerKind.STEP, work.work_item_id))

    def note_escalation(
        self, work: WorkItem, kind: EscalationKind, what: str, step: int | None = None
    ) -> None:
        """Records what happened to work that waited long or could not stay in its queue."""
        escalation = {
            "work_item_id": work.work_item_id,
            "kind": kind,
            "step": step,
            "what": what,
            "at": self.now,
        }
        self.escalations.append(escalation)

    def _count(self, before: tuple[str, WorkState] | None, after: tuple[str, WorkState]) -> None:
        minute = self.now.replace(second=0, microsecond=0)
        if before is None or before[0] != after[0]:
            self.counts[minute, after[0], Movement.ARRIVED] += 1
        if before == after:
            return
        if before is not None and before[1] != WorkState.COMPLETED:
            self.counts[CURRENT, before[0], before[1]] -= 1
        if after[1] == WorkState.COMPLETED:
            self.counts[minute, after[0], Movement.COMPLETED] += 1
        else:
            self.counts[CURRENT, after[0], after[1]] += 1

    def offer(
        self, work: WorkItem, agent_id: str, agent_name: str, expires_at: datetime, *, directed: bool = False
    ) -> tuple[WorkItem, OfferRecord]:
        """Reserves the work for an agent until the offer expires. `directed`: a person chose the agent."""
        offer = OfferRecord(
            offer_id=uuid4(),
            work_item_id=work.work_item_id,
            agent_id=agent_id,
            agent_name=agent_name,
            offered_at=self.now,
            expires_at=expires_at,
            directed=directed,
        )
        self.new_offers[offer.offer_id] = offer
        self.timers.append((TimerKind.OFFER_EXPIRY, offer.offer_id, expires_at))
        work = self.put(work, **work_acts.offered(work, agent_id))
        self._show_offer(work, offer)
        return work, offer

    def extend_offer(self, work: WorkItem, offer: OfferRecord, by: timedelta) -> None:
        """Lets a pending offer expire later. The caller holds the lock on its timer."""
        offer = offer.extended(by)
        changed = {name: getattr(offer, name) for name in ("offer_id", "expires_at", "extensions")}
        self.extended_offers.append(changed)
        self.timers.append((TimerKind.OFFER_EXPIRY, offer.offer_id, offer.expires_at))
        self._show_offer(work, offer)

    def _show_offer(self, work: WorkItem, offer: OfferRecord) -> None:
        detail = {
            "offer_id": str(offer.offer_id),
            "case_reference": work.case_reference,
            "expires_at": rfc3339(offer.expires_at),
        }
        self.change_log.append(Change("offer", str(offer.offer_id), [f"agent:{offer.agent_id}"], detail))

    def accept_at_once(self, work: WorkItem, offer: OfferRecord) -> WorkItem:
        """Accepts an offer of this unit of work for the agent, who does not answer it."""
        self.new_offers[offer.offer_id] = offer.ended(OfferResult.ACCEPTED, self.now)
        self.timers.remove((TimerKind.OFFER_EXPIRY, offer.offer_id, offer.expires_at))
        work = self.put(work, **work_acts.accepted())
        self._show_ended(offer, OfferResult.ACCEPTED, at_once=True)
        return work

    def end_offer(self, offer: OfferRecord, result: OfferResult, reason: str | None = None) -> None:
        """Ends an offer with its result, and drops its timer."""
        ended = {"offer_id": offer.offer_id, "result": result, "ended_at": self.now, "reason": reason}
        self.ended_offers.append(ended)
        self.dropped_timers.append((TimerKind.OFFER_EXPIRY, offer.offer_id))
        self._show_ended(offer, result)

    def _show_ended(self, offer: OfferRecord, result: OfferResult, *, at_once: bool = False) -> None:
        detail = {"offer_id": str(offer.offer_id), "result": result, "auto_accepted": at_once}
        self.change_log.append(
            Change("offer-ended", str(offer.offer_id), [f"agent:{offer.agent_id}"], detail)
        )

    def requeue(self, work: WorkItem, reason: str, **changed: Unpack[Changes]) -> WorkItem:
        """Returns the work to its place in the queue: it keeps the time at which the customer began to wait.

        Where later messages meant it for another queue, the review moves it there at once.
        """
        previous = work.agent_id
        work = self.put(work, **{**changed, **work_acts.queued()})
        if work.deferred_move is not None:
            self.timers.append((TimerKind.REVIEW, store.timers.NO_SUBJECT, self.now))
        self.publish(WorkRequeued(work=work.facts(), reason=reason, previous_agent_id=previous))
        return work

    def complete(
        self,
        work: WorkItem,
        by: Actor,
        reason: str,
        because: CompletedBecause,
        wrap_up: timedelta | None = None,
    ) -> WorkItem:
        """Completes the work; the agent who had accepted it is offered no more for as long as `wrap_up`."""
        if wrap_up and work.state == WorkState.ACCEPTED and work.agent_id is not None:
            until = self.now + wrap_up
            self.wrap_ups[work.agent_id] = max(until, self.wrap_ups.get(work.agent_id, until))
            self.timers.append((TimerKind.WRAP_UP, work.work_item_id, until))
        work = self.put(work, **work_acts.completed(work, by, self.now))
        self.publish(WorkCompleted(work=work.facts(), by=by, reason=reason, because=because))
        return work

    async def write(self, tx: AsyncConnection) -> None:
        """Writes everything in one or two statements. The caller holds the locks on the work items."""
        # Ends go first: unique indexes allow one open work item per case, and one pending offer per work item.
        writes = Writes()
        writes.update(store.work_items.WORK, [work.row() for work in self.work.values()])
        writes.update(store.offers.OFFER, self.ended_offers)
        writes.update(store.clocks.CLOCK, self.clocks)
        store.timers.drop_timers(writes, self.dropped_timers)
        ends = self.ended_offers or self.clocks or self.dropped_timers
        if ends or (self.work and self.new_work):
            await writes.send(tx)
        writes.update(store.cases.CASE_RECORD, [seen.row() for seen in self.seen])
        writes.insert(store.work_items.WORK, [work.row() for work in self.new_work.values()])
        writes.update(store.offers.OFFER, self.extended_offers)
        writes.insert(store.offers.OFFER, [offer.row() for offer in self.new_offers.values()])
        store.ramp_up.note(writes, (offer.agent_id for offer in self.new_offers.values()), self.now)
        writes.insert(store.clocks.CLOCK, self.new_clocks)
        writes.insert(store.clocks.CLOCK_ENTRY, self.clock_entries)
        writes.insert(store.decisions.DECISION, self.decisions)
        writes.insert(store.escalations.ESCALATION, self.escalations)
        store.agents.set_wrap_ups(writes, self.wrap_ups)
        store.timers.set_timers(writes, self.timers)
        store.counts.put(writes, self.counts)
        outbox.put(writes, self.outgoing)
        changes.put(writes, self.change_log)
        states = {work.state for work in (*self.work.values(), *self.new_work.values())}
        # Queued work can be offered; completed work leaves its agent capacity for more.
        await writes.send(
            tx,
            notify=None
            if states.isdisjoint({WorkState.QUEUED, WorkState.COMPLETED})
            else store.work_items.ASSIGN,
        )
