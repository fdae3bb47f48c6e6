"""The crew of a rush: agents with skills of their own, in one queue or two, who take from one to five units."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.load.desks import SILENT, name, staffed

OFFER_TIMEOUT, LOST_AFTER = "90s", "120s"
UNITS = {"phone": 2}
SOCIAL = "social-care"  # nobody posts


class Member(NamedTuple):
    """What an agent may be given: work of these queues, of needs up to these levels, so many units at once."""

    queues: frozenset[str]
    skills: dict[str, int]
    capacity: int


def crew(path: Path, count: int) -> dict[str, Member]:
    """Writes the organisation that employs them to `path`; who they are, by id."""
    staffed(path, count, offer_timeout=OFFER_TIMEOUT)
    organisation: dict[str, Any] = yaml.safe_load(path.read_text())
    queues = [queue for queue in organisation["queues"] if queue not in {SILENT, SOCIAL}]
    members: dict[str, Member] = {}
    for n in range(count):
        own = [queues[n % len(queues)], *([queues[(n + 1) % len(queues)]] if n % 3 == 0 else [])]
        skills = {
            skill: 1 + (n * 7 + place * 3) % 9 for place, skill in enumerate(("rates", "roads", "planning"))
        }
        members[name(n)] = Member(frozenset(own), skills, 1 + n // len(queues) % 5)
    organisation["agents"] = [
        {"id": who, "name": who, "queues": sorted(m.queues), "skills": dict(m.skills), "capacity": m.capacity}
        for who, m in members.items()
    ]
    organisation["agents_policy"] = {"presence_lost_after": LOST_AFTER}
    organisation["channel_units"] = dict(UNITS)
    path.write_text(yaml.safe_dump(organisation, sort_keys=False))
    return members
