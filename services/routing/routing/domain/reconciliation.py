"""Finds cases whose work is inconsistent: every case that needs work has exactly one open work item, others none. Pure.

A case needs work where the customer awaits an answer or a person keeps it open. One whose work a person dismissed, with a
reason, needs none.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState


class FindingKind(StrEnum):
    """A kind of inconsistency between a case, its work, its offer and its timers."""

    NO_WORK = "no-work"
    SECOND_WORK = "second-work"
    NOT_ASKED = "not-asked"
    CASE_UNKNOWN = "case-unknown"
    QUEUE_UNKNOWN = "queue-unknown"
    AGENT_GONE = "agent-gone"
    HAND_OVER_GONE = "hand-over-gone"
    OFFER_MISSING = "offer-missing"
    OFFER_STRAY = "offer-stray"
    OFFER_TIMER_MISSING = "offer-timer-missing"
    CLOCK_TIMER_MISSING = "clock-timer-missing"


class OpenWork(NamedTuple):
    """An open work item with its pending offer. `clocks_without_timer` are the running clocks of its case that have no timer.

    `handed_to` is the agent for whom it waits because a person handed it to them.
    """

    work_item_id: UUID
    state: str
    queue: str
    agent_id: str | None
    presence: str | None
    offer_id: UUID | None
    offered_to: str | None
    has_offer_timer: bool
    clocks_without_timer: Sequence[UUID] = ()
    handed_to: str | None = None


class CaseSnapshot(NamedTuple):
    """A case at one moment. `awaits`: whether it needs work; None: no event about the case has come."""

    case_id: UUID
    awaits: bool | None
    dismissed: str | None
    work: Sequence[OpenWork]


class Finding(NamedTuple):
    """An inconsistency of a case, or of a work item of it."""

    kind: FindingKind
    case_id: UUID
    work: OpenWork | None
    detail: str


_KEPT_FIRST = {WorkState.ACCEPTED.value: 0, WorkState.OFFERED.value: 1}


def findings(case: CaseSnapshot, queues: Collection[str], agents: Collection[str]) -> list[Finding]:
    """Returns the inconsistencies of a case, by the queues and agents of the active version; nearly always none.

    Of several open work items an accepted one stays, else an offered one; the others are findings.
    """
    ranked = sorted(case.work, key=lambda work: (_KEPT_FIRST.get(work.state, 2), work.work_item_id))
    found = [
        Finding(FindingKind.SECOND_WORK, case.case_id, work, "the case has another open work item")
        for work in ranked[1:]
    ]
    if not ranked:
        if case.awaits and case.dismissed is None:
            detail = "the case needs work and has no open work item"
            found.append(Finding(FindingKind.NO_WORK, case.case_id, None, detail))
        return found
    work = ranked[0]
    if case.awaits is None:
        detail = "no event about the case of this work item has come"
        found.append(Finding(FindingKind.CASE_UNKNOWN, case.case_id, work, detail))
    elif not case.awaits:
        detail = "the work item is open and its case needs no work"
        found.append(Finding(FindingKind.NOT_ASKED, case.case_id, work, detail))
        return found
    return found + [
        Finding(kind, case.case_id, work, detail) for kind, detail in _of_work(work, queues, agents)
    ]


def _of_work(
    work: OpenWork, queues: Collection[str], agents: Collection[str]
) -> list[tuple[FindingKind, str]]:
    found: list[tuple[FindingKind, str]] = []
    if work.queue not in queues:
        found.append((FindingKind.QUEUE_UNKNOWN, f"the active version has no queue {work.queue!r}"))
    if work.state != WorkState.QUEUED and work.agent_id not in agents:
        detail = f"the active version has no agent {work.agent_id!r}, who has the work ({work.state})"
        found.append((FindingKind.AGENT_GONE, detail))
    elif work.state == WorkState.ACCEPTED and work.presence in {None, Presence.OFFLINE}:
        found.append((FindingKind.AGENT_GONE, f"{work.agent_id!r}, who accepted the work, is offline"))
    if work.handed_to is not None and work.handed_to not in agents:
        detail = f"the active version has no agent {work.handed_to!r}, to whom the work was handed over"
        found.append((FindingKind.HAND_OVER_GONE, detail))
    is_pending = work.offer_id is not None
    if work.state == WorkState.OFFERED and not is_pending:
        found.append((FindingKind.OFFER_MISSING, "the work item is offered and has no pending offer"))
    if is_pending and (work.state != WorkState.OFFERED or work.offered_to != work.agent_id):
        detail = f"an offer to {work.offered_to!r} is pending for work that is {work.state}"
        found.append((FindingKind.OFFER_STRAY, detail))
    elif is_pending and not work.has_offer_timer:
        found.append(
            (FindingKind.OFFER_TIMER_MISSING, "the pending offer has no timer and would never expire")
        )
    if work.clocks_without_timer:
        found.append(
            (FindingKind.CLOCK_TIMER_MISSING, "a running clock has no timer, so its breach would go unseen")
        )
    return found
