"""What customers said, as a case keeps it: the interactions, their edits and their deletions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from antiphon.contracts.cases import ThreadedBy
from antiphon.contracts.identified import IdentifierConflict, Reading
from antiphon.contracts.interactions import Content, Interaction


@dataclass(frozen=True)
class FormerContent:
    """What an interaction said until it was edited."""

    content: Content
    replaced_at: datetime


@dataclass(frozen=True)
class CaseInteraction:
    """An interaction on the case that it belongs to. The fields are columns of its row."""

    interaction_id: UUID
    case_id: UUID
    interaction: Interaction
    reading: Reading
    threaded_by: ThreadedBy
    conflicts: Sequence[IdentifierConflict]
    occurred_at: datetime
    accepted_at: datetime
    earlier: Sequence[FormerContent] = ()
    deleted_at: datetime | None = None


@dataclass(frozen=True)
class CurrentVersion:
    """The newest version of an interaction, the case that it is on, when it was last edited, and whether it was deleted."""

    case_id: UUID
    interaction: Interaction
    reading: Reading
    edited_at: datetime | None = None
    is_deleted: bool = False


@dataclass(frozen=True)
class WordsOnCase:
    """Words of a person on a case that are not deleted: when they were accepted, and whether they were answered."""

    accepted_at: datetime
    is_answered: bool


@dataclass(frozen=True)
class EditedInteraction:
    """An interaction with new content, and the former content that is not stored yet."""

    interaction_id: UUID
    interaction: Interaction
    reading: Reading
    earlier: Sequence[FormerContent]


@dataclass(frozen=True)
class DeletedInteraction:
    """An interaction that its speaker deleted."""

    interaction_id: UUID
    deleted_at: datetime
