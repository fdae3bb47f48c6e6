"""The case record: what routing keeps of a case, from the newest event about it. Pure."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID


class Answer(NamedTuple):
    """A person's answer: the revision of the case after it was written (None: unknown), and when it was sent."""

    revision: int | None
    sent_at: datetime


class TakenBack(NamedTuple):
    """Words that their customer edited or deleted: the interaction, and revision and subject of its case after that."""

    case_id: UUID
    interaction_id: UUID
    case_revision: int
    subject: str | None


class Changes(TypedDict, total=False):
    """The fields of a case record that can change."""

    revision: int
    last_agent: str | None
    last_at: datetime | None
    awaiting_since: datetime | None
    answers: tuple[Answer, ...]
    awaits: bool
    dismissed: str | None
    reference: str | None
    customer_id: UUID | None
    asked_revision: int
    awaited_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case as routing last received it. The fields are the columns of its row; revision 0: no event about it has come yet.

    `dismissed` is the reason that a person gave why the case needs no work although it awaits an answer. `answers` are those
    that arrived before the case events that they answer. `awaited_until`: when it ceased to await an answer or
    its work was dismissed; None while it awaits one, and when the words of its decisions are gone.
    """

    case_id: UUID
    revision: int
    last_agent: str | None
    last_at: datetime | None
    awaiting_since: datetime | None
    answers: tuple[Answer, ...]
    awaits: bool
    dismissed: str | None
    reference: str | None
    customer_id: UUID | None
    asked_revision: int
    awaited_until: datetime | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "CaseRecord":
        """Returns the case record of a row that has all columns."""
        values = dict(zip(_COLUMNS, _OF_ROW(row), strict=True))
        values["answers"] = tuple(
            Answer(revision, datetime.fromisoformat(at)) for revision, at in row["answers"]
        )
        return cls(**values)

    def row(self) -> Mapping[str, object]:
        """Returns its row."""
        values = dict(zip(_COLUMNS, _OF_VALUE(self), strict=True))
        values["answers"] = [[revision, at.isoformat()] for revision, at in self.answers]
        return values

    def replace(self, **changed: Unpack[Changes]) -> "CaseRecord":
        """Returns a copy with these changes."""
        return dataclasses.replace(self, **changed)

    @property
    def is_dismissed(self) -> bool:
        """Whether a person dismissed its work, and nobody has asked for an answer since."""
        return self.dismissed is not None


_COLUMNS = tuple(field.name for field in dataclasses.fields(CaseRecord))
_OF_ROW, _OF_VALUE = itemgetter(*_COLUMNS), attrgetter(*_COLUMNS)
