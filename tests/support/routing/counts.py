"""Counts of work, brought up to date."""

from routing.store import tallies
from tests.support.routing.harness import Harness


async def settle(pool: Harness) -> None:
    async with pool.engine.begin() as tx:
        await tallies.settle(tx)
