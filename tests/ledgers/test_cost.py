"""A single interaction costs exactly what the ledger says, by service and part. The commit that raises a number says why."""

import pytest

from tests.ledgers.bill import Cost, as_written, bill_of, differences, ledger, table
from tests.ledgers.interactions import KINDS
from tests.ledgers.system import System

RUNS = 5


@pytest.mark.parametrize("kind", KINDS)
async def test_a_single_interaction_costs_what_the_ledger_says_each_time(system: System, kind: str) -> None:
    await KINDS[kind](system)  # warms up: statements are prepared, configurations are read
    for _ in range(RUNS):
        parts = await KINDS[kind](system)
        assert [(p.name, p.counts.prepared, p.counts.connections) for p in parts] == [
            (p.name, 0, 0) for p in parts
        ]
        measured = bill_of((part.name, part.cost) for part in parts)
        changed = differences(ledger().get(kind, {}), measured)
        if changed:
            statements = [f"{part.name}: {sql[:160]}" for part in parts for sql in part.counts.statements]
            lines = [as_written(part, cost) for part, cost in measured.items()]
            pytest.fail(
                "\n".join([f"cost of {kind}", *changed, "", *table(measured), "", *lines, "", *statements])
            )


def test_the_ledger_has_exactly_the_kinds_of_interactions() -> None:
    assert list(ledger()) == list(KINDS)


def test_a_number_that_differs_from_the_ledger_is_reported_with_its_part() -> None:
    written = {"routing: cases": Cost(1, 8, 10, 2, 4, 100), "routing: relay": Cost(2, 2, 2)}
    measured = {"routing: cases": Cost(1, 9, 11, 2, 4, 100), "routing: assignment": Cost(1)}
    assert differences(written, measured) == [
        "routing: cases: statements 8 -> 9",
        "routing: cases: round_trips 10 -> 11",
        "routing: relay: transactions 2 -> 0",
        "routing: relay: statements 2 -> 0",
        "routing: relay: round_trips 2 -> 0",
        "routing: assignment: transactions 0 -> 1",
    ]
