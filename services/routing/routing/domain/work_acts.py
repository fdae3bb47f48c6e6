"""What each act of a person, and each end of an offer, changes in a work item. Pure.

Who may do it, and what follows for the offer, the clocks and the case, is decided where the act is handled.
"""

from datetime import datetime

from antiphon.contracts.base import Actor, ActorKind
from antiphon.contracts.work import WorkState
from routing.domain.work_item import Changes, HandOver, WorkItem


def offered(work: WorkItem, agent_id: str) -> Changes:
    """The work is reserved for an agent. It waits for nobody else any more; the note of a hand-over stays with it."""
    return {
        "state": WorkState.OFFERED,
        "agent_id": agent_id,
        "attempts": work.attempts + 1,
        "handover": work.handover and work.handover.to_queue(),
    }


def accepted() -> Changes:
    """The agent to whom the work is offered has it."""
    return {"state": WorkState.ACCEPTED}


def queued() -> Changes:
    """The work returns to its place: it was declined or taken back, its offer expired, or its agent is gone."""
    return {"state": WorkState.QUEUED, "agent_id": None}


def handed_over(note: str | None) -> Changes:
    """A person hands the work to a queue or an agent, with a note for who gets it. What waited for its agent ends."""
    return {
        "state": WorkState.QUEUED,
        "agent_id": None,
        "hold_until": None,
        "deferred_move": None,
        "handover": HandOver(None, note) if note else None,
    }


def held_for(work: WorkItem, agent_id: str, note: str | None, now: datetime, *, at_once: bool) -> Changes:
    """The work waits for an agent who can't be offered anything now: for `longest_wait`, and not beyond its due time.

    `at_once`: the agent then has it without an answer.
    """
    until = now + work.longest_wait
    if work.due_at is not None and work.due_at > now:
        until = min(until, work.due_at)
    return {"preferred": agent_id, "hold_until": until, "handover": HandOver(agent_id, note, at_once=at_once)}


def completed(work: WorkItem, by: Actor, now: datetime) -> Changes:
    """Nothing more is to be done. Only work that an agent completes themselves counts against the profiles of their day."""
    is_theirs = by.kind == ActorKind.AGENT and by.id == work.agent_id
    return {
        "state": WorkState.COMPLETED,
        "completed_at": now,
        "completed_by": by.id if is_theirs else None,
    }
