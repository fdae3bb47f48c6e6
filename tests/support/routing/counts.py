"""Counts of work, brought up to date."""

from routing import store
from tests.support.routing.harness import Harness


async def add_up(pool: Harness) -> None:
    async with pool.engine.begin() as tx:
        await store.counts.add_up(tx)
