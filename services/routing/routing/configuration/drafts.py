"""Drafts of the configuration: they are created, saved, published or discarded. And the restoring of the version before.

draft → (planned →) published → superseded. The last two are states of its version: the newest is active, all others are
superseded. A planned draft (see `publications`) whose publication fails or is withdrawn is a draft again.
"""

import asyncio
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import any_, case, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.changes import Change, record
from antiphon.http.preconditions import Seen
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.organisation.document import ConfigurationError
from antiphon.postgres.query import AnyRow
from routing import store
from routing.configuration.active import Configurations
from routing.domain.configuration.difference import differences
from routing.domain.configuration.document import shape
from routing.domain.states import DraftState, TrialState


async def describe_differences(before: str, after: str) -> list[str]:
    """The differences between two sources, in words; read off the event loop.

    Raises Problem 409 when one is not in the form of a configuration.
    """
    try:
        return await asyncio.to_thread(lambda: differences(shape(before), shape(after)))
    except ConfigurationError as error:
        raise Problem(
            Kind.DRAFT_NOT_COMPARABLE,
            "A draft whose form is wrong can't be compared: correct its faults first.",
        ) from error


async def version(tx: AsyncConnection, number: int) -> AnyRow:
    """A version, with its source. Raises Problem 404."""
    table = store.configurations.CONFIGURATION
    row = (await tx.execute(select(table).where(table.c.version == number))).one_or_none()
    if row is None:
        raise not_found("version")
    return row


async def draft(tx: AsyncConnection, draft_id: UUID) -> AnyRow:
    """A draft, in whatever state. Raises Problem 404."""
    table = store.drafts.DRAFT
    row = (await tx.execute(select(table).where(table.c.draft_id == draft_id))).one_or_none()
    if row is None:
        raise not_found("draft")
    return row


async def create(
    tx: AsyncConnection, name: str, why: str, source: str | None, by: str, now: datetime
) -> AnyRow:
    """Creates a draft from `source`, or from the active version. Raises Problem 404 before the first version."""
    latest = await store.configurations.latest_configuration(tx)
    if latest is None:
        raise not_found("configuration")
    row: dict[str, object] = {
        "draft_id": uuid4(),
        "name": name,
        "why": why,
        "source": latest.source if source is None else source,
        "state": DraftState.DRAFT,
        "base_version": latest.version,
        "revision": 1,
        "created_at": now,
        "created_by": by,
        "changed_at": now,
        "changed_by": by,
        "authors": [by],
    }
    made = (await tx.execute(insert(store.drafts.DRAFT).values(row).returning(store.drafts.DRAFT))).one()
    await _note(tx, made, by)
    return made


async def save(
    tx: AsyncConnection, draft_id: UUID, revision: Seen, by: str, now: datetime, **changed: object
) -> AnyRow:
    """Changes a draft that is at a `revision`. Raises Problem: 404, 409 when it is no draft any more, 412 at another revision."""
    table = store.drafts.DRAFT
    is_author = literal(by) == any_(table.c.authors)
    authors = case((is_author, table.c.authors), else_=func.array_append(table.c.authors, by))
    values = {
        **changed, "revision": table.c.revision + 1, "changed_at": now, "changed_by": by, "authors": authors,
    }  # fmt: skip
    saved = await tx.execute(
        update(table)
        .where(
            table.c.draft_id == draft_id, revision.is_in(table.c.revision), table.c.state == DraftState.DRAFT
        )
        .values(values)
        .returning(table)
    )
    row = saved.one_or_none()
    if row is None:
        raise _refusal(await draft(tx, draft_id))
    await _note(tx, row, by)
    return row


def _refusal(row: AnyRow) -> Problem:
    if row.state != DraftState.DRAFT:
        return Problem(Kind.DRAFT_CLOSED, f"It is no draft any more: {row.state}.", state=row.state)
    detail = (
        f"{row.changed_by} changed it at {row.changed_at:%H:%M:%S} UTC: it is at revision {row.revision} now."
    )
    return Problem(Kind.PRECONDITION_FAILED, detail, revision=row.revision, changed_by=row.changed_by)


async def require_active(tx: AsyncConnection, number: int) -> None:
    """Keeps version `number` active until the end of the transaction. Raises Problem 409 when another is active."""
    await store.configurations.lock_configuration(tx)
    active_version = await store.configurations.version(tx)
    if active_version != number:
        raise Problem(
            Kind.BASE_VERSION_NOT_ACTIVE,
            f"Version {active_version} is active.",
            active_version=active_version,
        )


