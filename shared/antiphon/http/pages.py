"""Pages by cursor: the place of the last item, opaque to the client, stable while rows come and go."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Select, tuple_

from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem

Item = TypeVar("Item")
Row = TypeVar("Row")


Cursor = Annotated[
    str | None, Query(max_length=500, description="`next` of the page before; leave it out for the first.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="The most items of a page.")]


class Page(BaseModel, Generic[Item]):
    """A page of a list."""

    # A generic model does not pass its docstring on to the document.
    model_config = ConfigDict(json_schema_extra={"description": "A page of a list."})

    items: list[Item] = Field(description="The items of this page, in order.")
    next: str | None = Field(None, description="Give it as `cursor` for the next page; null on the last one.")


class KeysetPage(NamedTuple):
    """A list with the newest first: by a time, and where that is the same by an id; both are columns of what is listed."""

    at: ColumnElement[datetime]
    identity: ColumnElement[UUID]

    def after(self, query: Select[Any], cursor: str | None, limit: int) -> Select[Any]:
        """`query` in that order from the cursor on, and one row more than `limit`. Raises Problem 400."""
        if cursor:
            at, identity = decode_cursor(cursor, (str, str))
            query = query.where(tuple_(self.at, self.identity) < (time(at), uuid(identity)))
        return query.order_by(self.at.desc(), self.identity.desc()).limit(limit + 1)

    def page(self, rows: Sequence[Row], limit: int, view: Callable[[Row], Item]) -> Page[Item]:
        """What `after` found, as a page of views."""
        more = rows[limit - 1] if len(rows) > limit else None
        place = (getattr(more, str(self.at.key)), getattr(more, str(self.identity.key))) if more else None
        return Page(
            items=[view(row) for row in rows[:limit]],
            next=encode_cursor(place[0].isoformat(), str(place[1])) if place else None,
        )


def encode_cursor(*place: str | float | None) -> str:
    """A place in a list as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> list[str | int | float | None]:
    """The place in a cursor, whose parts are of `kinds`. Raises Problem 400 for what is not a cursor of ours."""
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError as error:
        raise malformed() from error
    if not isinstance(place, list) or len(place) != len(kinds):
        raise malformed()
    if any(type(part) is not kind for part, kind in zip(place, kinds, strict=True)):
        raise malformed()
    return place


def time(part: object) -> datetime:
    """A part of a cursor as a time. Raises Problem 400."""
    try:
        value = datetime.fromisoformat(str(part))
    except ValueError as error:
        raise malformed() from error
    if value.tzinfo is None:
        raise malformed()
    return value


def uuid(part: object) -> UUID:
    """A part of a cursor as an id. Raises Problem 400."""
    try:
        return UUID(str(part))
    except ValueError as error:
        raise malformed() from error


def malformed() -> Problem:
    """400 for a cursor that is not one of ours."""
    return Problem(
        Kind.MALFORMED_CURSOR,
        "Use the value of `next` as it was given.",
        errors=[ErrorPlace(parameter="cursor")],
    )
