"""Work in hand: what a transaction is going to write about work items, their offers and clocks, and tell in order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import changes, outbox
from antiphon.changes import Change
from antiphon.contracts.base import Actor, ActorKind, Event
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.contracts.work import (
    Offer,
    SkillNeed,
    WorkCompleted,
    WorkFacts,
    WorkRequeued,
    WorkState,
)
from antiphon.database import AnyRow, Writes, mapping
from routing import easing, staff, store, tallies
from routing.domain.offer import OfferResult
from routing.domain.ordering import order_at
from routing.tallies import LABELLED, STANDING, Tallies

SERVICE = "routing"
SYSTEM = Actor(kind=ActorKind.SYSTEM, id=SERVICE)
OFFER_TIMER, SLA_TIMER = "offer-expiry", "sla-clock"
# When these pass there may be somebody for work that waits: the assignment looks again.
WRAP_UP_TIMER, HOLD_TIMER = "wrap-up", "hold"
STEP_TIMER = "step"
# When a timer comes again whose work is in somebody's hands this moment.
AGAIN_AFTER = timedelta(milliseconds=100)
_WAITS = {WorkState.QUEUED, WorkState.OFFERED}

Work = dict[str, Any]


def facts(work: Mapping[str, Any]) -> WorkFacts:
    """A work item as events tell it."""
    return WorkFacts(
        work_item_id=work["work_item_id"],
        case_id=work["case_id"],
        case_reference=work["case_reference"],
        customer_id=work["customer_id"],
        channel=work["channel"],
        state=work["state"],
        queue=work["queue"],
        priority=work["priority"],
        skills=[SkillNeed(skill=skill, level=level) for skill, level in work["skills"].items()],
        queued_at=work["queued_at"],
        due_at=work["due_at"],
        agent_id=work["agent_id"],
        attempts=work["attempts"],
        labels=work["labels"],
        step=work["step"],
        also_queues=work["also_queues"],
    )


def offer_facts(offer: Mapping[str, Any]) -> Offer:
    """An offer as events tell it."""
    return Offer(
        offer_id=offer["offer_id"],
        agent_id=offer["agent_id"],
        agent_name=offer["agent_name"],
        expires_at=offer["expires_at"],
    )


def as_dict(row: AnyRow) -> dict[str, Any]:
    """A row as a value that can be changed."""
    return dict(mapping(row))


def order_of(work: Mapping[str, Any]) -> datetime:
    """The moment by which a work item is ordered among what waits: its due time and priority make it."""
    return order_at(
        work["queued_at"], work["due_at"], work["priority"], work["longest_wait"], work["head_start"]
    )


def _row(work: Work) -> dict[str, Any]:
    """The row of a work item, in its order; what it needs is read from that by the database."""
    return {name: value for name, value in work.items() if name != "need"} | {"order_at": order_of(work)}


@dataclass
class Desk:
    """Collects changes; `write` puts them down in a constant number of statements."""

    now: datetime
    traceparent: str | None = None
    new_work: dict[UUID, Work] = field(default_factory=dict[UUID, Work])
    work: dict[UUID, Work] = field(default_factory=dict[UUID, Work])
    new_offers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    ended_offers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    new_clocks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    clocks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    clock_entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    decisions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    timers: list[tuple[str, UUID, datetime]] = field(default_factory=list[tuple[str, UUID, datetime]])
    dropped: list[tuple[str, UUID]] = field(default_factory=list[tuple[str, UUID]])
    seen: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    wrap_ups: dict[str, datetime] = field(default_factory=dict[str, datetime])
    outgoing: list[Outgoing] = field(default_factory=list[Outgoing])
    escalations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    noted: list[Change] = field(default_factory=list[Change])
    tallies: Tallies = field(default_factory=Tallies)
    _placed: set[UUID] = field(default_factory=set[UUID])

    def tell(self, event: Event) -> None:
        """An event to publish."""
        self.outgoing.append(encode(event, source=SERVICE, time=self.now, traceparent=self.traceparent))

    def put(self, work: Work, **changed: Any) -> Work:
        """The work item with these columns changed."""
        item = work["work_item_id"]
        before = (
            None if item in self.new_work and item not in self._placed else (work["queue"], work["state"])
        )
        self._placed.add(item)
        due = work["next_step_at"] if before is not None and before[1] in _WAITS else None
        work.update(changed, changed_at=self.now)
        self._keep_step(work, due)
        if item not in self.new_work:
            self.work[item] = work
        self._tally(before, (work["queue"], work["state"]))
        if before is None:
            minute = self.now.replace(second=0, microsecond=0)
            self.tallies.update((minute, label, LABELLED) for label in work["labels"])
        audience = [f"queue:{work['queue']}"] + ([f"agent:{work['agent_id']}"] if work["agent_id"] else [])
        told = {"case_reference": work["case_reference"], "state": work["state"], "queue": work["queue"]}
        self.noted.append(Change("work", str(work["work_item_id"]), audience, told))
        return work

    def _keep_step(self, work: Work, before: datetime | None) -> None:
        """Only work that waits comes to its next step: when it waits again, the clock has gone on."""
        due = work["next_step_at"] if work["state"] in _WAITS else None
        if due is not None and due != before:
            self.timers.append((STEP_TIMER, work["work_item_id"], due))
        elif due is None and before is not None:
            self.timers = [timer for timer in self.timers if timer[:2] != (STEP_TIMER, work["work_item_id"])]
            self.dropped.append((STEP_TIMER, work["work_item_id"]))

    def note(self, work: Work, kind: str, what: str, step: int | None = None) -> None:
        """What happened to work that waited long or could not stay: kept with it."""
        told = {
            "work_item_id": work["work_item_id"],
            "kind": kind,
            "step": step,
            "what": what,
            "at": self.now,
        }
        self.escalations.append(told)

    def _tally(self, before: tuple[str, str] | None, after: tuple[str, str]) -> None:
        minute = self.now.replace(second=0, microsecond=0)
        if before is None or before[0] != after[0]:
            self.tallies[minute, after[0], "arrived"] += 1
        if before == after:
            return
        if before is not None and before[1] != WorkState.COMPLETED:
            self.tallies[STANDING, before[0], str(before[1])] -= 1
        if after[1] == WorkState.COMPLETED:
            self.tallies[minute, after[0], "completed"] += 1
        else:
            self.tallies[STANDING, after[0], str(after[1])] += 1

    def offer(self, work: Work, agent_id: str, agent_name: str, expires_at: datetime) -> dict[str, Any]:
        """Reserves the work for an agent until the offer expires."""
        offer: dict[str, Any] = {
            "offer_id": uuid4(),
            "work_item_id": work["work_item_id"],
            "agent_id": agent_id,
            "agent_name": agent_name,
            "offered_at": self.now,
            "expires_at": expires_at,
            "result": None,
            "ended_at": None,
        }
        self.new_offers.append(offer)
        self.timers.append((OFFER_TIMER, offer["offer_id"], expires_at))
        self.put(work, state=WorkState.OFFERED, agent_id=agent_id, attempts=work["attempts"] + 1)
        told = {"offer_id": str(offer["offer_id"]), "case_reference": work["case_reference"]}
        self.noted.append(Change("offer", str(offer["offer_id"]), [f"agent:{agent_id}"], told))
        return offer

    def accept_at_once(self, work: Work, offer: dict[str, Any]) -> None:
        """The offer that was just made is accepted: nobody needs to answer it."""
        offer.update(result=OfferResult.ACCEPTED, ended_at=self.now)
        self.timers.remove((OFFER_TIMER, offer["offer_id"], offer["expires_at"]))
        self.put(work, state=WorkState.ACCEPTED)
        told = {"offer_id": str(offer["offer_id"]), "result": OfferResult.ACCEPTED}
        self.noted.append(Change("offer-ended", str(offer["offer_id"]), [f"agent:{offer['agent_id']}"], told))

    def end_offer(self, offer: Mapping[str, Any], result: OfferResult, reason: str | None = None) -> None:
        """The offer was answered, expired or withdrawn."""
        ended = {"offer_id": offer["offer_id"], "result": result, "ended_at": self.now, "reason": reason}
        self.ended_offers.append(ended)
        self.dropped.append((OFFER_TIMER, offer["offer_id"]))
        told = {"offer_id": str(offer["offer_id"]), "result": result}
        self.noted.append(Change("offer-ended", str(offer["offer_id"]), [f"agent:{offer['agent_id']}"], told))

    def requeue(self, work: Work, reason: str) -> None:
        """Back to its place: it keeps the time at which the customer began to wait."""
        previous = work["agent_id"]
        self.put(work, state=WorkState.QUEUED, agent_id=None)
        self.tell(WorkRequeued(work=facts(work), reason=reason, previous_agent_id=previous))

    def complete(self, work: Work, by: Actor, reason: str, wrap_up: timedelta | None = None) -> None:
        """Nothing more is to be done for now; who had it may take `wrap_up` before they are offered more."""
        if wrap_up and work["state"] == WorkState.ACCEPTED:
            until = self.now + wrap_up
            self.wrap_ups[work["agent_id"]] = max(until, self.wrap_ups.get(work["agent_id"], until))
            self.timers.append((WRAP_UP_TIMER, work["work_item_id"], until))
        # What others complete, or nobody had, counts against nobody's day.
        theirs = by.kind == ActorKind.AGENT and by.id == work["agent_id"]
        completed_by = by.id if theirs else None
        self.put(work, state=WorkState.COMPLETED, completed_at=self.now, completed_by=completed_by)
        self.tell(WorkCompleted(work=facts(work), by=by, reason=reason))

    async def write(self, tx: AsyncConnection) -> None:
        """Writes all of it in one or two statements. The rows of the work items are locked by the caller."""
        # What ends makes room for what begins: one open work item a case, one pending offer a work item.
        writes = Writes()
        writes.update(store.WORK, [_row(w) for i, w in self.work.items() if i not in self.new_work])
        writes.update(store.OFFER, self.ended_offers)
        writes.update(store.CLOCK, self.clocks)
        store.drop_timers(writes, self.dropped)
        ends = self.ended_offers or self.clocks or self.dropped
        if ends or (self.work and self.new_work):
            await writes.send(tx)
        writes.update(store.CASE_SEEN, self.seen)
        writes.insert(store.WORK, [_row(w) for w in self.new_work.values()])
        writes.insert(store.OFFER, self.new_offers)
        easing.note(writes, self.new_offers, self.now)
        writes.insert(store.CLOCK, self.new_clocks)
        writes.insert(store.CLOCK_ENTRY, self.clock_entries)
        writes.insert(store.DECISION, self.decisions)
        writes.insert(store.ESCALATION, self.escalations)
        staff.set_wrap_ups(writes, self.wrap_ups)
        store.set_timers(writes, self.timers)
        tallies.put(writes, self.tallies)
        outbox.put(writes, self.outgoing)
        changes.put(writes, self.noted)
        states = {work["state"] for work in (*self.work.values(), *self.new_work.values())}
        # There is work to offer, or an agent has room again.
        await writes.send(
            tx, notify=None if states.isdisjoint({WorkState.QUEUED, WorkState.COMPLETED}) else store.ASSIGN
        )
