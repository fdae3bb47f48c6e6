"""The headers ETag and If-Match: which revisions a caller has seen of what they change.

Source: RFC 9110, sections 8.8.3 and 13.1.1.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Response
from fastapi.dependencies.models import Dependant
from sqlalchemy import ColumnElement, true
from typing_extensions import override

from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem, invalid

# A number alone is no ETag of the RFC, but what is left of ours when a shell has removed its quotes.
_TAG = r'(?:(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"|[0-9]{1,9})'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
# Only a strong ETag matches (RFC 9110, section 13.1.1), and ours are revisions.
_OURS = re.compile(r'"?([0-9]{1,9})"?')


@dataclass(frozen=True)
class Seen:
    """The revisions that a caller has seen; None for `*`, with which any is right."""

    revisions: frozenset[int] | None

    @override
    def __str__(self) -> str:
        """For people: the revisions, or what there is instead."""
        return "any" if self.revisions is None else ", ".join(map(str, sorted(self.revisions))) or "none"

    def matches(self, oldest: int, newest: int | None = None) -> bool:
        """Whether one of them is `oldest`, or lies between that and `newest`."""
        last = oldest if newest is None else newest
        return self.revisions is None or any(oldest <= one <= last for one in self.revisions)

    def is_in(self, column: ColumnElement[int]) -> ColumnElement[bool]:
        """The same as a condition on a column."""
        return true() if self.revisions is None else column.in_(sorted(self.revisions))


def etag(revision: int) -> str:
    """The ETag of a revision."""
    return f'"{revision}"'


class ETag:
    """The ETag of an answer. A route that takes it as `SendsETag` states the header in its OpenAPI document."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def of(self, revision: int) -> None:
        """Sends the ETag of a revision with the answer."""
        self._response.headers["ETag"] = etag(revision)


SendsETag = Annotated[ETag, Depends()]


def sends_etag(route: Dependant) -> bool:
    """Whether a route takes `SendsETag`."""
    return any(part.call is ETag for part in route.dependencies)


def seen(if_match: str | None) -> Seen:
    """What an If-Match header names. Raises Problem 428 without a header, 422 for one that is neither `*` nor ETags."""
    if if_match is None:
        raise Problem(Kind.PRECONDITION_REQUIRED, "Send If-Match with the ETag of what you have read.")
    if if_match.strip(" \t") == "*":
        return Seen(None)
    if not _TAGS.fullmatch(if_match):
        detail = 'must be the ETag that you received, e.g. "3", or `*`'
        raise invalid(ErrorPlace(header="If-Match", detail=detail))
    return Seen(
        frozenset(int(ours[1]) for tag in re.findall(_TAG, if_match) if (ours := _OURS.fullmatch(tag)))
    )
