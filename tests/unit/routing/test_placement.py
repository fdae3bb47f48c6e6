from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon.organisation.document import ConfigurationError
from routing.domain.configuration.document import Configuration, read
from routing.domain.queues.opening import OPEN, Opening
from routing.domain.queues.placement import Load, place
from tests.support.routing.organisation import Change, Json, organisation_yaml, queue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = ("rates", "roads", "planning", "front-desk", "social-care")


def closed(name: str, hours: int | None = None) -> Opening:
    opens = NOON + timedelta(hours=hours) if hours else None
    return Opening(open=False, takes=False, why=f"{name} is closed", opens_at=opens)


def chain(**limits: Any) -> Configuration:
    """Rates overflows to Roads, and Roads to Planning, when they are closed or full."""
    return read(
        organisation_yaml(
            queue("rates", outside_hours={"overflow": "roads"}, limit={"waiting": 3, "overflow": "roads"} | limits),
            queue("roads", outside_hours={"overflow": "planning"}, limit={"wait": "30m", "overflow": "planning"}),
        )
    )  # fmt: skip


PAUSED = Opening(open=False, takes=True, why="paused")


@pytest.mark.parametrize(
    ("stands", "loads", "override", "queue_", "why"),
    [
        ({}, {}, None, "rates", []),
        ({}, {"rates": Load(2, 1)}, None, "rates", []),
        ({}, {"rates": Load(3, 1)}, None, "roads", ["Rates is full: 3 wait"]),
        ({"rates": PAUSED}, {}, None, "rates", []),
        ({"rates": closed("Rates")}, {}, None, "roads", ["Rates is closed"]),
        ({"rates": closed("Rates")}, {"roads": Load(31, 1)}, None, "planning",
         ["Rates is closed", "Roads is full: the expected wait is 31m"]),
        ({"rates": closed("Rates")}, {"roads": Load(31, 0)}, None, "roads", ["Rates is closed"]),
        ({"rates": closed("Rates"), "roads": closed("Roads")}, {}, None, "planning", ["Rates is closed", "Roads is closed"]),
        # No queue takes it: the first that is only full, else the first to open, else the queue that the rule names.
        ({"rates": closed("Rates"), "planning": closed("Planning")}, {"roads": Load(99, 1)}, None, "roads",
         ["Rates is closed", "Roads is full: the expected wait is 99m", "Planning is closed"]),
        ({"rates": closed("R", 9), "roads": closed("O", 3), "planning": closed("P", 5)}, {}, None, "roads", ["R is closed", "O is closed", "P is closed"]),
        ({"rates": closed("R"), "roads": closed("O"), "planning": closed("P")}, {}, None, "rates", []),
        # The overflow of the rule.
        ({"rates": closed("Rates")}, {"rates": Load(9, 1)}, "never", "rates", []),
        ({"rates": closed("Rates")}, {}, "front-desk", "front-desk", ["Rates is closed"]),
        ({}, {}, "front-desk", "rates", []),
    ],
)  # fmt: skip
def test_12_overflow_goes_to_the_first_queue_on_the_path_that_takes_work(
    stands: dict[str, Opening], loads: dict[str, Load], override: str | None, queue_: str, why: list[str]
) -> None:
    found = place(chain(), dict.fromkeys(NAMES, OPEN) | stands, loads, "rates", override)
    assert found == (queue_, why)


def test_an_overflow_cycle_made_by_a_rule_ends() -> None:
    stands = dict.fromkeys(NAMES, OPEN) | {
        "rates": closed("Rates"),
        "roads": closed("Roads"),
        "planning": closed("Planning"),
    }
    assert place(chain(), stands, {}, "roads", "rates").queue == "roads"


CYCLE = "is an overflow cycle: "


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ([queue("rates", outside_hours={"overflow": "roads"}), queue("roads", outside_hours={"overflow": "rates"})],
         [("queues.rates.outside_hours.overflow", CYCLE + "rates → roads → rates")]),
        ([queue("rates", outside_hours={"overflow": "roads"}), queue("roads", limit={"waiting": 3, "overflow": "planning"}),
          queue("planning", limit={"wait": "3m", "overflow": "rates"})],
         [("queues.rates.outside_hours.overflow", CYCLE + "rates → roads → planning → rates")]),
        ([queue("rates", limit={"waiting": 3, "overflow": "rates"})],
         [("queues.rates.limit.overflow", CYCLE + "rates → rates")]),
        ([queue("rates", outside_hours={"overflow": "roads"}), queue("planning", outside_hours={"overflow": "roads"}, limit={"waiting": 1, "overflow": "roads"})], []),
        ([queue("rates", limit={"overflow": "roads"})], [("queues.rates.limit", "limits nothing: set waiting or wait")]),
        ([queue("rates", outside_hours={"overflow": "rods"})],
         [("queues.rates.outside_hours.overflow", "unknown queue 'rods', did you mean 'roads'?")]),
        ([queue("rates", outside_hours="hold"), queue("roads", outside_hours={"acknowledge": "Thank you."})], []),
    ],
)  # fmt: skip
def test_12_an_overflow_cycle_is_a_fault_of_the_configuration(
    changes: list[Change], faults: list[tuple[str, str]]
) -> None:
    try:
        read(organisation_yaml(*changes))
        found = []
    except ConfigurationError as error:
        found = [(fault.path, fault.message) for fault in error.faults]
    assert found == faults


def test_a_rule_with_an_unknown_overflow_queue_is_a_fault() -> None:
    def change(organisation: Json) -> None:
        organisation["rules"][0]["then"]["overflow"] = "nevr"

    with pytest.raises(ConfigurationError, match="unknown queue 'nevr'"):
        read(organisation_yaml(change))
