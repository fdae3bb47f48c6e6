"""Latency: from accepted at an entry point until identified, on a case, queued and offered, hop by hop.

Every customer is new and every agent has free capacity, so each interaction passes every hop once. A hop ends at the timestamp
of its event in Kafka: from then on other services can read it.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from statistics import quantiles
from typing import Any, NamedTuple

from deploy.stack import Stack
from tests.load.agents import Agents
from tests.load.flow import Flow
from tests.load.traffic import Channel, Customers, Message

HOPS = ("received", "identified", "on a case", "queued", "offered")
TYPES = {
    "interaction.received.v1": "received",
    "identified-interaction.received.v1": "identified",
    "case.opened.v1": "on a case",
    "work.queued.v1": "queued",
    "work.offered.v1": "offered",
}
TOPICS = ("interactions", "identified-interactions", "cases", "work")
CHANNELS: tuple[Channel, ...] = ("email", "direct", "email", "direct", "direct", "social", "email", "direct", "email", "direct")  # fmt: skip
PATIENCE_S = 300


class Percentiles(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Percentiles":
        """The percentiles of at least two values in seconds."""
        cuts = quantiles(seconds, n=100, method="inclusive")
        return cls(cuts[49] * 1000, cuts[94] * 1000, cuts[98] * 1000)


def newcomers(count: int, first_customer: int) -> list[Message]:
    """`count` messages, each of its own customer; of ten messages four are mails, five are notes and one is a post."""
    return [Message(n, first_customer + n, 0, CHANNELS[n % len(CHANNELS)], None) for n in range(count)]


async def measure(
    stack: Stack, flow: Flow, agents: Agents, run: str, count: int, per_second: float
) -> dict[str, Percentiles]:
    """The times from accepted to each hop, of `count` interactions at a steady rate. Raises AssertionError when one is missing."""
    before = await flow.end_offsets()
    async with agents.available(), Customers(stack, run) as customers:
        await customers.send_all(newcomers(count, 0), per_second)
        await flow.all_work_offered(PATIENCE_S)
    return {
        hop: Percentiles.of(times) for hop, times in hops(await flow.records(before, TOPICS), count).items()
    }


def hops(records: Sequence[Any], count: int) -> dict[str, list[float]]:
    """Seconds from accepted to each hop, one value for each interaction."""
    at: dict[str, dict[str, float]] = {hop: {} for hop in HOPS}
    accepted: dict[str, float] = {}
    case_of: dict[str, str] = {}
    for record in records:
        kind = dict(record.headers).get("ce_type", b"").decode()
        hop = TYPES.get(kind)
        if hop is None:
            continue
        payload = json.loads(record.value)
        part, name = (
            ("work", "case_id") if hop in {"queued", "offered"} else ("interaction", "interaction_id")
        )
        identity = payload[part][name]
        if hop == "received":
            accepted[identity] = datetime.fromisoformat(payload["interaction"]["accepted_at"]).timestamp()
        if hop == "on a case":
            case_of[payload["case"]["case_id"]] = identity
        at[hop].setdefault(identity, record.timestamp / 1000)
    opened = {identity: case for case, identity in case_of.items()}
    for hop in ("queued", "offered"):
        at[hop] = {identity: at[hop][case] for identity, case in opened.items() if case in at[hop]}
    for hop, times in at.items():
        assert len(times) == count, f"{len(times)} of {count} interactions were {hop}"
    return {
        hop: [moment - accepted[identity] for identity, moment in times.items()] for hop, times in at.items()
    }
