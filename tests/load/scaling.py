"""Computes what Antiphon needs past one machine from the figures of the bench: `python -m tests.load.scaling [bench.jsonl]`.

It prints the tables of docs/scaling.md, from the figures in scaling.toml; the figures of a run replace those of the bench. With
`--write` it writes the run's figures into scaling.toml and the tables into docs/scaling.md. A load is a rate in busy hours; every
limit is the rate at which it is reached.
"""

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.load import scaling_document
from tests.load.scaling_simulation import Outcome, Stage, fitted, shares, simulate, stages_of, zipf

SCALES = (1, 10, 100, 1000)
CONSUMERS = ("customer-profile", "case-mgmt", "routing")
INGEST = ("ingest-direct", "ingest-email", "ingest-social")
PARTITIONS = (6, 12, 24, 48, 96, 192, 384, 768, 1536)
MB, GB = 1e6, 1e9


@dataclass(frozen=True)
class Costs:
    """The figures of the model: `bench` by the names in bench.jsonl, the others as in scaling.toml."""

    run: str
    bench: Mapping[str, float]
    measured: Mapping[str, float]
    assumed: Mapping[str, float]
    events: Mapping[str, float]

    @classmethod
    def read(cls, run: Path | None = None) -> "Costs":
        """Reads scaling.toml. With a run's bench.jsonl, its figures replace those of the bench."""
        written: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
        bench: dict[str, float] = written["bench"]
        if run is not None:
            rows = [json.loads(line) for line in run.read_text().splitlines()]
            figures = {row["figure"]: float(row["value"]) for row in rows}
            figures["bare_hop"] = next(
                float(row["baseline"]) for row in rows if row["figure"] == "throughput"
            )
            half = next((row["note"] for row in rows if row["figure"] == "latency_half_p50"), "")
            if rate := half.rpartition(" at ")[2].removesuffix("/s"):
                figures["latency_half_per_second"] = float(rate)
            bench = {name: figures.get(name, value) for name, value in bench.items()}
        assumed: dict[str, Any] = written["assumed"]
        events: dict[str, float] = assumed.pop("events")
        return cls(written["run"], bench, written["measured"], assumed, events)

    def cpu_s(self, service: str) -> float:
        """CPU seconds of one service for one answered interaction."""
        return self.bench[f"cpu_per_1000_{service}"] / 1000 * self.assumed["worked"]

    def busy_s(self, service: str) -> float:
        """Seconds for which one answered interaction keeps a consumer's loop busy: its CPU and its part of PostgreSQL's."""
        consumers = sum(self.bench[f"cpu_per_1000_{name}"] for name in CONSUMERS)
        part = self.bench[f"cpu_per_1000_{service}"] / consumers
        return self.cpu_s(service) + self.cpu_s("postgres") * part

    @property
    def disk(self) -> float:
        """Bytes of an interaction in all databases."""
        return sum(value for name, value in self.measured.items() if name.startswith("disk_"))

    def wal(self, service: str | None = None) -> float:
        """WAL bytes of one answered interaction. For one service they are estimated by its share of the disk."""
        part = 1.0 if service is None else self.measured[f"disk_{service}"] / self.disk
        return self.bench["wal"] * self.assumed["worked"] * part


class Limit(NamedTuple):
    """A resource of which there is one: the rate (interactions/s) at which it is used up, and the remedy."""

    what: str
    per_second: float
    remedy: str


def hottest(partitions: int, customers: int, skew: float) -> float:
    """The share of the load in the hottest partition."""
    return max(shares(zipf(customers, skew), partitions))


def partitions_needed(
    per_second: float, busy_s: float, use: float, customers: int, skew: float
) -> int | None:
    """The smallest of `PARTITIONS` whose hottest partition keeps a replica busy for at most `use` of its time; None if none does."""
    customer_shares = zipf(customers, skew)
    if per_second * busy_s * customer_shares[0] > use:
        return None
    fits = (count for count in PARTITIONS if per_second * busy_s * max(shares(customer_shares, count)) <= use)
    return next(fits, None)


