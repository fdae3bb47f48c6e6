"""The cost of an interaction by part, and the ledger with the allowed costs."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from antiphon.service_names import SERVICES

LEDGER = Path(__file__).with_name("cost.toml")


@dataclass(frozen=True)
class Cost:
    """What one part of a service asked of its database, and the events that it published.

    `transactions` have ended. Their `begin` and `commit` count as round trips, not as statements. A query of several statements
    counts as one. `notifies` are those that a listener gets: PostgreSQL sends equal ones of a transaction once. `bytes` are the
    data and headers of the events in the outbox.
    """

    transactions: int = 0
    statements: int = 0
    round_trips: int = 0
    notifies: int = 0
    events: int = 0
    bytes: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, name) + getattr(other, name) for name in NAMES))


NAMES = tuple(field.name for field in fields(Cost))
Bill = Mapping[str, Cost]
"""The costs of one interaction by `service: part`, in the order of their first turns."""


def bill_of(parts: Iterable[tuple[str, Cost]]) -> Bill:
    """The costs by part; the turns of one part are added up."""
    bill: dict[str, Cost] = {}
    for part, cost in parts:
        bill[part] = bill.get(part, Cost()) + cost
    return bill


def ledger() -> dict[str, Bill]:
    """The bills in the ledger, by kind of interaction."""
    written = tomllib.loads(LEDGER.read_text())
    return {kind: {part: Cost(**cost) for part, cost in parts.items()} for kind, parts in written.items()}


def table(bill: Bill) -> list[str]:
    """The bill for people: a line for each part, each service, and all."""
    rows = [*bill.items(), *_sums(bill)]
    wide = max(len(part) for part, _ in rows)
    head = f"{'':{wide}}  " + "  ".join(NAMES)
    return [head, *(f"{part:{wide}}  {_cells(cost)}" for part, cost in rows)]


def _sums(bill: Bill) -> list[tuple[str, Cost]]:
    by_service = {
        service: sum((cost for part, cost in bill.items() if part.startswith(f"{service}:")), Cost())
        for service in SERVICES
    }
    all_of_it = sum(bill.values(), Cost())
    return [*((service, cost) for service, cost in by_service.items() if cost != Cost()), ("all", all_of_it)]


def _cells(cost: Cost) -> str:
    return "  ".join(f"{getattr(cost, name):>{len(name)}}" for name in NAMES)


def differences(written: Bill, measured: Bill) -> list[str]:
    """One line for each number that differs."""
    lines: list[str] = []
    for part in dict.fromkeys((*written, *measured)):
        was, is_now = written.get(part, Cost()), measured.get(part, Cost())
        lines += [
            f"{part}: {name} {getattr(was, name)} -> {getattr(is_now, name)}"
            for name in NAMES
            if getattr(was, name) != getattr(is_now, name)
        ]
    return lines


def as_written(part: str, cost: Cost) -> str:
    """The line for the ledger, without a comment."""
    numbers = ", ".join(f"{name} = {getattr(cost, name)}" for name in NAMES)
    return f'"{part}" = {{ {numbers} }}'
