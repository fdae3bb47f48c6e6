"""The organisation's file at a start: it seeds a system without a version; later a changed file becomes a draft."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.preconditions import Seen
from antiphon.organisation.document import ConfigurationError
from antiphon.postgres.query import AnyRow
from antiphon.process import logs
from antiphon.text import clean
from routing import store
from routing.configuration import drafts
from routing.configuration.active import Configurations, digest
from routing.domain.configuration.difference import differences
from routing.domain.configuration.document import read, shape
from routing.domain.states import DraftState
from routing.store.organisation_file import SeenFile

LOG = logs.get(__name__)
AUTHOR = "organisation file"
_WHY = "The organisation's file was changed."
_MOST_LINES = 50  # of a log line; the draft has all


async def load(tx: AsyncConnection, source: str, name: str, now: datetime) -> None:
    """Loads the file when there is no version. A file that has changed since it was last seen becomes a draft, faults or not.

    A draft of the file that nobody else wrote in and that was not published is saved anew. Raises ConfigurationError with
    every fault when there is no version.
    """
    source = clean(source)
    await store.configurations.lock_configuration(tx)
    file = SeenFile(digest(source), None)
    latest = await store.configurations.latest_configuration(tx)
    if latest is None:
        await Configurations.load(tx, source, name, AUTHOR, now)
    else:
        before = await store.organisation_file.seen(tx)
        if before is not None and before.sha256 == file.sha256:
            return
        file = file._replace(draft_id=await _draft(tx, before, latest, source, name, now))
    await store.organisation_file.keep(tx, file, now)


async def _draft(
    tx: AsyncConnection, before: SeenFile | None, latest: AnyRow, source: str, name: str, now: datetime
) -> UUID | None:
    """The draft that the file becomes; None for a file that has the source of the active version."""
    mine = await _open_draft(tx, before)
    if source == latest.source:
        if mine is not None:
            await drafts.save(
                tx, mine.draft_id, Seen(frozenset({mine.revision})), AUTHOR, now, state=DraftState.DISCARDED
            )
        return None
    if mine is None:
        row = await drafts.create(tx, f"File {name}", _WHY, source, AUTHOR, now)
    else:
        row = await drafts.save(
            tx, mine.draft_id, Seen(frozenset({mine.revision})), AUTHOR, now,
            name=f"File {name}", source=source, base_version=latest.version,
        )  # fmt: skip
    _log(row, latest)
    return row.draft_id


async def _open_draft(tx: AsyncConnection, before: SeenFile | None) -> AnyRow | None:
    """The draft that the file became before, while it is one and only the file wrote in it."""
    if before is None or before.draft_id is None:
        return None
    row = await drafts.draft(tx, before.draft_id)
    return row if row.state == DraftState.DRAFT and row.authors == [AUTHOR] else None


def _log(row: AnyRow, latest: AnyRow) -> None:
    faults: list[str] = []
    lines: list[str] = []
    try:
        lines = differences(shape(latest.source), shape(row.source))
        read(row.source, row.name)
    except ConfigurationError as error:
        faults = str(error).splitlines()
    LOG.warning(
        "the organisation's file was changed and is a draft now",
        draft=str(row.draft_id),
        differences=lines[:_MOST_LINES],
        faults=faults[:_MOST_LINES],
        active_version=latest.version,
    )