def replicas(per_second: float, busy_s: float, use: float) -> int:
    """The replicas of a consumer whose loop an interaction keeps busy for `busy_s`; at least two, so that one may die."""
    return max(2, math.ceil(per_second * busy_s / use))


def streams_cpu(costs: Costs, per_second: float) -> float:
    """Cores that send changes to the desktops that they concern: a change of a queue concerns the agents of the queue."""
    a = costs.assumed
    deliveries = per_second * a["changes_per_interaction"] * a["agents_per_queue"]
    return deliveries * costs.measured["delivery_us"] * 1e-6


def log_cpu(costs: Costs, per_second: float) -> float:
    """Cores that one replica needs to read the whole change log, however many desktops follow it there."""
    changes = per_second * costs.assumed["changes_per_interaction"]
    return changes * (costs.assumed["change_read_us"] + costs.measured["change_us"]) * 1e-6


def streams_replicas(costs: Costs, per_second: float) -> float:
    """Replicas that share the desktops and each read the whole log; at least two; inf when reading alone uses them up."""
    left = costs.assumed["cpu_use"] - log_cpu(costs, per_second)
    return max(2, math.ceil(streams_cpu(costs, per_second) / left)) if left > 0 else math.inf


def pass_s(costs: Costs, per_second: float, items: float) -> float:
    """Seconds of an assignment pass over so many items, each of its own queue, when the load is `per_second`.

    The pass goes through all agents of the organisation and asks for each queue whether work waits. It reads the agents of the
    queues where work waits and tries each agent for each of these queues. Then it offers each item.
    """
    a, m = costs.assumed, costs.measured
    agents = per_second * a["handling_s"]
    read = items * a["agents_per_queue"]
    us = (
        agents * m["pass_us_per_agent_employed"]
        + agents / a["agents_per_queue"] * a["pass_us_per_queue"]
        + read * (m["pass_us_per_agent"] + a["pass_us_per_row"])
        + read * items * m["pass_us_per_agent_and_queue"]
    )
    return a["pass_ms"] / 1000 + us * 1e-6 + items * offering_s(costs)


def offering_s(costs: Costs) -> float:
    """Seconds to write one offer, estimated as a quarter of what queueing the work takes."""
    return costs.busy_s("routing") / costs.assumed["worked"] / 4


def reached(grows: Callable[[float], float], most: float) -> float:
    """The rate at which `grows`, which increases with the rate, reaches `most`; by bisection."""
    low, high = 0.0, 1e9
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if grows(middle) < most else (low, middle)
    return low


