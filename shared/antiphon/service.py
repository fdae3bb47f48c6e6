"""Runs a process from start to an orderly stop: its API and tasks; of a service that handles events also consumers and relay."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from antiphon.active_organisation import ActiveOrganisation
from antiphon.failures import is_transient
from antiphon.http import changes, idempotency
from antiphon.kafka.consumer import Consumer
from antiphon.kafka.relay import Relay
from antiphon.process import logs
from antiphon.process.clock import Clock, utc_now
from antiphon.process.settings import ProcessSettings, ServiceSettings

LOG = logs.get(__name__)
GRACE = timedelta(seconds=10)
POLL_TOO_OLD = timedelta(seconds=60)
Task = Callable[[], Awaitable[None]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Process:
    """What one process runs. `tasks` go on until they are cancelled; one that ends otherwise stops the process.

    `others` are further applications, by their ports.
    """

    name: str
    settings: ProcessSettings
    engine: AsyncEngine
    app: FastAPI
    others: Mapping[int, FastAPI] = field(default_factory=dict[int, FastAPI], kw_only=True)
    consumers: Sequence[Consumer] = field(default=(), kw_only=True)
    tasks: Mapping[str, Task] = field(default_factory=dict[str, Task], kw_only=True)
    clock: Clock = field(default=utc_now, kw_only=True)

    def parts(self) -> dict[str, Task]:
        """All that runs beside the API, by name."""
        kept_for = self.settings.idempotency_keys_kept_for
        return {**self.tasks, "forget": lambda: idempotency.forget(self.engine, kept_for)}


@dataclass(frozen=True)
class Service(Process):
    """A process that handles events: it has an outbox, a log of changes and the organisation as well."""

    settings: ServiceSettings
    organisation: ActiveOrganisation

    def __post_init__(self) -> None:
        """`/readyz` shows the version that is active."""
        self.app.state.configuration_version = lambda: self.organisation.current.number

    @override
    def parts(self) -> dict[str, Task]:
        kept_for = self.settings.change_log_kept_for
        return {
            "relay": Relay(self.name, self.engine, self.settings.kafka, self.clock).run,
            "organisation": partial(self.organisation.run, self.engine),
            "trim": lambda: changes.trim(self.engine, kept_for),
            **super().parts(),
        }


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: `run` has them."""

    @override
    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return contextlib.nullcontext()


def start(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a service's `main` in an event loop of its own."""
    asyncio.run(main())


async def begin(what: Callable[[], Awaitable[Result]]) -> Result:
    """Does what must come first, again while the failure is transient. Raises other failures."""
    while True:
        try:
            return await what()
        except Exception as error:
            if not is_transient(error):
                raise
            LOG.warning("start waits", reason=repr(error))
            gc.collect()  # the collector is off until `run`
            await asyncio.sleep(1)


async def run(service: Process) -> None:
    """Runs until SIGTERM or SIGINT, then stops in order: the API, the current batch, the tasks, the relay.

    Exits with status 1 and a traceback in the log when a part dies.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_unwaited)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    applications = {service.settings.http_port: service.app, **service.others}
    servers = {port: _server(app, port, service.settings) for port, app in applications.items()}
    parts: dict[str, Task] = {f"http {port}": server.serve for port, server in servers.items()}
    for number, consumer in enumerate(service.consumers, 1):
        parts[f"consumer {number}"] = consumer.run
        service.app.state.checks[f"consumer {number}"] = _consumer_check(consumer, service.clock)
    parts |= service.parts()
    running = {asyncio.create_task(_part(part), name=name): name for name, part in parts.items()}
    stopped = asyncio.create_task(_until(stop), name="stop")
    # What is loaded now stays. A batch makes many values but few reference cycles, so the collector runs rarely.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
    LOG.info("started", ports=list(servers))
    done, _ = await asyncio.wait([*running, stopped], return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in done if task is not stopped]
    for task in failed:
        LOG.critical("part died", part=running[task], exc_info=_ending(task))
    LOG.info("stopping")
    for server in servers.values():
        server.should_exit = True
    for consumer in service.consumers:
        consumer.stop()
    gently = [
        task for task, name in running.items() if name.startswith(("http ", "consumer ")) and not task.done()
    ]
    if gently:
        await asyncio.wait(gently, timeout=GRACE.total_seconds())
    rest = [task for task in running if not task.done()]
    for task in rest:
        task.cancel()
    stopped.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await service.engine.dispose()
    LOG.info("stopped")
    if failed:
        sys.exit(1)


def _server(app: FastAPI, port: int, settings: ProcessSettings) -> _Server:
    app.state.swagger_ui = settings.swagger_ui
    return _Server(
        uvicorn.Config(
            app, host=settings.http_host, port=port, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
        )
    )  # fmt: skip


def _unwaited(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A transient failure of a request that its client has left is no fault."""
    error = context.get("exception")
    if error is not None and is_transient(error):
        LOG.warning("a request failed after its client had left", reason=repr(error))
    else:
        loop.default_exception_handler(context)


def _ending(task: asyncio.Task[None]) -> BaseException:
    if task.cancelled():
        return RuntimeError("it was cancelled")
    return task.exception() or RuntimeError("it ended")


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _part(part: Task) -> None:
    await part()


def _consumer_check(consumer: Consumer, clock: Clock) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        if consumer.polled_at is None:
            return "has not polled yet"
        age = clock() - consumer.polled_at
        return f"last polled {age.total_seconds():.0f} s ago" if age > POLL_TOO_OLD else None

    return check
