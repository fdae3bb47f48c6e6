"""What the matching itself costs: a thousand items and two hundred agents, in memory."""

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from antiphon.process.clock import utc_now
from routing.domain.matching.fitting import Candidate, Waiting, urgency
from routing.domain.matching.match import AgentPool, match
from tests.load.figures import Figure
from tests.load.routing_stand import Bench, percentile

ITEMS, AGENTS = 1000, 200
QUEUES, SKILLS, KINDS, CAPACITY = 12, 40, 96, 5
REFUSED_EVERY = 10  # items: some have been declined
MOST_MS = 50
AGAIN = timedelta(seconds=60)


async def pairing(bench: Bench) -> None:
    """All items matched with all agents, who can take about as many as there are; beside a bare sort of the items.

    Once as rules make them, and once where hardly two items need the same.
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
        pairs = match(items, AgentPool(agents), now, AGAIN)
        if len(pairs) < ITEMS // 2:
            raise RuntimeError(f"only {len(pairs)} of {ITEMS} items were matched")
        matched = _cpu_ms(lambda items=items: match(items, AgentPool(agents), now, AGAIN), rounds)
        bare = _cpu_ms(lambda items=items: sorted(items, key=urgency), rounds)
        note = f"{ITEMS:,} items of {kinds:,} kinds, {AGENTS} agents, {len(pairs)} pairs, median of {rounds}"
        bench.add(Figure(name, matched, "CPU-ms", target=f"<= {MOST_MS}", note=note))
        bench.add(Figure(f"{name}_of_sort", matched, "CPU-ms", bare, note="a bare sort of the items"))


def _items(chance: random.Random, kinds: int, now: datetime) -> list[Waiting]:
    """Items of these kinds in turn: a queue, and a skill that three quarters of the kinds need."""
    needs = [
        {f"s{chance.randrange(SKILLS)}": chance.randint(1, 5)} if n // QUEUES % 4 else {}
        for n in range(kinds)
    ]
    items: list[Waiting] = []
    for n in range(ITEMS):
        queued_at = now - timedelta(seconds=chance.randrange(7200))
        refused = {f"a{chance.randrange(AGENTS)}": now} if n % REFUSED_EVERY == 0 else {}
        kind = n % kinds
        items.append(Waiting(UUID(int=n), f"q{kind % QUEUES}", needs[kind], queued_at, queued_at, refused))
    return items


def _cpu_ms(verb: Callable[[], object], rounds: int) -> float:
    """The median CPU that it takes, in milliseconds."""
    taken: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        verb()
        taken.append((time.process_time() - began) * 1000)
    return percentile(taken, 50)
