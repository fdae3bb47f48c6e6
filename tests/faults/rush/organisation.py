"""The organisation of a rush: agents with different skills and capacities, in one queue or two."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.load.agents import UNUSED_QUEUE, agent_id, write_organisation

OFFER_TIMEOUT, LOST_AFTER = "90s", "120s"
UNITS = {"phone": 2}
SOCIAL = "social-care"  # no case of a rush is of a social network


class Agent(NamedTuple):
    """The work that an agent may get: from these queues, up to these skill levels, within this capacity in units."""

    queues: frozenset[str]
    skills: dict[str, int]
    capacity: int


def organisation_of_rush(path: Path, count: int) -> dict[str, Agent]:
    """Writes an organisation with `count` agents to `path`; returns the agents by id."""
    write_organisation(path, count, offer_timeout=OFFER_TIMEOUT)
    organisation: dict[str, Any] = yaml.safe_load(path.read_text())
    queues = [queue for queue in organisation["queues"] if queue not in {UNUSED_QUEUE, SOCIAL}]
    agents: dict[str, Agent] = {}
    for n in range(count):
        own = [queues[n % len(queues)], *([queues[(n + 1) % len(queues)]] if n % 3 == 0 else [])]
        skills = {
            skill: 1 + (n * 7 + place * 3) % 9 for place, skill in enumerate(("rates", "roads", "planning"))
        }
        agents[agent_id(n)] = Agent(frozenset(own), skills, 1 + n // len(queues) % 5)
    organisation["people"] = [
        {"id": id_, "name": id_, "queues": sorted(a.queues), "skills": dict(a.skills), "capacity": a.capacity}
        for id_, a in agents.items()
    ]
    organisation["agents_policy"] = {"presence_lost_after": LOST_AFTER}
    organisation["channel_units"] = dict(UNITS)
    path.write_text(yaml.safe_dump(organisation, sort_keys=False))
    return agents
