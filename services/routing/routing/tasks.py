"""What routing does by itself: assigns work when something changed, and fires timers when they are due."""

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.failures import is_schema_error, is_transient
from antiphon.postgres.listener import Listener
from antiphon.process import logs, metrics
from antiphon.process.clock import Clock
from routing import store, timers
from routing.configuration import trials
from routing.configuration.active import Configurations
from routing.queues import surges
from routing.sla import clocks
from routing.work import assignment, reconciliation

LOG = logs.get(__name__)
SETTLE_EVERY_S = 5.0
FORGET_EVERY = timedelta(hours=1)
RECONCILE_EVERY_S, ROUND_DONE_S = 1.0, 30.0
LOOK_ANYWAY_S = 1.0  # a notification can be missed; and a refusal's pause ends without one


def _go_on(task: str, error: Exception) -> None:
    """An error in what the service does by itself is told, and it is tried again: it does not end the service.

    Raises what would fail in all the rest too.
    """
    if is_schema_error(error):
        raise error
    if is_transient(error):
        LOG.warning("task waits", task=task, reason=repr(error))
    else:
        LOG.error("task failed", task=task, exc_info=error)
        metrics.TASK_FAILURES.labels(task).inc()


def _taken_apart(task: str, error: Exception, *, apart: bool) -> bool:
    """Whether what failed all together is tried one by one next: not when it was, or when no row can be to blame."""
    if apart or is_transient(error) or is_schema_error(error):
        _go_on(task, error)
        return False
    LOG.warning("task is taken apart", task=task, reason=f"{type(error).__name__}: {error}")
    return True


async def assign_forever(
    engine: AsyncEngine, configurations: Configurations, again_after: timedelta, clock: Clock
) -> None:
    """Runs assignment passes until cancelled: when woken, and once a second."""
    while True:
        try:
            async with Listener(engine, store.work_items.ASSIGN) as woken:
                while True:
                    async with engine.begin() as tx:
                        made = await assignment.assign(tx, configurations, again_after, clock())
                    if made:
                        LOG.info("offers made", offers=made)
                    await woken.wait(timeout=LOOK_ANYWAY_S)
        except Exception as error:  # noqa: BLE001 - `_go_on` raises what may not be hidden
            _go_on("assignment", error)
            await asyncio.sleep(1)


async def fire_forever(engine: AsyncEngine, configurations: Configurations, clock: Clock) -> None:
    """Fires due timers until cancelled, one by one while all together fail; sleeps until the next is due, at most a second."""
    apart = False
    while True:
        try:
            async with engine.begin() as tx:
                fired = await timers.fire(tx, configurations, clock(), apart=apart)
            if not fired:
                apart = False
                async with engine.connect() as connection:
                    due = await store.timers.next_due(connection)
                await asyncio.sleep(min(max(due, 0.01), LOOK_ANYWAY_S) if due is not None else LOOK_ANYWAY_S)
        except Exception as error:  # noqa: BLE001 - `_go_on` raises what may not be hidden
            apart = _taken_apart("timers", error, apart=apart)
            await asyncio.sleep(1)


async def recompute_forever(engine: AsyncEngine, configurations: Configurations, clock: Clock) -> None:
    """Recomputes clocks that a new configuration changed, until cancelled; looks once a second."""
    while True:
        recomputed = 0
        try:
            async with engine.begin() as tx:
                recomputed = await clocks.recompute_changed_policies(tx, configurations, clock())
        except Exception as error:  # noqa: BLE001 - `_go_on` raises what may not be hidden
            _go_on("recomputing", error)
        await asyncio.sleep(0 if recomputed else LOOK_ANYWAY_S)


async def add_up_counts_forever(engine: AsyncEngine) -> None:
    """Adds up the notes that counts are kept by, until cancelled."""
    while True:
        try:
            async with engine.begin() as tx:
                await store.counts.add_up(tx)
        except Exception as error:  # noqa: BLE001 - `_go_on` raises what may not be hidden
            _go_on("counts", error)
        await asyncio.sleep(SETTLE_EVERY_S)


async def reconcile_forever(engine: AsyncEngine, configurations: Configurations, clock: Clock) -> None:
    """Goes round all cases and open work, a part at a time, until cancelled; not while a start has other things to do."""
    pause, apart = RECONCILE_EVERY_S, False
    while True:
        await asyncio.sleep(pause)
        ended = False
        try:
            async with engine.begin() as tx:
                _, ended = await reconciliation.round_of(tx, configurations, clock(), apart=apart)
            apart = False
        except Exception as error:  # noqa: BLE001 - `_go_on` raises what may not be hidden
            apart = _taken_apart("reconciliation", error, apart=apart)
        pause = ROUND_DONE_S if ended else RECONCILE_EVERY_S


async def watch_forever(engine: AsyncEngine, clock: Clock) -> None:
    """Looks for surges whenever a minute is over, until cancelled."""
    while True:
        now = clock()
        await asyncio.sleep(60 - now.second - now.microsecond / 1e6)
        try:
            async with engine.begin() as tx:
                await surges.look(tx, clock())
        except Exception as error:  # noqa: BLE001 - `_go_on` raises what may not be hidden
            _go_on("surges", error)


async def try_forever(engine: AsyncEngine, clock: Clock, kept_for: timedelta) -> None:
    """Runs trials that wait, one after the other, until cancelled; looks once a second. Old ones are forgotten hourly."""
    forget_at = clock()
    while True:
        try:
            if clock() >= forget_at:
                async with engine.begin() as tx:
                    await trials.forget(tx, kept_for)
                forget_at = clock() + FORGET_EVERY
            if not await trials.run_next(engine, clock):
                await asyncio.sleep(LOOK_ANYWAY_S)
        except Exception as error:  # noqa: BLE001 - `_go_on` raises what may not be hidden
            _go_on("trials", error)
            await asyncio.sleep(1)
