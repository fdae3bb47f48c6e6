"""Publications: a draft becomes active later, after an approval, for a rollout first, or for a limited time.

waiting (for a second person) → planned (for a time) → limited (to its rollout) → published → ended; each state only where
it was asked for. One that is not active yet can be withdrawn. One that can't become active when its time has come is
failed, with the reason. All replicas switch together: each decision reads the active version in its own transaction.
"""

import asyncio
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.configuration import ConfigurationEnded, ConfigurationPlanned
from antiphon.contracts.envelope import encode
from antiphon.http.changes import Change, record
from antiphon.http.preconditions import Seen
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.kafka import outbox
from antiphon.organisation.document import ConfigurationError
from antiphon.postgres.query import AnyRow
from antiphon.process import logs
from antiphon.service_names import ROUTING
from routing import store
from routing.configuration import drafts
from routing.configuration.active import ActiveVersion, Configurations, publish_version
from routing.domain.configuration.difference import differences
from routing.domain.configuration.document import read
from routing.domain.states import DraftState, PublicationState
from routing.domain.timer import TimerKind

LOG = logs.get(__name__)


class Plan(NamedTuple):
    """When it begins (None: at once), its rollout in percent of the cases, when it widens to all, and when it ends."""

    begins_at: datetime | None
    rollout: int
    widens_at: datetime | None
    ends_at: datetime | None


AT_ONCE = Plan(None, 100, None, None)


async def ask(
    tx: AsyncConnection, active: ActiveVersion, draft_id: UUID, revision: Seen, plan: Plan, why: str, trial_id: UUID | None,
    by: str, now: datetime, *, restores: int | None = None,
) -> AnyRow:  # fmt: skip
    """Creates a publication of a draft, and begins it unless it waits. Raises Problem and ConfigurationError as `drafts.publish`."""
    row = await drafts.freeze(tx, draft_id, revision, trial_id, by, now, state=DraftState.PLANNED)
    await _require_only_rules(active, row.source, plan)
    needs_approval = active.configuration.publishing.needs_approval
    is_later = plan.begins_at is not None and plan.begins_at > now
    values: dict[str, object] = {
        "publication_id": uuid4(),
        "draft_id": draft_id,
        "source": row.source,
        "base_version": row.base_version,
        "why": why,
        "trial_id": trial_id,
        "authors": row.authors,
        "restores": restores,
        "state": PublicationState.WAITING if needs_approval else PublicationState.PLANNED,
        "asked_at": now,
        "asked_by": by,
        "needs_approval": needs_approval,
        **plan._asdict(),
    }
    made = (
        await tx.execute(
            insert(store.publications.PUBLICATION).values(values).returning(store.publications.PUBLICATION)
        )
    ).one()
    if needs_approval or is_later:
        event = ConfigurationPlanned(
            publication_id=made.publication_id, draft_id=draft_id, needs_approval=needs_approval, begins_at=plan.begins_at,
            rollout=plan.rollout, ends_at=plan.ends_at, by=by, why=why, at=now,
        )  # fmt: skip
        await outbox.publish(tx, [encode(event, source=ROUTING, time=now)])
    return await _advance(tx, made, now)


async def ask_to_restore(
    tx: AsyncConnection, active: ActiveVersion, seen: Seen, why: str, by: str, now: datetime
) -> AnyRow:
    """Creates a publication of the version before the active one, which waits for a second person. Raises as `drafts.previous`."""
    before = await drafts.previous(tx, seen)
    name = f"Back to version {before.version}"
    draft = await drafts.create(tx, name, why, before.source, by, now)
    revision = Seen(frozenset({draft.revision}))
    return await ask(
        tx, active, draft.draft_id, revision, AT_ONCE, why, None, by, now, restores=before.version
    )


async def _require_only_rules(active: ActiveVersion, source: str, plan: Plan) -> None:
    """Raises Problem 409 where a version with a rollout differs in more than its rules: queues and agents are for all cases."""
    draft = await asyncio.to_thread(read, source, "draft")
    if plan.rollout < 100:
        others = differences(active.configuration.model_copy(update={"rules": draft.rules}), draft)
        if others:
            detail = "A rollout can change only rules: publish the other changes for all cases first."
            raise Problem(Kind.ROLLOUT_BEYOND_RULES, detail, differences=others)


async def _advance(tx: AsyncConnection, row: AnyRow, now: datetime) -> AnyRow:
    """Begins a planned publication, or sets the timer of its begin."""
    if row.state != PublicationState.PLANNED:
        return await _update(tx, row)
    if row.begins_at is not None and row.begins_at > now:
        await _set_timer(tx, TimerKind.PUBLICATION_BEGINS, row, row.begins_at)
        return await _update(tx, row)
    return await _begin(tx, row, now)


