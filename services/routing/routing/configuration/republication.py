"""The active version is published again, so that it always lies within the retention of its topic."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.configuration import ConfigurationPublished
from routing import store
from routing.configuration.active import Configurations, publish


async def publish_again(
    tx: AsyncConnection, configurations: Configurations, now: datetime, since: datetime
) -> int | None:
    """Publishes the version that is active for all cases again, unless a replica published it after `since`.

    The event has the data of the first one. Returns the version, None when nothing was published. Raises
    NoConfigurationError.
    """
    await store.configurations.lock_configuration(tx)
    published_at = await tx.scalar(select(store.base.PLUMBING.organisation.c.published_at))
    if published_at is not None and published_at > since:
        return None
    active = await configurations.active(tx, now)
    row = await store.configurations.get(tx, active.version)
    event = ConfigurationPublished(
        configuration_version=row.version, rollout=100, draft_id=row.draft_id, restores=row.restores,
        organisation=active.configuration, by=row.loaded_by, why=row.why, at=row.loaded_at,
    )  # fmt: skip
    await publish(tx, event, now)
    return active.version
