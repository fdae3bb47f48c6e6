"""What is known of a case: how it stood by the newest event, who worked on it last, and what was answered. Pure."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID


class Answer(NamedTuple):
    """A person's answer: the case's revision once it was written, if that is known, and when it was sent."""

    revision: int | None
    sent_at: datetime


class Changes(TypedDict, total=False):
    """What changes of it."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case as routing knows it. The fields are the columns of its row; revision 0 is that of one never heard of.

    `dismissed` is why nobody is to work on it although it awaits an answer, as somebody wrote it; `answers` are those to what
    was not heard of yet.
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

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "CaseRecord":
        """That of a row with all columns."""
        values = dict(zip(_COLUMNS, _OF_ROW(row), strict=True))
        values["answers"] = tuple(Answer(one, datetime.fromisoformat(at)) for one, at in row["answers"])
        return cls(**values)

    def row(self) -> Mapping[str, object]:
        """Its row."""
        values = dict(zip(_COLUMNS, _OF_VALUE(self), strict=True))
        values["answers"] = [[revision, at.isoformat()] for revision, at in self.answers]
        return values

    def replace(self, **changed: Unpack[Changes]) -> "CaseRecord":
        """It with these changes."""
        return dataclasses.replace(self, **changed)

    @property
    def is_dismissed(self) -> bool:
        """Whether somebody decided that nobody is to work on it, and nobody was asked anew since."""
        return self.dismissed is not None


_COLUMNS = tuple(field.name for field in dataclasses.fields(CaseRecord))
_OF_ROW, _OF_VALUE = itemgetter(*_COLUMNS), attrgetter(*_COLUMNS)