async def _begin(tx: AsyncConnection, row: AnyRow, now: datetime) -> AnyRow:
    await drafts.require_no_rollout(tx)
    latest = await store.configurations.latest_configuration(tx)
    if latest is None or latest.version != row.base_version:
        detail = f"It was made from version {row.base_version}, which is no longer active."
        raise Problem(Kind.BASE_VERSION_NOT_ACTIVE, detail, base_version=row.base_version)
    version, _ = await Configurations.load(
        tx, row.source, "draft", row.asked_by, now, why=row.why, draft_id=row.draft_id, trial_id=row.trial_id,
        rollout=row.rollout if row.rollout < 100 else None, restores=row.restores,
    )  # fmt: skip
    await tx.execute(
        update(store.drafts.DRAFT)
        .where(store.drafts.DRAFT.c.draft_id == row.draft_id)
        .values(state=DraftState.PUBLISHED, version=version)
    )
    if row.rollout < 100 and row.widens_at is not None:
        await _set_timer(tx, TimerKind.PUBLICATION_WIDENS, row, row.widens_at)
    if row.ends_at is not None:
        await _set_timer(tx, TimerKind.PUBLICATION_ENDS, row, row.ends_at)
    return await _update(
        tx,
        row,
        state=PublicationState.LIMITED if row.rollout < 100 else PublicationState.PUBLISHED,
        version=version,
    )


async def approve(
    tx: AsyncConnection, publication_id: UUID, why: str | None, by: str, now: datetime
) -> AnyRow:
    """Approves for a second person. Raises Problem: 404, 403 for its authors and who asked, 409 when it needs no approval now."""
    row = await lock(tx, publication_id)
    if row.state != PublicationState.WAITING:
        raise Problem(
            Kind.PUBLICATION_NOT_WAITING,
            f"It does not wait for an approval: it is {row.state}.",
            state=row.state,
        )
    if by in row.authors:
        raise Problem(
            Kind.APPROVAL_BY_AN_AUTHOR, "Who wrote a draft or asked for its publication can't approve it."
        )
    row = await _update(
        tx, row, state=PublicationState.PLANNED, approved_at=now, approved_by=by, approved_why=why
    )
    return await _advance(tx, row, now)


async def widen(
    tx: AsyncConnection, publication_id: UUID, rollout: int, why: str, by: str, now: datetime, *, needs_approval: bool
) -> AnyRow:  # fmt: skip
    """Widens a rollout to more of the cases, or to all (100). Raises Problem: 404, 409 when it is not limited to fewer.

    Where a second person must approve, it raises Problem 403 for its authors and who asked: what was approved is a part.
    """
    row = await lock(tx, publication_id)
    if row.state != PublicationState.LIMITED:
        raise Problem(
            Kind.PUBLICATION_WITHOUT_ROLLOUT,
            f"It has no rollout to widen: it is {row.state}.",
            state=row.state,
        )
    if rollout <= row.rollout:
        raise Problem(
            Kind.ROLLOUT_NOT_WIDER, f"It decides about {row.rollout} % already: end it to take it back."
        )
    if (needs_approval or row.needs_approval) and by in row.authors:
        detail = "Who wrote a draft or asked for its publication can't widen it: another person does."
        raise Problem(Kind.WIDENING_BY_AN_AUTHOR, detail)
    is_for_all = rollout == 100
    table = store.configurations.CONFIGURATION
    changed = await tx.execute(
        update(table)
        .where(table.c.version == row.version)
        .values(rollout=None if is_for_all else rollout)
        .returning(table)
    )
    version = changed.one()
    configuration = read(version.source, f"configuration {version.version}", checked=True)
    await publish_version(
        tx,
        version.version,
        configuration,
        by,
        now,
        why=why,
        rollout=version.rollout,
        draft_id=version.draft_id,
    )
    if is_for_all:
        await store.work_items.wake(tx)
    return await _update(
        tx, row, rollout=rollout, state=PublicationState.PUBLISHED if is_for_all else PublicationState.LIMITED
    )


async def end(
    tx: AsyncConnection, publication_id: UUID, why: str, by: str, now: datetime, *, needs_approval: bool
) -> AnyRow:
    """Withdraws a publication that is not active yet, or ends an active one: the version before is active again.

    Raises Problem: 404, 409 when it has ended, when another version has become active since, and where a second person must
    approve that the active version goes. Raises ConfigurationError when the version before is no longer valid.
    """
    row = await lock(tx, publication_id)
    if row.state == PublicationState.PUBLISHED and (needs_approval or row.needs_approval):
        detail = (
            "A second person must approve that the active version goes: POST /configuration/back asks for it."
        )
        raise Problem(Kind.APPROVAL_REQUIRED, detail)
    return await _end(tx, row, why, by, now)


