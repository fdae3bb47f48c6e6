"""The entries of a case's record: what happened to the case, each thing once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from antiphon.contracts.base import Actor
from antiphon.contracts.work import WorkEvent


class EntryKind(StrEnum):
    """What an entry is about. Entries of routing's work are named like its events instead: see `kind_of`."""

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
    """One thing that happened to a case. An event that comes again has the same natural key and adds no second entry."""

    case_id: UUID
    natural_key: str
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    actor: Actor
    data: Mapping[str, object]


@dataclass(frozen=True)
class NumberedEntry(Entry):
    """An entry as it is stored. Ids grow in the order in which entries were added to a case."""

    id: int
