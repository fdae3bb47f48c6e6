"""The states of a reply that a person or a system hands over."""

from dataclasses import dataclass
from enum import StrEnum


class ReplyState(StrEnum):
    """A reply waits until somebody reports that it was sent or that it failed."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What was reported of a reply: the id that the other side gave it, or why it failed."""

    native_id: str | None = None
    reason: str | None = None
