"""Why work went where it went, and why it still waits."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState
from antiphon.database import AnyRow
from routing import openness, staff, store
from routing.assignment import candidate
from routing.configurations import InForce
from routing.domain.matching import Waiting, why_not
from routing.domain.openness import Standing


class RuleOutcome(BaseModel):
    """What one rule said: `true`, `false` or `error`."""

    rule: str
    result: str
    error: str | None


class DecisionView(BaseModel):
    """The rule that decided, the values it saw, and what every rule said, in order."""

    decision_id: UUID
    version: int
    rule: str
    reason: str
    context: dict[str, Any]
    trace: list[RuleOutcome]
    at: datetime
    shadow: dict[str, Any] | None = Field(
        description="What a draft would have decided that ran beside; `differs` says in what. It never acted."
    )


class CandidateView(BaseModel):
    """An agent of the queue, and why they can't take the work now; null when they can."""

    agent_id: str
    name: str
    why_not: str | None


class PastOffer(BaseModel):
    """An offer that was made."""

    offer_id: UUID
    agent_id: str
    offered_at: datetime
    expires_at: datetime
    result: str | None
    ended_at: datetime | None
    reason: str | None


async def explain(connection: AsyncConnection, work: AnyRow, force: InForce, now: datetime) -> dict[str, Any]:
    """The parts of a work item's explanation, as of now."""
    d, o = store.DECISION, store.OFFER
    decision = (await connection.execute(select(d).where(d.c.decision_id == work.decision_id))).one()
    offers = (
        await connection.execute(
            select(o).where(o.c.work_item_id == work.work_item_id).order_by(o.c.offered_at)
        )
    ).all()
    present = await staff.agents(connection)
    refused = {
        offer.agent_id: offer.ended_at
        for offer in offers
        if offer.result in {"declined", "timed-out", "taken-back"}
    }
    item = Waiting(
        work.work_item_id, work.queue, work.skills, work.order_at, work.queued_at, refused,
        work.preferred, work.prefer_skills, work.units, work.hold_until, work.also_queues,
    )  # fmt: skip
    stands = (await openness.standings(connection, force, now)).get(work.queue)
    candidates = [
        CandidateView(agent_id=agent.id, name=agent.name, why_not=_why(agent_id, item, force, present, now))
        for agent_id, agent in force.configuration.agents_by_id.items()
        if work.queue in agent.queues
    ]
    return {
        "decision": DecisionView.model_validate(decision, from_attributes=True),
        "candidates": candidates,
        "offers": [PastOffer.model_validate(offer, from_attributes=True) for offer in offers],
        "waiting_because": _not_given_out(work, stands)
        or _held(item, work, candidates, now)
        or _waiting_because(work, candidates, offers, force.configuration.presences_by_id, now),
    }


def _why(
    agent_id: str, item: Waiting, force: InForce, present: dict[str, AnyRow], now: datetime
) -> str | None:
    agent = force.configuration.agents_by_id[agent_id]
    row = present.get(agent_id)
    presence = row.presence if row else Presence.OFFLINE.value
    if row is None or presence not in force.configuration.routable:
        return presence
    if row.wrap_up_until is not None and row.wrap_up_until > now:
        return f"wraps up until {row.wrap_up_until:%H:%M:%S}"
    stands = candidate(agent, row, now)
    reason = why_not(item, stands)
    if reason is None and stands.offers < 1:
        return f"eases in until {row.ease_until:%H:%M:%S}: offered little at a time after a long absence"
    if reason is None and agent_id in item.refused:
        return "declined it, let it pass or lost it again: others are asked first"
    return reason


def _not_given_out(work: AnyRow, stands: Standing | None) -> str | None:
    return stands.why if stands is not None and work.state == WorkState.QUEUED else None


def _held(item: Waiting, work: AnyRow, candidates: Sequence[CandidateView], now: datetime) -> str | None:
    if work.state != WorkState.QUEUED or item.hold_until is None or item.hold_until <= now:
        return None
    for one in candidates:
        why = one.why_not or ""
        busy = why == "no capacity" or why.startswith("wraps up")
        if one.agent_id == item.preferred and busy and one.agent_id not in item.refused:
            told = f"{one.name} answered this customer last and is busy ({one.why_not})"
            return f"held until {item.hold_until:%H:%M:%S}: {told}; then for anybody"
    return None


def _waiting_because(
    work: AnyRow,
    candidates: Sequence[CandidateView],
    offers: Sequence[AnyRow],
    presences: Collection[str],
    now: datetime,
) -> str | None:
    if work.state == WorkState.OFFERED:
        pending = [offer for offer in offers if offer.result is None]
        return (
            f"offered to {pending[-1].agent_name} until {pending[-1].expires_at:%H:%M:%S}"
            if pending
            else None
        )
    if work.state != WorkState.QUEUED:
        return None
    reasons = sorted({c.why_not for c in candidates if c.why_not})
    if not candidates:
        return "the queue has no agents"
    if all(c.why_not in presences for c in candidates):
        return f"nobody of the queue is available ({', '.join(reasons)})"
    if all(c.why_not for c in candidates):
        return f"nobody can take it now: {'; '.join(reasons)}"
    waited = int((now - work.changed_at).total_seconds())
    return f"it is about to be offered ({waited} s)"
