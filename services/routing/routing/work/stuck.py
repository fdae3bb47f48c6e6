"""Stuck work: work that waits, and that nobody can take unless a person changes something."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.work_item import WorkItem
from routing.queues import opening
from routing.work.explain import Situation, WaitingFor, WaitReason

LINE_HEAD = 20
"""Items of each line that are read: those that all refused are at its head, since they were offered first."""
STUCK: frozenset[WaitingFor] = frozenset({"queue", "nobody", "skill", "refused"})
"""What ends by itself is not stuck: hours begin, agents become free, and work is held for an agent no longer."""


class Stuck(NamedTuple):
    """Work that nobody can take, and why."""

    work: WorkItem
    reason: WaitReason


async def stuck_work(
    tx: AsyncConnection, active: ActiveVersion, queues: Sequence[str], limit: int, now: datetime
) -> list[Stuck]:
    """Returns stuck work of these queues, the longest wait first, at most `limit` items.

    Work counts when it is past due, or has waited for twice the `offer_timeout` of its queue. The cost grows with the number of
    lines (`store.backlog`) and with `limit`, not with the backlog.
    """
    configuration = active.configuration
    lines = await store.backlog.lines(tx, queues, widened=False)
    since = {line: now - 2 * configuration.queues[line.queue].offer_timeout for line in lines}
    agent_rows = await store.agents.agents(tx, configuration.days(now))
    situation = Situation(active, agent_rows, opening.openings(active, now), now)
    heads = await store.backlog.old(tx, since, LINE_HEAD, now)
    # What no refusal explains is the same for all work of a line.
    of_line = {line: _reason(situation, work) for line, work in dict(heads).items()}
    blocked = {line: since[line] for line, reason in of_line.items() if reason is not None}
    tried = [work for line, work in heads if work.attempts and line not in blocked]
    refused = await store.offers.refusals(tx, [work.work_item_id for work in tried])
    found = [(work, of_line[line]) for line, work in await store.backlog.old(tx, blocked, limit, now)]
    found += [(work, _reason(situation, work, refused.get(work.work_item_id, {}))) for work in tried]
    stuck = [Stuck(work, reason) for work, reason in found if reason is not None]
    return sorted(stuck, key=lambda one: (one.work.queued_at, one.work.work_item_id))[:limit]


def _reason(
    situation: Situation, work: WorkItem, refused: Mapping[str, datetime] = MappingProxyType({})
) -> WaitReason | None:
    """Why nobody can take the work; None when that ends by itself."""
    reason = situation.reason(work, refused, situation.members(work, refused))
    return reason if reason is not None and reason.kind in STUCK else None
