"""Pages by cursor: the place of the last item, opaque to the client, stable while rows come and go."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from antiphon.problems import Problem

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """Some items and where to go on."""

    items: list[Item]
    next: str | None = Field(None, description="Give it as `cursor` for the next page; null on the last one.")


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
        400, "Malformed cursor", "Use the value of `next` as it was given.", errors=[{"parameter": "cursor"}]
    )
