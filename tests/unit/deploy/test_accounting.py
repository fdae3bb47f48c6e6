"""When `make status` says that counts do not agree: only for a difference that nothing on its way explains."""

from typing import Any

import pytest

from deploy.accounting import READINGS, Difference, Reading, Verdict, differences, in_transit, judge

NONE = Reading([], 0)


def missing(number: int | None, in_flight: int = 0) -> Reading:
    return Reading([Difference("case-mgmt", number, "has fewer")], in_flight)


@pytest.mark.parametrize(
    ("readings", "verdict"),
    [
        ([NONE], Verdict.AGREE),
        ([Reading([], 7)], Verdict.AGREE),
        ([missing(2, in_flight=1)], Verdict.IN_TRANSIT),
        ([missing(2)], Verdict.UNCLEAR),
        ([missing(2), missing(1)], Verdict.IN_TRANSIT),
        ([missing(2), NONE], Verdict.AGREE),
        ([missing(2), missing(2, in_flight=1)], Verdict.IN_TRANSIT),
        ([missing(2)] * (READINGS - 1), Verdict.UNCLEAR),
        ([missing(2)] * READINGS, Verdict.DISAGREE),
        ([missing(-1)] * READINGS, Verdict.DISAGREE),
        ([missing(None, in_flight=1)], Verdict.DISAGREE),
    ],
)
def test_only_what_persists_with_nothing_on_its_way_is_a_disagreement(
    readings: list[Reading], verdict: Verdict
) -> None:
    assert judge(readings) is verdict


def test_the_number_in_transit_is_what_the_last_service_lacks() -> None:
    counts: dict[str, dict[str, Any]] = {
        "ingest-email": {"received": 9, "interactions": 5, "duplicates": 3, "quarantined": 1},
        "ingest-social": {"received": 0, "interactions": 0, "duplicates": 0, "quarantined": 0},
        "ingest-direct": {"received": 2, "interactions": 2, "duplicates": 0, "quarantined": 0},
        "customer-profile": {"interactions": 6, "dead_letters": 0},
        "case-mgmt": {"interactions": 4, "dead_letters": 0},
    }
    found = differences(counts)
    assert [(one.service, one.missing) for one in found] == [("customer-profile", 1), ("case-mgmt", 3)]
    assert in_transit(Reading(found, 1)) == 3
