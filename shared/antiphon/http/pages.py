"""Pages by cursor: the place of the last item, opaque to the client, stable while rows come and go.

A list with the newest change first is for people: a row that changes while it is paged moves to a page that was read already.
An export is for programs: it has the rows in the order of the transactions that last changed them, so it misses none.
"""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem
from antiphon.postgres.plumbing import XID8

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


class EarliestFirst(NamedTuple):
    """A list with the earliest first, by a time and then an id; items without a time are last."""

    at: ColumnElement[datetime | None]
    identity: ColumnElement[UUID]

    def after(self, query: Select[Any], cursor: str | None, limit: int) -> Select[Any]:
        """`query` in that order from the cursor on, and one row more than `limit`. Raises Problem 400."""
        moment = func.coalesce(self.at, _NEVER)
        if cursor:
            _, at, identity = decode_cursor(cursor, (str, str, str))
            place = time(at) if at else _NEVER
            query = query.where(tuple_(moment, self.identity) > tuple_(place, uuid(identity)))
        return query.order_by(moment, self.identity).limit(limit + 1)

    def page(self, rows: Sequence[Row], limit: int, view: Callable[[Row], Item]) -> Page[Item]:
        """What `after` found, as a page of views."""
        more = rows[limit - 1] if len(rows) > limit else None
        at: datetime | None = getattr(more, str(self.at.key), None)
        place = "earliest", at.isoformat() if at else "", str(getattr(more, str(self.identity.key), ""))
        return Page(
            items=[view(row) for row in rows[:limit]],
            next=encode_cursor(*place) if more is not None else None,
        )


# As the indexes of such lists have it.
_NEVER: ColumnElement[datetime] = literal_column("'infinity'::timestamptz", DateTime(timezone=True))

ExportCursor = Annotated[
    str | None,
    Query(
        max_length=500,
        description="`next` of the answer before, however old; leave it out to read everything.",
    ),
]


class Export(BaseModel, Generic[Item]):
    """A part of an export: what changed last is last."""

    model_config = ConfigDict(
        json_schema_extra={"description": "A part of an export: what changed last is last."}
    )

    items: list[Item] = Field(description="The items as they are now, in the order of their last changes.")
    next: str = Field(
        description="Give it as `cursor`, now or later, for what comes or changes after this part.",
        examples=["WyI4MTI0NSIsIjAxOTJmMGM0LTdhMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwNSJd"],
    )
    more: bool = Field(description="Whether there is more to read now.", examples=[False])


class ChangeOrder(NamedTuple):
    """The order of an export: by the transaction that last wrote a row, and in it by an id; both are columns of what is exported.

    A part ends below the oldest transaction that still runs, so a transaction that commits late is not skipped
    (docs/adr/0003). A row that changes after it was read comes again.
    """

    xid: ColumnElement[str]
    identity: ColumnElement[UUID]

    async def part(
        self,
        tx: AsyncConnection,
        query: Select[Any],
        cursor: str | None,
        limit: int,
        view: Callable[[Any], Item],
    ) -> Export[Item]:
        """The part of `query` after the cursor, at most `limit` items. Raises Problem 400, and 410 for another database's cursor."""
        xid, identity = decode_cursor(cursor, (str, str)) if cursor else ("0", str(UUID(int=0)))
        place = _transaction(xid), uuid(identity)
        horizon = await tx.scalar(_HORIZON)
        if place[0] > int(horizon or 0):
            raise Problem(
                Kind.CURSOR_OF_ANOTHER_DATABASE,
                "The cursor is of another database: this one was restored. Read everything.",
            )
        after = tuple_(self.xid, self.identity) > tuple_(_xid(str(place[0])), bindparam(None, place[1]))
        rows = (
            await tx.execute(
                query.add_columns(cast(self.xid, Text).label("changed_in"))
                .where(after, self.xid < func.pg_snapshot_xmin(func.pg_current_snapshot()))
                .order_by(self.xid, self.identity)
                .limit(limit + 1)
            )
        ).all()
        last = rows[:limit][-1] if rows else None
        if last is not None:
            place = int(last.changed_in), getattr(last, str(self.identity.key))
        return Export(
            items=[view(row) for row in rows[:limit]],
            next=encode_cursor(str(place[0]), str(place[1])),
            more=len(rows) > limit,
        )


_HORIZON = select(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text))


def _xid(number: str) -> ColumnElement[str]:
    return cast(cast(bindparam(None, number), Text), XID8)


def _transaction(part: object) -> int:
    """A part of a cursor as the id of a transaction. Raises Problem 400."""
    number = str(part)
    if not (number.isascii() and number.isdecimal() and len(number) < 20):
        raise malformed()
    return int(number)


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
