"""Fetches the files of posts, after the posts were taken."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.failures import is_transient
from antiphon.postgres import query
from antiphon.postgres.listener import Listener
from antiphon.postgres.query import AnyRow
from antiphon.process import logs
from ingest_social.domain.attachments import AttachmentState, FetchResult, received
from ingest_social.network import Network, RefusedError, TransientError
from ingest_social.sender import schedule
from ingest_social.settings import Settings
from ingest_social.store import attachments

LOG = logs.get(__name__)
LEASE = timedelta(minutes=2)
CHECK_AT_LEAST_EVERY_S = 1
LONGEST_REASON = 500


async def fetch_forever(engine: AsyncEngine, network: Network, settings: Settings) -> None:
    """Fetches the files of the posts of one account, one after another. Waits while the database is away."""
    while True:
        try:
            async with Listener(engine, attachments.CHANNEL) as woken:
                while True:
                    if not await fetch_one(engine, network, settings):
                        await woken.wait(timeout=CHECK_AT_LEAST_EVERY_S)
        except Exception as error:
            if not is_transient(error):
                raise
            LOG.warning("fetcher waits", reason=repr(error))
            await asyncio.sleep(CHECK_AT_LEAST_EVERY_S)


async def fetch_one(engine: AsyncEngine, network: Network, settings: Settings) -> bool:
    """Fetches the file that is due longest. False when none is due."""
    async with engine.begin() as tx:
        now = await query.now(tx)
        file = await attachments.claim_attachment(tx, network.name, network.account, now, now + LEASE)
    if file is None:
        return False
    result = await _fetch(network, file, settings, now)
    async with engine.begin() as tx:
        await attachments.end_attempt(tx, file.attachment_id, result)
    return True


async def _fetch(network: Network, file: AnyRow, settings: Settings, now: datetime) -> FetchResult:
    try:
        data = await network.fetch(file.author, file.native_id, settings.file_limit_bytes)
    except RefusedError as error:
        return FetchResult(AttachmentState.REFUSED, str(error)[:LONGEST_REASON])
    except TransientError as error:
        reason = str(error)[:LONGEST_REASON]
        if now - file.accepted_at >= settings.give_up_after:
            return FetchResult(AttachmentState.REFUSED, reason)
        wait = max(schedule(settings).pause(file.attempts), timedelta(seconds=error.wait_s or 0))
        return FetchResult(AttachmentState.WAITING, reason, next_attempt_at=now + wait)
    return received(data, file.sha256)
