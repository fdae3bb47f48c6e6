"""What is wrong with how a case and its work stand: every case that awaits an answer has exactly one open work item.

Pure: a picture of one moment in, findings out. A case whose work was set aside by somebody, with a reason, needs none.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState


class FindingKind(StrEnum):
    """A way in which work can stand wrong."""

    NO_WORK = "no-work"
    SECOND_WORK = "second-work"
    NOT_ASKED = "not-asked"
    CASE_UNKNOWN = "case-unknown"
    QUEUE_UNKNOWN = "queue-unknown"
    AGENT_GONE = "agent-gone"
    OFFER_MISSING = "offer-missing"
    OFFER_STRAY = "offer-stray"
    OFFER_TIMER_MISSING = "offer-timer-missing"
    CLOCK_TIMER_MISSING = "clock-timer-missing"


class OpenWork(NamedTuple):
    """An open work item, the offer that is out for it, and the running clocks of its case that no timer wakes."""

    work_item_id: UUID
    state: str
    queue: str
    agent_id: str | None
    presence: str | None
    offer_id: UUID | None
    offered_to: str | None
    has_offer_timer: bool
    clocks_without_timer: Sequence[UUID] = ()


class CaseSnapshot(NamedTuple):
    """A case at one moment: whether it awaits an answer (None: it was never heard of), and its open work."""

    case_id: UUID
    awaits: bool | None
    dismissed: str | None
    work: Sequence[OpenWork]


class Finding(NamedTuple):
    """What is wrong with a case, or with a work item of it."""

    kind: FindingKind
    case_id: UUID
    work: OpenWork | None
    detail: str


_KEPT_FIRST = {WorkState.ACCEPTED.value: 0, WorkState.OFFERED.value: 1}


def findings(case: CaseSnapshot, queues: Collection[str], agents: Collection[str]) -> list[Finding]:
    """What is wrong; nothing for nearly all cases. Of several open work items the one in hand is the one that stays."""
    ranked = sorted(case.work, key=lambda p: (_KEPT_FIRST.get(p.state, 2), p.work_item_id))
    found = [
        Finding(FindingKind.SECOND_WORK, case.case_id, piece, "a second open work item of its case")
        for piece in ranked[1:]
    ]
    if not ranked:
        if case.awaits and case.dismissed is None:
            found.append(
                Finding(FindingKind.NO_WORK, case.case_id, None, "awaits an answer, and nobody is to give it")
            )
        return found
    piece = ranked[0]
    if case.awaits is None:
        found.append(
            Finding(FindingKind.CASE_UNKNOWN, case.case_id, piece, "work on a case that was never heard of")
        )
    elif not case.awaits:
        found.append(
            Finding(FindingKind.NOT_ASKED, case.case_id, piece, "open work on a case that awaits no answer")
        )
        return found
    return found + [Finding(kind, case.case_id, piece, detail) for kind, detail in _of(piece, queues, agents)]


def _of(piece: OpenWork, queues: Collection[str], agents: Collection[str]) -> list[tuple[FindingKind, str]]:
    found: list[tuple[FindingKind, str]] = []
    if piece.queue not in queues:
        found.append((FindingKind.QUEUE_UNKNOWN, f"there is no queue {piece.queue!r}"))
    if piece.state != WorkState.QUEUED and piece.agent_id not in agents:
        found.append((FindingKind.AGENT_GONE, f"{piece.state} by {piece.agent_id!r}, who is no agent"))
    elif piece.state == WorkState.ACCEPTED and piece.presence in {None, Presence.OFFLINE}:
        found.append((FindingKind.AGENT_GONE, f"accepted by {piece.agent_id!r}, who is offline"))
    pending = piece.offer_id is not None
    if piece.state == WorkState.OFFERED and not pending:
        found.append((FindingKind.OFFER_MISSING, "offered, and no offer is out"))
    if pending and (piece.state != WorkState.OFFERED or piece.offered_to != piece.agent_id):
        found.append(
            (
                FindingKind.OFFER_STRAY,
                f"an offer to {piece.offered_to!r} is out for work that is {piece.state}",
            )
        )
    elif pending and not piece.has_offer_timer:
        found.append((FindingKind.OFFER_TIMER_MISSING, "an offer that never expires"))
    if piece.clocks_without_timer:
        found.append((FindingKind.CLOCK_TIMER_MISSING, "a promise that nothing would see broken"))
    return found
