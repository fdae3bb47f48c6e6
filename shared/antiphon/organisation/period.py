"""Periods: from when until when something holds, as days or times in the organisation's time zone."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer

from antiphon.organisation.section import Section

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_YEARS = range(1970, 2200)
_WRONG = "must be a day like 2027-01-04 or a time like 2027-01-04T08:30, from 1970 to 2199"


def _moment(value: object) -> date:
    if isinstance(value, str):
        text = value.strip()
        try:
            value = date.fromisoformat(text) if _DAY.fullmatch(text) else datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(_WRONG) from error
    if not isinstance(value, date) or value.year not in _YEARS:
        raise ValueError(_WRONG)
    return value


Moment = Annotated[
    datetime | date,
    BeforeValidator(_moment, json_schema_input_type=str),
    PlainSerializer(lambda moment: moment.isoformat(), return_type=str, when_used="json"),
    Field(json_schema_extra={"examples": ["2027-01-04", "2027-01-04T08:30"]}),
]
"""A day is its first moment. A time without an offset is local."""


def instant(moment: date, zone: ZoneInfo) -> datetime:
    """Returns a moment in UTC. A local time that a clock change repeats is the first of the two."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


class Period(Section):
    """From the moment `from` until the moment `until`, which is not in it. Without one of them it has no such end."""

    model_config = {"serialize_by_alias": True}

    since: Moment | None = Field(default=None, alias="from", description="The first moment. Default: always.")
    until: Moment | None = Field(
        default=None, description="The first moment at which it no longer holds. Default: for ever."
    )

    def covers(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether an instant is in it."""
        begun = self.since is None or instant(self.since, zone) <= at
        return begun and (self.until is None or at < instant(self.until, zone))

    def ends(self, zone: ZoneInfo) -> list[datetime]:
        """The instants at which it begins and ends."""
        return [instant(moment, zone) for moment in (self.since, self.until) if moment is not None]

    def in_words(self) -> str:
        """`from 2027-01-04 until 2027-02-01`, for people; empty for a period without ends."""
        named = (("from", self.since), ("until", self.until))
        return " ".join(f"{word} {shown_moment(moment)}" for word, moment in named if moment is not None)


def shown_moment(moment: date) -> str:
    """Returns a moment as people write it: `2027-01-04` or `2027-01-04 08:30`."""
    if not isinstance(moment, datetime):
        return moment.isoformat()
    return moment.isoformat(" ", "minutes" if not (moment.second or moment.microsecond) else "auto")
