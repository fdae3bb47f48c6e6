"""What the matching of a thousand items and two hundred agents costs, in memory."""

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from antiphon.process.clock import utc_now
from routing.domain.matching.agent_selection import AgentPool, match
from routing.domain.matching.eligibility import Candidate, Waiting, urgency
from tests.load.figures import Figure
from tests.load.routing.bench import Bench, percentile

ITEMS, AGENTS = 1000, 200
QUEUES, SKILLS, KINDS, CAPACITY = 12, 40, 96, 5
DECLINED_EVERY = 10  # of so many items an agent has declined one
MOST_MS = 50
OFFER_AGAIN_AFTER = timedelta(seconds=60)


async def measure_matching(bench: Bench) -> None:
    """Measures the matching of all items with agents whose capacity is about as large; the baseline is a sort of the items.

    Once with items as rules make them, and once with items that nearly all have different needs.
    """
    chance = random.Random(7)  # noqa: S311 - no secret
    now = utc_now()
    agents = [
        Candidate(
            f"a{n}", [f"q{queue}" for queue in chance.sample(range(QUEUES), 3)],
            {f"s{skill}": chance.randint(3, 10) for skill in chance.sample(range(SKILLS), 8)},
            CAPACITY, 0, now - timedelta(seconds=chance.randrange(600)),
        )
        for n in range(AGENTS)
    ]  # fmt: skip
    rounds = max(bench.sizes.rounds // 4, 1)
    for name, kinds in (("match_1000x200", KINDS), ("match_1000x200_all_unlike", ITEMS)):
        items = _items(chance, kinds, now)
        pairs = match(items, AgentPool(agents), now, OFFER_AGAIN_AFTER)
        if len(pairs) < ITEMS // 2:
            raise RuntimeError(f"only {len(pairs)} of {ITEMS} items were matched")
        matched = _cpu_ms(lambda items=items: match(items, AgentPool(agents), now, OFFER_AGAIN_AFTER), rounds)
        bare = _cpu_ms(lambda items=items: sorted(items, key=urgency), rounds)
        note = f"{ITEMS:,} items of {kinds:,} kinds, {AGENTS} agents, {len(pairs)} pairs, median of {rounds}"
        bench.add(Figure(name, matched, "CPU-ms", target=f"<= {MOST_MS}", note=note))
        bench.add(Figure(f"{name}_of_sort", matched, "CPU-ms", bare, note="a bare sort of the items"))


def _items(chance: random.Random, kinds: int, now: datetime) -> list[Waiting]:
    """Items of so many kinds in turn. A kind has a queue, and three quarters of the kinds need a skill."""
    needs = [
        {f"s{chance.randrange(SKILLS)}": chance.randint(1, 5)} if n // QUEUES % 4 else {}
        for n in range(kinds)
    ]
    items: list[Waiting] = []
    for n in range(ITEMS):
        queued_at = now - timedelta(seconds=chance.randrange(7200))
        declined = {f"a{chance.randrange(AGENTS)}": now} if n % DECLINED_EVERY == 0 else {}
        kind = n % kinds
        items.append(Waiting(UUID(int=n), f"q{kind % QUEUES}", needs[kind], queued_at, queued_at, declined))
    return items


def _cpu_ms(measured: Callable[[], object], rounds: int) -> float:
    """The median CPU milliseconds of a call."""
    taken: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        measured()
        taken.append((time.process_time() - began) * 1000)
    return percentile(taken, 50)
