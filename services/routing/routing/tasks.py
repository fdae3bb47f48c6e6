"""The tasks that routing runs without a message or request, such as assigning work and firing timers."""

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.failures import is_schema_error, is_transient
from antiphon.postgres.listener import Listener
from antiphon.process import logs, metrics
from antiphon.process.clock import Clock
from routing import store, timers
from routing.configuration import republication, trials
from routing.configuration.active import Configurations
from routing.queues import surges
from routing.sla import clocks
from routing.work import assignment, reconciliation

LOG = logs.get(__name__)
ADD_UP_EVERY_S = 5.0
FORGET_EVERY = timedelta(hours=1)
FORGET_WORDS_EVERY_S = 60.0
RECONCILE_EVERY_S, NEXT_ROUND_AFTER_S = 1.0, 30.0
# A start publishes the active version again, but for starts within a minute. Topics keep events for 14 days.
PUBLISHED_JUST_NOW, PUBLISH_AGAIN_AFTER = timedelta(minutes=1), timedelta(days=1)
LOOK_AT_PUBLICATION_EVERY_S = 3600.0
POLL_EVERY_S = 1.0  # a notification can be missed, and the pause after a refusal ends without one


def _report(task: str, error: Exception) -> None:
    """Logs and counts an error of a task, which then tries again: it does not end the service.

    Raises schema errors, since these would fail everywhere else too.
    """
    if is_schema_error(error):
        raise error
    if is_transient(error):
        LOG.warning("task tries again soon", task=task, reason=repr(error))
    else:
        LOG.error("task failed", task=task, exc_info=error)
        metrics.TASK_FAILURES.labels(task).inc()


def _retry_individually(task: str, error: Exception, *, individually: bool) -> bool:
    """Whether a task that failed handles its rows individually next time; not if it did, or if no row can be the cause."""
    if individually or is_transient(error) or is_schema_error(error):
        _report(task, error)
        return False
    LOG.warning("task retries its rows individually", task=task, reason=f"{type(error).__name__}: {error}")
    return True


async def assign_forever(
    engine: AsyncEngine, configurations: Configurations, again_after: timedelta, clock: Clock
) -> None:
    """Runs assignment passes until cancelled: when notified, and once a second."""
    while True:
        try:
            async with Listener(engine, store.work_items.ASSIGN) as woken:
                while True:
                    async with engine.begin() as tx:
                        made = await assignment.assign(tx, configurations, again_after, clock())
                    if made:
                        LOG.info("offers made", offers=made)
                    await woken.wait(timeout=POLL_EVERY_S)
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            _report("assignment", error)
            await asyncio.sleep(1)


async def fire_timers_forever(engine: AsyncEngine, configurations: Configurations, clock: Clock) -> None:
    """Fires due timers until cancelled; sleeps until the next is due, a second at most. After a failure: individually."""
    individually = False
    while True:
        try:
            async with engine.begin() as tx:
                fired = await timers.fire(tx, configurations, clock(), individually=individually)
            if not fired:
                individually = False
                async with engine.connect() as connection:
                    due = await store.timers.next_due(connection)
                await asyncio.sleep(min(max(due, 0.01), POLL_EVERY_S) if due is not None else POLL_EVERY_S)
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            individually = _retry_individually("timers", error, individually=individually)
            await asyncio.sleep(1)


async def recompute_forever(engine: AsyncEngine, configurations: Configurations, clock: Clock) -> None:
    """Recomputes clocks that a new configuration changes, until cancelled; checks once a second."""
    while True:
        recomputed = 0
        try:
            async with engine.begin() as tx:
                recomputed = await clocks.recompute_changed_policies(tx, configurations, clock())
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            _report("recomputing", error)
        await asyncio.sleep(0 if recomputed else POLL_EVERY_S)


async def add_up_counts_forever(engine: AsyncEngine) -> None:
    """Adds up the changes of kept counts, until cancelled."""
    while True:
        try:
            async with engine.begin() as tx:
                await store.counts.add_up(tx)
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            _report("counts", error)
        await asyncio.sleep(ADD_UP_EVERY_S)


async def reconcile_forever(engine: AsyncEngine, configurations: Configurations, clock: Clock) -> None:
    """Reconciles all cases and open work, a part at a time, until cancelled. It begins a second after the start."""
    pause, individually = RECONCILE_EVERY_S, False
    while True:
        await asyncio.sleep(pause)
        ended = False
        try:
            async with engine.begin() as tx:
                _, ended = await reconciliation.run_part(
                    tx, configurations, clock(), individually=individually
                )
            individually = False
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            individually = _retry_individually("reconciliation", error, individually=individually)
        pause = NEXT_ROUND_AFTER_S if ended else RECONCILE_EVERY_S


async def detect_surges_forever(engine: AsyncEngine, clock: Clock) -> None:
    """Detects surges at the end of each minute, until cancelled."""
    while True:
        now = clock()
        await asyncio.sleep(60 - now.second - now.microsecond / 1e6)
        try:
            async with engine.begin() as tx:
                await surges.detect(tx, clock())
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            _report("surges", error)


async def forget_words_forever(engine: AsyncEngine, clock: Clock, kept_for: timedelta) -> None:
    """Deletes the words of decisions of cases that were answered `kept_for` ago, until cancelled; checks once a minute."""
    while True:
        forgotten = 0
        try:
            async with engine.begin() as tx:
                forgotten = await store.decisions.forget_old(tx, clock() - kept_for)
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            _report("words", error)
        await asyncio.sleep(0 if forgotten else FORGET_WORDS_EVERY_S)


async def run_trials_forever(engine: AsyncEngine, clock: Clock, kept_for: timedelta) -> None:
    """Runs waiting trials one after the other until cancelled; checks once a second. Deletes old trials hourly."""
    forget_at = clock()
    while True:
        try:
            if clock() >= forget_at:
                async with engine.begin() as tx:
                    await trials.forget(tx, kept_for)
                forget_at = clock() + FORGET_EVERY
            if not await trials.run_next(engine, clock):
                await asyncio.sleep(POLL_EVERY_S)
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            _report("trials", error)
            await asyncio.sleep(1)


async def publish_again_forever(engine: AsyncEngine, configurations: Configurations, clock: Clock) -> None:
    """Publishes the active version again at the start and once a day, until cancelled; one replica does it."""
    unless_within = PUBLISHED_JUST_NOW
    while True:
        try:
            async with engine.begin() as tx:
                now = clock()
                version = await republication.publish_again(tx, configurations, now, now - unless_within)
            if version is not None:
                LOG.info("configuration published again", version=version)
            unless_within = PUBLISH_AGAIN_AFTER
            await asyncio.sleep(LOOK_AT_PUBLICATION_EVERY_S)
        except Exception as error:  # noqa: BLE001 - `_report` raises what may not be hidden
            _report("publishing again", error)
            await asyncio.sleep(1)