async def publish(
    tx: AsyncConnection,
    draft_id: UUID,
    revision: Seen,
    why: str,
    trial_id: UUID | None,
    by: str,
    now: datetime,
) -> int:
    """Makes a draft the active version, for every replica from the commit on. Returns the version.

    Raises Problem: 404, 412 when the draft was changed; 409 when it is no draft any more, when it was made from a version
    that is active no longer (with what changed since, in words), when it changes nothing, and when the trial is of another
    source. Raises ConfigurationError with every fault.
    """
    row = await freeze(tx, draft_id, revision, trial_id, by, now, state=DraftState.PUBLISHED)
    number, new = await Configurations.load(
        tx, row.source, "draft", by, now, why=why, draft_id=draft_id, trial_id=trial_id
    )
    if not new:
        raise _changes_nothing(number)
    await tx.execute(
        update(store.drafts.DRAFT).where(store.drafts.DRAFT.c.draft_id == draft_id).values(version=number)
    )
    return number


def _changes_nothing(number: int) -> Problem:
    return Problem(
        Kind.DRAFT_CHANGES_NOTHING, f"The draft says what version {number} says: it changes nothing."
    )


async def freeze(
    tx: AsyncConnection,
    draft_id: UUID,
    revision: Seen,
    trial_id: UUID | None,
    by: str,
    now: datetime,
    state: DraftState,
) -> AnyRow:
    """Puts a draft into `state`, in which nobody can change it. The active version stays until the end of the transaction.

    Raises Problem as `publish` does, and 409 while a rollout runs.
    """
    await store.configurations.lock_configuration(tx)
    await require_no_rollout(tx)
    row = await save(tx, draft_id, revision, by, now, state=state)
    latest = await store.configurations.latest_configuration(tx)
    if latest is not None and latest.version != row.base_version:
        base = await version(tx, row.base_version)
        raise Problem(
            Kind.BASE_VERSION_NOT_ACTIVE,
            f"The draft was made from version {row.base_version}, and version {latest.version} is active: "
            "put what changed since into the draft, and set its base version.",
            base_version=row.base_version,
            active_version=latest.version,
            changed_since=await describe_differences(base.source, latest.source),
        )
    await _require_trial(tx, row, trial_id)
    if latest is not None and latest.source == row.source:
        raise _changes_nothing(latest.version)
    return row


async def require_no_rollout(tx: AsyncConnection) -> None:
    """Raises Problem 409 while a rollout runs."""
    table = store.configurations.CONFIGURATION
    has_rollout = table.c.rollout.is_not(None) & table.c.rollout_ended_at.is_(None)
    row = (await tx.execute(select(table.c.version, table.c.rollout).where(has_rollout))).one_or_none()
    if row is not None:
        detail = f"Version {row.version} decides about {row.rollout} % of the cases: widen or end it first."
        raise Problem(Kind.ROLLOUT_RUNNING, detail, configuration_version=row.version, rollout=row.rollout)


async def _require_trial(tx: AsyncConnection, row: AnyRow, trial_id: UUID | None) -> None:
    if trial_id is None:
        return
    trial = await store.trials.get(tx, trial_id)
    if trial is None or trial.draft_id != row.draft_id:
        raise not_found("trial of this draft")
    if trial.state != TrialState.DONE:
        raise Problem(Kind.TRIAL_NOT_DONE, f"The trial is not done: {trial.state}.", state=trial.state)
    if trial.source != row.source:
        raise Problem(Kind.TRIAL_OUTDATED, "The draft was changed since it was tried: try it again.")


async def previous(tx: AsyncConnection, seen: Seen) -> AnyRow:
    """The version before the active one, which the caller must have `seen` and which stays until the end of the transaction.

    Raises Problem: 412 when another version is active, 409 when there is none before.
    """
    await store.configurations.lock_configuration(tx)
    active_version = await store.configurations.version(tx) or 0
    if not seen.matches(active_version):
        raise Problem(
            Kind.PRECONDITION_FAILED,
            f"Version {active_version} is active now.",
            active_version=active_version,
        )
    table = store.configurations.CONFIGURATION
    before = await tx.execute(
        select(table)
        .where(table.c.version < active_version, table.c.rollout.is_(None))
        .order_by(table.c.version.desc())
        .limit(1)
    )
    row = before.one_or_none()
    if row is None:
        raise Problem(Kind.NO_VERSION_BEFORE, f"There is no version before {active_version}.")
    return row


async def restore_previous(
    tx: AsyncConnection, seen: Seen, why: str, by: str, now: datetime
) -> tuple[int, int]:
    """Loads the source of the version before the active one. Returns the new version and the one that it restores.

    Raises Problem as `previous`. Raises ConfigurationError when the source is no longer valid.
    """
    row = await previous(tx, seen)
    number, _ = await Configurations.load(
        tx, row.source, f"version {row.version}", by, now, why=why, restores=row.version
    )
    return number, row.version


async def _note(tx: AsyncConnection, row: AnyRow, by: str) -> None:
    detail = {"name": row.name, "state": row.state, "revision": row.revision, "by": by}
    await record(tx, [Change("draft", str(row.draft_id), ["operations"], detail)])
