"""What is kept of a case beside itself: what was said on it, what was answered, and the entries of its record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from antiphon.contracts.base import Actor
from antiphon.contracts.cases import ThreadedBy
from antiphon.contracts.identified import IdentifierConflict, Reading
from antiphon.contracts.interactions import Automation, Content, Interaction
from antiphon.contracts.replies import ReplyRequested
from antiphon.contracts.work import WorkEvent


class EntryKind(StrEnum):
    """What an entry of the record is about; those of routing's work are named like its events."""

    INTERACTION = "interaction"
    INTERACTION_EDITED = "interaction-edited"
    INTERACTION_DELETED = "interaction-deleted"
    REPLY_REQUESTED = "reply-requested"
    REPLY_SENT = "reply-sent"
    REPLY_FAILED = "reply-failed"
    ACKNOWLEDGEMENT_REQUESTED = "acknowledgement-requested"
    ACKNOWLEDGEMENT_SENT = "acknowledgement-sent"
    ACKNOWLEDGEMENT_FAILED = "acknowledgement-failed"
    STATUS_CHANGED = "status-changed"
    NOTE = "note"


def kind_of(event: WorkEvent) -> str:
    """The kind of the entry of an event of work: its type without the version, e.g. `work.queued`."""
    return event.type.rpartition(".v")[0]


@dataclass(frozen=True)
class Entry:
    """One thing that happened to a case. The natural key makes it one, however often its event comes."""

    case_id: UUID
    natural_key: str
    kind: str
    at: datetime
    recorded_at: datetime
    actor: Actor
    data: Mapping[str, object]


@dataclass(frozen=True)
class Placed:
    """An interaction on the case that it belongs to."""

    interaction_id: UUID
    case_id: UUID
    interaction: Interaction
    reading: Reading
    threaded_by: ThreadedBy
    conflicts: Sequence[IdentifierConflict]
    occurred_at: datetime
    accepted_at: datetime


@dataclass(frozen=True)
class Version:
    """An interaction as it stands on its case, and when it was edited last."""

    case_id: UUID
    interaction: Interaction
    reading: Reading
    edited_at: datetime | None = None


@dataclass(frozen=True)
class FormerWords:
    """What an interaction said until it was edited."""

    content: Content
    until: datetime


@dataclass(frozen=True)
class Edited:
    """An interaction with new words, and former ones that are not kept yet."""

    interaction_id: UUID
    interaction: Interaction
    reading: Reading
    earlier: Sequence[FormerWords]


@dataclass(frozen=True)
class TakenBack:
    """An interaction that its speaker deleted."""

    interaction_id: UUID
    deleted_at: datetime


class ReplyState(StrEnum):
    """What became of a reply."""

    REQUESTED = "requested"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Reply:
    """A reply as it is asked for; key and digest tell a repeat by the same author from another one."""

    reply_id: UUID
    case_id: UUID
    answers: UUID
    author_id: str
    idempotency_key: str
    body_sha256: str
    requested: ReplyRequested
    state: ReplyState
    awaited_since: datetime | None
    requested_at: datetime


@dataclass(frozen=True)
class Finished:
    """What became of a reply."""

    reply_id: UUID
    state: ReplyState
    finished_at: datetime
    native_ids: Sequence[str]
    reason: str | None


@dataclass(frozen=True)
class Awaited:
    """A reply of which it is not known yet what became: since when its words awaited it, and whether anybody wrote it."""

    since: datetime | None
    automation: str

    @property
    def is_automatic(self) -> bool:
        """Whether it is set words: no answer, so neither that they left nor that they did not changes what is awaited."""
        return self.automation != Automation.NONE
