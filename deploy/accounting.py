"""Whether every message that came in is accounted for: the counts of the services compared, and what is on its way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from typing_extensions import override

from antiphon.service_names import CASE_MGMT, CUSTOMER_PROFILE, INGEST

Counts = Mapping[str, Any]
# A disagreement that nothing on its way explains must be in so many readings, a second apart, before people read of it.
READINGS = 5


class Verdict(StrEnum):
    """What readings of the counts show together."""

    AGREE = "agree"
    IN_TRANSIT = "in-transit"
    UNCLEAR = "unclear"
    DISAGREE = "disagree"


@dataclass(frozen=True)
class Difference:
    """A service whose counts do not account for `missing` messages; None when it does not answer."""

    service: str
    missing: int | None
    detail: str

    @override
    def __str__(self) -> str:
        return f"{self.service} {self.detail}"


@dataclass(frozen=True)
class Reading:
    """The differences at one moment, and how many events the services had not handled or sent."""

    differences: Sequence[Difference]
    in_flight: int


def differences(found: Mapping[str, Counts]) -> list[Difference]:
    """Messages that are not accounted for now, by service. A message in transit is one until it arrives."""
    wrong: list[Difference] = []
    total = 0
    for service in INGEST:
        c = found.get(service)
        if c is None:
            wrong.append(Difference(service, None, "does not answer"))
            continue
        total += c["interactions"]
        if missing := c["received"] - c["interactions"] - c["duplicates"] - c["quarantined"]:
            detail = (
                f"received {c['received']} ≠ {c['interactions']} interactions + {c['duplicates']} duplicates "
                f"+ {c['quarantined']} quarantined"
            )
            wrong.append(Difference(service, missing, detail))
    for service in (CUSTOMER_PROFILE, CASE_MGMT):
        c = found.get(service)
        if c is None:
            wrong.append(Difference(service, None, "does not answer"))
        elif missing := total - c["interactions"]:
            detail = f"has {c['interactions']} of {total} interactions (dead letters: {c['dead_letters']})"
            wrong.append(Difference(service, missing, detail))
    return wrong


def disagreements(found: Mapping[str, Counts]) -> list[str]:
    """`differences` in words."""
    return [str(one) for one in differences(found)]


def judge(readings: Sequence[Reading]) -> Verdict:
    """What the readings show, the newest last. UNCLEAR asks for another one after a second."""
    newest = readings[-1]
    if not newest.differences:
        return Verdict.AGREE
    if any(one.missing is None for one in newest.differences):
        return Verdict.DISAGREE
    if newest.in_flight or any(one.differences != newest.differences for one in readings):
        return Verdict.IN_TRANSIT
    return Verdict.DISAGREE if len(readings) >= READINGS else Verdict.UNCLEAR


def in_transit(reading: Reading) -> int:
    """How many messages are on their way: those that the last service to get them has not got."""
    return max((abs(one.missing or 0) for one in reading.differences), default=0)