def limits(costs: Costs) -> list[Limit]:
    """The limits in the order in which they are reached."""
    a, use, longest = costs.assumed, costs.assumed["cpu_use"], costs.assumed["longest_pass_ms"] / 1000
    busiest = max(costs.events, key=lambda name: costs.events[name])
    slowest = max(CONSUMERS, key=costs.busy_s)
    share = hottest(int(a["partitions"]), int(a["customers"]), a["skew"])
    top = zipf(int(a["customers"]), a["skew"])[0]
    most = max(("ingest", *CONSUMERS), key=costs.wal)
    all_limits = [
        Limit("live streams: one replica serves all desktops",
              reached(lambda rate: streams_cpu(costs, rate) + log_cpu(costs, rate), use),
              "replicas, each with its share of the desktops: needs no development"),
        Limit("live streams: each replica reads the whole change log", reached(lambda rate: log_cpu(costs, rate), use),
              "a log for each group of queues; a desktop connects to a replica that follows its queues"),
        Limit("assignment: one pass for all queues",
              reached(lambda rate: pass_s(costs, rate, rate * longest), longest),
              "agents by queue in memory; then a pass for each group of queues that share agents, with its own lock"),
        Limit(f"six partitions: the hottest of {slowest}", a["hottest_use"] / costs.busy_s(slowest) / share,
              "more partitions, created before they are needed: adding them moves keys"),
        Limit(f"relay of {busiest}: one leads", costs.bench["bare_hop"] / costs.events[busiest],
              "a relay for each shard of hash(key), with its own lock: the order per key stays"),
        Limit("one PostgreSQL for all six: WAL", a["wal_mb_per_s"] * MB / costs.wal(),
              "a server for each service: no service reads another's tables"),
        Limit(f"one PostgreSQL of {most}: WAL", a["wal_mb_per_s"] * MB / costs.wal(most),
              "shards by customer and case, as the topics are keyed"),
        Limit(f"one customer, {top:.2%} of all messages", a["hottest_use"] / costs.busy_s(slowest) / top,
              "machines do not help: one loop keeps the order of a customer; a partner system gets its own entry point"),
    ]  # fmt: skip
    return sorted(all_limits, key=lambda limit: limit.per_second)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _number(value: float) -> str:
    if math.isinf(value):
        return "no number"
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def loads(costs: Costs) -> str:
    """The load at each scale: its interactions and agents, and its cores, writes, disk and price."""
    a = costs.assumed
    rates = [a["per_second"] * scale for scale in SCALES]
    a_day = a["busy_seconds_per_day"]
    kafka = costs.measured["kafka_bytes"] * a["worked"]
    a_year = [rate * a_day * a["days_per_year"] for rate in rates]
    accepting = costs.bench["cpu_per_1000_entry_points"] / 1000
    after = sum(costs.cpu_s(name) for name in (*CONSUMERS, *INGEST, "postgres", "kafka"))
    cores = [rate * (accepting + after) / a["cpu_use"] for rate in rates]
    in_kafka = [kafka * rate * a_day * a["retention_days"] * a["kafka_copies"] / GB for rate in rates]
    disk = [each * costs.disk * a["worked"] * a["database_copies"] / GB for each in a_year]
    price = [
        c * a["core_month"] + (h + d) * a["gb_month"] for c, h, d in zip(cores, in_kafka, disk, strict=True)
    ]
    rows: list[tuple[str, list[float]]] = [
        ("interactions a second, busy hours", rates),
        ("interactions a working day", [rate * a_day for rate in rates]),
        ("agents at work", [rate * a["handling_s"] for rate in rates]),
        ("cores, planned, without live streams", cores),
        ("of which entry points", [rate * accepting / a["cpu_use"] for rate in rates]),
        ("cores, live streams, sending", [streams_cpu(costs, rate) / a["cpu_use"] for rate in rates]),
        ("replicas that serve live streams", [streams_replicas(costs, rate) for rate in rates]),
        (
            "statements a second, in batches of a drain",
            [rate * costs.bench["statements"] * a["worked"] for rate in rates],
        ),
        ("WAL, MB/s", [rate * costs.wal() / MB for rate in rates]),
        ("into Kafka, MB/s, one copy", [rate * kafka / MB for rate in rates]),
        (f"Kafka keeps, GB, {a['kafka_copies']:.0f} copies, {a['retention_days']:.0f} days", in_kafka),
        (f"databases grow a year, GB, {a['database_copies']:.0f} copies", disk),
        ("euro a month, one year's data", price),
    ]
    return table(
        ["", *(f"x {scale:,}" for scale in SCALES)], [[name, *map(_number, row)] for name, row in rows]
    )


def services(costs: Costs) -> str:
    """Cores, replicas and partitions of each consumer at each scale."""
    a = costs.assumed
    rows: list[list[str]] = []
    for name in CONSUMERS:
        row = [name]
        for scale in SCALES:
            rate = a["per_second"] * scale
            count = replicas(rate, costs.busy_s(name), a["cpu_use"])
            needed = partitions_needed(
                rate, costs.busy_s(name), a["hottest_use"], int(a["customers"]), a["skew"]
            )
            needed = (
                None if needed is None else next((p for p in PARTITIONS if p >= max(needed, count)), None)
            )
            row.append(f"{_number(rate * costs.cpu_s(name))} / {count:,} / {needed or 'no number'}")
        rows.append(row)
    head = ["cores / replicas / partitions", *(f"x {scale:,}" for scale in SCALES)]
    return table(head, rows)


