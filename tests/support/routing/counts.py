"""Counts of work."""

from routing import store
from tests.support.routing.harness import Harness


async def add_up(pool: Harness) -> None:
    """Adds all changes of counts to the counts."""
    async with pool.engine.begin() as tx:
        await store.counts.add_up(tx)
