"""What an event of a case says: which messages await an answer, and whether rules must decide. Pure."""

from collections.abc import Collection, Sequence
from uuid import UUID

from antiphon.contracts.base import Event
from antiphon.contracts.cases import (
    CaseEvent,
    CaseInteractionAdded,
    CaseInteractionDeleted,
    CaseInteractionEdited,
    CaseOpened,
    CaseStatusChanged,
    InteractionFacts,
    StatusTrigger,
)
from antiphon.contracts.interactions import Automation
from antiphon.contracts.work import CompletedBecause
from routing.domain.case_record import TakenBack
from routing.domain.case_transition import needs_work


def unanswered_messages(event: CaseEvent) -> list[InteractionFacts]:
    """All messages of people that nobody has answered, by this event, the oldest first.

    Where a person opens a case on which all are answered: the newest.
    """
    messages: list[InteractionFacts] = []
    match event:
        case CaseOpened():
            messages = [event.interaction]
        case CaseInteractionAdded():
            messages = [*event.unanswered, event.interaction]
        case CaseInteractionEdited():
            since, edited = event.case.awaiting_answer_since, event.interaction
            is_awaited = since is not None and edited.accepted_at >= since
            messages = [*event.unanswered, *([edited] if is_awaited else [])]
        case CaseInteractionDeleted():
            messages = event.unanswered
        case CaseStatusChanged():
            messages = event.unanswered or ([event.newest] if event.newest else [])
        case _:
            pass
    from_people = [message for message in messages if message.automation == Automation.NONE]
    return sorted(from_people, key=lambda message: message.accepted_at)


def taken_back(events: Sequence[Event]) -> list[TakenBack]:
    """The words that these events say were edited or deleted."""
    taken: list[TakenBack] = []
    for event in events:
        match event:
            case CaseInteractionDeleted(case=case, interaction_id=interaction_id):
                taken.append(TakenBack(case.case_id, interaction_id, case.revision, case.subject))
            case CaseInteractionEdited(case=case, interaction=edited):
                taken.append(TakenBack(case.case_id, edited.interaction_id, case.revision, case.subject))
            case _:
                pass
    return taken


def ended_because(event: CaseEvent) -> CompletedBecause:
    """Why an event of a case that needs no more work ends its work."""
    match event:
        case CaseInteractionDeleted():
            return CompletedBecause.WORDS_DELETED
        case CaseStatusChanged(trigger=StatusTrigger.WORDS_DELETED):
            return CompletedBecause.WORDS_DELETED
        case CaseStatusChanged(trigger=StatusTrigger.REPLY_REQUESTED):
            return CompletedBecause.ANSWERED
        case _:
            return CompletedBecause.STATUS_SET


def is_reply_failure(event: CaseEvent) -> bool:
    """Whether the case awaits an answer again because a reply could not be sent."""
    return isinstance(event, CaseStatusChanged) and event.trigger == StatusTrigger.REPLY_FAILED


def may_ask_rules(events: Sequence[Event], with_open_work: Collection[UUID]) -> bool:
    """Whether an event of a batch may need a decision: on new work, or on unanswered messages of open work."""
    of_cases = [event for event in events if isinstance(event, CaseEvent)]
    ceased = {event.case.case_id for event in of_cases if not needs_work(event.case)}
    return any(
        needs_work(event.case)
        and (
            event.case.case_id not in with_open_work
            or event.case.case_id in ceased
            or unanswered_messages(event)
        )
        for event in of_cases
    )
