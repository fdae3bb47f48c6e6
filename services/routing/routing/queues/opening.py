"""Which queues are open and how much waits in them, and how people set their state: open, paused or closed."""

from collections.abc import Mapping
from datetime import datetime

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
    """The opening of each queue of the configuration."""
    configuration, calendars, queue_states = active.configuration, active.calendars, active.queue_states
    return {
        key: opening_of(key, configuration, calendars, queue_states.get(key), now)
        for key in configuration.queues
    }


def open_queues(openings: Mapping[str, Opening]) -> frozenset[str]:
    """The queues whose work is given out now."""
    return frozenset(key for key, opening in openings.items() if opening.open)


async def loads(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> dict[str, Load]:
    """How much waits in each queue and how much is completed a minute, from kept counts. Empty when no queue has a limit."""
    if all(queue.limit is None for queue in active.configuration.queues.values()):
        return {}
    counts = {(row.queue, row.what): row for row in await store.counts.read(tx, now)}
    load_of: dict[str, Load] = {}
    for key in active.configuration.queues:
        waiting, done = counts.get((key, WorkState.QUEUED)), counts.get((key, Movement.COMPLETED))
        load_of[key] = Load(waiting.current if waiting else 0, done.last_60 / 60 if done else 0.0)
    return load_of


async def put_state(
    tx: AsyncConnection,
    active: ActiveVersion,
    queue: str,
    state: QueueState,
    by: Actor,
    reason: str,
    now: datetime,
) -> SetState:
    """Opens, pauses or closes a queue; setting the state that it has changes nothing. Raises Problem 404."""
    if queue not in active.configuration.queues:
        raise not_found("queue")
    await store.configurations.lock_configuration(tx)
    row = await store.queue_states.get(tx, queue)
    previous = row.state if row else QueueState.OPEN.value
    if row is not None and previous == state:
        return SetState.of(row.state, row.since, row.by, row.reason)
    await store.queue_states.put(tx, queue, state.value, by.model_dump(mode="json"), reason, now)
    event = QueueStateChanged(queue=queue, state=state, previous=previous, by=by, reason=reason, at=now)
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now)])
    await record(
        tx, [Change("queue-state", queue, [f"queue:{queue}"], {"state": state.value, "reason": reason})]
    )
    await store.timers.review_at(tx, now)
    await store.work_items.wake(tx)
    return SetState(state.value, now, by.name or by.id, reason)