async def _end(tx: AsyncConnection, row: AnyRow, why: str, by: str, now: datetime) -> AnyRow:
    ending = {"ended_at": now, "ended_by": by, "ended_why": why}
    if row.state in {PublicationState.WAITING, PublicationState.PLANNED}:
        await _reopen_draft(tx, row, by)
        await _publish_ended(tx, row, by, why, now)
        return await _update(tx, row, state=PublicationState.WITHDRAWN, **ending)
    if row.state == PublicationState.LIMITED:
        table = store.configurations.CONFIGURATION
        await tx.execute(update(table).where(table.c.version == row.version).values(rollout_ended_at=now))
    elif row.state == PublicationState.PUBLISHED:
        if await store.configurations.version(tx) != row.version:
            raise Problem(
                Kind.PUBLICATION_SUPERSEDED,
                "Another version has become active since: there is nothing to end.",
            )
        base = await drafts.version(tx, row.base_version)
        await Configurations.load(
            tx, base.source, f"version {base.version}", by, now, checked=True, why=why, restores=base.version
        )
    else:
        raise Problem(Kind.PUBLICATION_ENDED, f"It has ended: it is {row.state}.", state=row.state)
    await _publish_ended(tx, row, by, why, now)
    return await _update(tx, row, state=PublicationState.ENDED, **ending)


async def fire(tx: AsyncConnection, kind: TimerKind, publication_id: UUID, now: datetime) -> None:
    """Fires a timer of a publication. If its step is no longer possible, the publication fails or ends, with the reason."""
    row = await lock(tx, publication_id)
    due = {
        TimerKind.PUBLICATION_BEGINS: {PublicationState.PLANNED},
        TimerKind.PUBLICATION_WIDENS: {PublicationState.LIMITED},
        TimerKind.PUBLICATION_ENDS: {PublicationState.LIMITED, PublicationState.PUBLISHED},
    }
    if row.state not in due[kind]:
        return
    try:
        async with tx.begin_nested():
            if kind == TimerKind.PUBLICATION_BEGINS:
                await _begin(tx, row, now)
            elif kind == TimerKind.PUBLICATION_WIDENS:
                # The plan has this time, and who approved has read the plan.
                await widen(
                    tx, publication_id, 100, "the time for it has come", ROUTING, now, needs_approval=False
                )
            else:
                await _end(tx, row, "the time for it is over", ROUTING, now)
    except (Problem, ConfigurationError) as error:
        reason = str(error)
        LOG.warning("publication failed", publication=str(publication_id), reason=reason)
        if row.state == PublicationState.PLANNED:
            await _reopen_draft(tx, row, ROUTING)
        await _publish_ended(tx, row, ROUTING, reason, now)
        state = PublicationState.FAILED if row.state == PublicationState.PLANNED else PublicationState.ENDED
        await _update(tx, row, state=state, ended_at=now, ended_by=ROUTING, ended_why=reason)


async def lock(tx: AsyncConnection, publication_id: UUID) -> AnyRow:
    """A publication; no other version becomes active until the end of the transaction. Raises Problem 404."""
    await store.configurations.lock_configuration(tx)
    return await get(tx, publication_id)


async def get(tx: AsyncConnection, publication_id: UUID) -> AnyRow:
    """A publication. Raises Problem 404."""
    table = store.publications.PUBLICATION
    row = (await tx.execute(select(table).where(table.c.publication_id == publication_id))).one_or_none()
    if row is None:
        raise not_found("publication")
    return row


async def _update(tx: AsyncConnection, row: AnyRow, **values: object) -> AnyRow:
    table = store.publications.PUBLICATION
    if values:
        changed = update(table).where(table.c.publication_id == row.publication_id).values(values)
        row = (await tx.execute(changed.returning(table))).one()
    detail = {"draft_id": str(row.draft_id), "state": row.state, "rollout": row.rollout}
    await record(tx, [Change("publication", str(row.publication_id), ["operations"], detail)])
    return row


async def _reopen_draft(tx: AsyncConnection, row: AnyRow, by: str) -> None:
    table = store.drafts.DRAFT
    reopened = update(table).where(table.c.draft_id == row.draft_id, table.c.state == DraftState.PLANNED)
    await tx.execute(reopened.values(state=DraftState.DRAFT, revision=table.c.revision + 1, changed_by=by))


async def _publish_ended(tx: AsyncConnection, row: AnyRow, by: str, why: str, now: datetime) -> None:
    event = ConfigurationEnded(
        publication_id=row.publication_id, configuration_version=row.version, by=by, why=why, at=now
    )
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now)])


async def _set_timer(tx: AsyncConnection, kind: TimerKind, row: AnyRow, due: datetime) -> None:
    timer = {"kind": kind, "subject": row.publication_id, "due_at": due}
    await store.base.upsert(tx, store.timers.TIMER, [timer])
