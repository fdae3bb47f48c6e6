"""How queues stand, read; and how people set them: open, paused, closed."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Actor
from antiphon.contracts.envelope import encode
from antiphon.contracts.queues import QueueState, QueueStateChanged
from antiphon.contracts.work import WorkState
from antiphon.http.changes import Change, record
from antiphon.http.problems import not_found
from antiphon.kafka import outbox
from antiphon.service_names import ROUTING
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.queues.opening import Opening, SetState, opening_of
from routing.domain.queues.placement import Load
from routing.store.counts import Movement


def openings(active: ActiveVersion, now: datetime) -> dict[str, Opening]:
    """How every queue of the configuration stands."""
    configuration, calendars, set_to = active.configuration, active.calendars, active.set_to
    return {
        key: opening_of(key, configuration, calendars, set_to.get(key), now) for key in configuration.queues
    }


def given_out(found: Mapping[str, Opening]) -> frozenset[str]:
    """The queues whose work is given out now."""
    return frozenset(key for key, stands in found.items() if stands.open)


async def loads(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> dict[str, Load]:
    """How many wait in each queue and how fast they go, from kept counts; nothing is read when no queue has a limit."""
    if all(queue.limit is None for queue in active.configuration.queues.values()):
        return {}
    counts = {(row.queue, row.what): row for row in await store.counts.read(tx, now)}
    found: dict[str, Load] = {}
    for key in active.configuration.queues:
        waiting, done = counts.get((key, WorkState.QUEUED)), counts.get((key, Movement.COMPLETED))
        found[key] = Load(waiting.current if waiting else 0, done.last_60 / 60 if done else 0.0)
    return found


async def put_state(
    tx: AsyncConnection,
    active: ActiveVersion,
    queue: str,
    state: QueueState,
    by: Actor,
    reason: str,
    now: datetime,
) -> SetState:
    """Opens, pauses or closes a queue; one that is so already stays as it was set. Raises Problem 404."""
    if queue not in active.configuration.queues:
        raise not_found("queue")
    await store.configurations.lock_configuration(tx)
    table = store.queue_states.QUEUE_STATE
    row = (await tx.execute(select(table).where(table.c.queue == queue))).one_or_none()
    previous = row.state if row else QueueState.OPEN.value
    if row is not None and previous == state:
        return SetState.of(row.state, row.since, row.by, row.reason)
    told = {
        "queue": queue,
        "state": state.value,
        "since": now,
        "by": by.model_dump(mode="json"),
        "reason": reason,
    }
    await store.base.upsert(tx, table, [told])
    event = QueueStateChanged(queue=queue, state=state, previous=previous, by=by, reason=reason, at=now)
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now)])
    await record(
        tx, [Change("queue-state", queue, [f"queue:{queue}"], {"state": state.value, "reason": reason})]
    )
    await store.timers.review_at(tx, now)
    await store.work_items.wake(tx)
    return SetState(state.value, now, by.name or by.id, reason)
