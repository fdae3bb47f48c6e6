"""Which live changes a desktop gets that follows cases, queues and its own work in one stream."""

from collections.abc import Collection
from uuid import UUID

import pytest

from antiphon.http.changes import Change
from case_mgmt.api.changes import concerning

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)
CHANGES = {
    "one": [f"case:{ONE}", "queue:planning"],
    "two": [f"case:{TWO}", "queue:rates", "agent:amara"],
    "three": [f"case:{THREE}"],
}


@pytest.mark.parametrize(
    ("cases", "queues", "agent", "shown"),
    [
        ([], [], None, {"one", "two", "three"}),
        ([ONE, THREE], [], None, {"one", "three"}),
        ([THREE], ["rates"], None, {"two", "three"}),
        ([THREE], ["rates", "planning"], "grace", {"one", "two", "three"}),
        ([ONE], [], "amara", {"one", "two"}),
        ([], [], "grace", set[str]()),
    ],
)
def test_a_stream_shows_what_concerns_any_of_the_cases_queues_and_the_caller(
    cases: Collection[UUID], queues: Collection[str], agent: str | None, shown: set[str]
) -> None:
    interest = concerning(cases, queues, agent)
    assert {
        name for name, audience in CHANGES.items() if interest.shows(Change("case", name, audience, {}))
    } == shown
