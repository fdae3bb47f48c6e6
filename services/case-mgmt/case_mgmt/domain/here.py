"""Who reads a case now, and who writes on it: what a colleague should know before they begin an answer too.

It is no part of the record. Who does not repeat it is no longer there after 20 seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

TTL = timedelta(seconds=20)
# Who repeats it more often than this changes nothing.
_LEAST_PAUSE = timedelta(seconds=5)


class Doing(StrEnum):
    """What a person reports that they do on a case."""

    READING = "reading"
    WRITING = "writing"
    GONE = "gone"


@dataclass(frozen=True)
class PersonHere:
    """A person on a case, and until when that counts."""

    person_id: str
    name: str | None
    doing: str
    until: datetime


class Here(NamedTuple):
    """Who is on a case. `is_written`: what is stored changes. `is_shown`: what colleagues see changes."""

    people: Sequence[PersonHere]
    is_written: bool
    is_shown: bool


def present(stored: Sequence[PersonHere], now: datetime) -> list[PersonHere]:
    """Those of the stored people who are there now, in the order of their ids."""
    return sorted((one for one in stored if one.until > now), key=lambda one: one.person_id)


def reported(stored: Sequence[PersonHere], me: PersonHere, now: datetime) -> Here:
    """Who is on a case once one person has reported what they do, where `stored` were there.

    It also shows that others are gone whose time has passed: they did not report it themselves.
    """
    before = next((one for one in stored if one.person_id == me.person_id), None)
    others = [one for one in stored if one is not before]
    mine = [] if me.doing == Doing.GONE else [me]
    is_repeated = before is not None and _shown([before]) == _shown([me])
    if before is not None and is_repeated and before.until > me.until - _LEAST_PAUSE:
        mine = [before]
    people = present([*others, *mine], now)
    is_shown = _shown(people) != _shown(stored)
    return Here(people, is_shown or (bool(mine) and mine != [before]), is_shown)


def _shown(people: Sequence[PersonHere]) -> set[tuple[str, str | None, str]]:
    return {(one.person_id, one.name, one.doing) for one in people}
