"""Counts of work, brought up to date."""

from routing import store
from tests.support.routing.harness import Harness


async def settle(pool: Harness) -> None:
    async with pool.engine.begin() as tx:
        await store.counts.settle(tx)
