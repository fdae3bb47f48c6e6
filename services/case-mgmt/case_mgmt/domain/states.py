"""The statuses of a case and what moves it from one to another: one table."""

from enum import StrEnum

from antiphon.contracts.cases import CaseStatus

S = CaseStatus


class Trigger(StrEnum):
    """What can change the status of a case."""

    CUSTOMER_SPOKE = "customer-spoke"
    WORK_ACCEPTED = "work-accepted"
    REPLY_REQUESTED = "reply-requested"
    REPLY_FAILED = "reply-failed"
    WORDS_DELETED = "words-deleted"
    ALL_DELETED = "all-deleted"
    SET_OPEN = "set-open"
    SET_PENDING = "set-pending"
    SET_RESOLVED = "set-resolved"
    SET_CLOSED = "set-closed"


T = Trigger

_WORDS = {
    T.CUSTOMER_SPOKE: "the customer spoke",
    T.WORK_ACCEPTED: "an agent took the work",
    T.REPLY_REQUESTED: "an answer was written",
    T.REPLY_FAILED: "an answer could not be sent",
    T.WORDS_DELETED: "the customer deleted what awaited an answer",
    T.ALL_DELETED: "the customer deleted everything",
    T.SET_OPEN: "set to open",
    T.SET_PENDING: "set to pending",
    T.SET_RESOLVED: "set to resolved",
    T.SET_CLOSED: "set to closed",
}

# A trigger that has no entry for a status leaves the status as it is. A person cannot use a SET trigger without an entry.
TRANSITIONS: dict[tuple[CaseStatus, Trigger], CaseStatus] = {
    (S.NEW, T.WORK_ACCEPTED): S.OPEN,
    (S.NEW, T.REPLY_REQUESTED): S.PENDING,
    (S.NEW, T.ALL_DELETED): S.CLOSED,
    (S.NEW, T.SET_OPEN): S.OPEN,
    (S.NEW, T.SET_PENDING): S.PENDING,
    (S.NEW, T.SET_RESOLVED): S.RESOLVED,
    (S.NEW, T.SET_CLOSED): S.CLOSED,
    (S.OPEN, T.REPLY_REQUESTED): S.PENDING,
    (S.OPEN, T.WORDS_DELETED): S.PENDING,
    (S.OPEN, T.ALL_DELETED): S.CLOSED,
    (S.OPEN, T.SET_PENDING): S.PENDING,
    (S.OPEN, T.SET_RESOLVED): S.RESOLVED,
    (S.OPEN, T.SET_CLOSED): S.CLOSED,
    (S.PENDING, T.CUSTOMER_SPOKE): S.OPEN,
    (S.PENDING, T.REPLY_FAILED): S.OPEN,
    (S.PENDING, T.ALL_DELETED): S.CLOSED,
    (S.PENDING, T.SET_OPEN): S.OPEN,
    (S.PENDING, T.SET_RESOLVED): S.RESOLVED,
    (S.PENDING, T.SET_CLOSED): S.CLOSED,
    (S.RESOLVED, T.CUSTOMER_SPOKE): S.OPEN,
    (S.RESOLVED, T.REPLY_FAILED): S.OPEN,
    (S.RESOLVED, T.SET_OPEN): S.OPEN,
    (S.RESOLVED, T.SET_CLOSED): S.CLOSED,
    (S.CLOSED, T.CUSTOMER_SPOKE): S.OPEN,
    (S.CLOSED, T.REPLY_FAILED): S.OPEN,
    (S.CLOSED, T.SET_OPEN): S.OPEN,
}

# The trigger by which a person sets each status.
SETTERS: dict[str, Trigger] = {
    S.OPEN: T.SET_OPEN,
    S.PENDING: T.SET_PENDING,
    S.RESOLVED: T.SET_RESOLVED,
    S.CLOSED: T.SET_CLOSED,
}

UNRESOLVED = (S.NEW, S.OPEN, S.PENDING)


def in_words(trigger: Trigger) -> str:
    """What changed the status of a case, for people to read."""
    return _WORDS[trigger]


def diagram() -> str:
    """The table as a Mermaid state diagram, which `docs/case-states.md` contains."""
    lines = [
        f"    {before} --> {after}: {in_words(trigger)}" for (before, trigger), after in TRANSITIONS.items()
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> new: an interaction opens it", *lines])