def breaking(costs: Costs) -> str:
    """The limits in the order in which they are reached."""
    base = costs.assumed["per_second"]
    rows = [
        [limit.what, f"{_number(limit.per_second)}/s", f"x {_number(limit.per_second / base)}", limit.remedy]
        for limit in limits(costs)
    ]
    return table(["resource", "is used up at", "of the base", "remedy"], rows)


def _spread(outcome: Outcome) -> str:
    return f"{outcome.percentile(50) * 1000:.0f} / {outcome.percentile(99) * 1000:.0f}"


def _steps(costs: Costs) -> Callable[[float], Sequence[Stage]]:
    each = [costs.busy_s(name) / costs.assumed["worked"] for name in CONSUMERS]
    return lambda fixed: stages_of(fixed, [*each, offering_s(costs)], 1 / costs.bench["bare_hop"])


def fixed_s(costs: Costs) -> float:
    """The fixed time of a step with which the simulated median at the base load equals that of the bench."""
    return fitted(_steps(costs), costs.bench["latency_p50"] / 1000, costs.assumed["per_second"])


def simulated(costs: Costs) -> str:
    """The simulated latency of the whole way with one replica each, fitted to the bench at its steady load, at other loads."""
    base, half = costs.assumed["per_second"], costs.bench["latency_half_per_second"]
    fixed = fixed_s(costs)
    measured = {
        base: f"{costs.bench['latency_p50']:.0f} / {costs.bench['latency_p99']:.0f}",
        half: f"{costs.bench['latency_half_p50']:.0f} / {costs.bench['latency_half_p99']:.0f}",
    }
    rows: list[list[str]] = []
    for rate in sorted({base, half, 100.0, 200.0, 400.0, 800.0, 1000.0, 1200.0}):
        outcome = simulate(_steps(costs)(fixed), rate, 4000, steady=rate in measured)
        rows.append([f"{rate:,.0f}/s", _spread(outcome), f"{max(outcome.batch):.0f}", measured.get(rate, "")])
    head = [
        f"fixed {fixed * 1000:.1f} ms a step",
        "p50 / p99 ms",
        "largest mean batch",
        "the bench's p50 / p99 ms",
    ]
    return table(head, rows)


def skewed(costs: Costs) -> str:
    """One consumer at a hundred times the base load with a replica for each partition: the effect of skew on the hottest one."""
    rate, each = costs.assumed["per_second"] * 100, max(map(costs.busy_s, CONSUMERS))
    fixed = fixed_s(costs)
    rows: list[list[str]] = []
    for partitions in PARTITIONS[:5]:
        row = [str(partitions)]
        for exponent in (0.0, 0.6, 1.0):
            of = zipf(int(costs.assumed["customers"]), exponent)
            use = rate * each * max(shares(of, partitions))
            stage = Stage(fixed, each, partitions, partitions)
            row.append(f"{use:.0%}, {_spread(simulate([stage], rate, 8_000, of=of))}")
        rows.append(row)
    return table(["partitions", *(f"Zipf {exponent}" for exponent in ("0 (all equal)", "0.6", "1.0"))], rows)


TABLES = (loads, services, breaking, simulated, skewed)


def main() -> int:
    """Prints the tables or writes them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", nargs="?", type=Path, help="bench.jsonl of a run; by default scaling.toml")
    parser.add_argument("--write", action="store_true", help="write into scaling.toml and docs/scaling.md")
    arguments = parser.parse_args()
    run: Path | None = arguments.run
    costs = Costs.read(run)
    if arguments.write:
        if run is not None:
            scaling_document.keep(run, costs.bench)
            costs = Costs.read()
        scaling_document.show(costs.run, {made.__name__: made(costs) for made in TABLES})
        sys.stdout.write(f"docs/scaling.md shows {costs.run}\n")
        return 0
    for made in TABLES:
        sys.stdout.write(f"{(made.__doc__ or '').splitlines()[0]}\n\n{made(costs)}\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
