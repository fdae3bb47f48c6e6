"""Faults of processes: killed, paused, restarted at random, restarted one replica after another.

An injection is entered under load. It yields the time (monotonic clock) when the fault is over and recovery begins, and
restores what it changed when it is left.
"""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager

from antiphon.contracts.topics import TOPICS
from antiphon.service_names import SERVICES
from deploy.processes import Process
from deploy.stack import Stack
from tests.faults.mail_server import Behaviour, MailServer

Injection = AbstractAsyncContextManager[float | None]
INFRASTRUCTURE = ("postgres", "kafka")
LEADER_DOWN_S = 12


class FaultNotPossibleError(Exception):
    """This machine does not allow the fault, which is skipped. The message names what is missing."""


async def start(stack: Stack, name: str) -> None:
    """Starts PostgreSQL, the broker or a service, as the supervisor does."""
    if name in INFRASTRUCTURE:
        await asyncio.to_thread(stack.postgres.start if name == "postgres" else stack.kafka.start)
    else:
        await asyncio.to_thread(stack.start_service, name, wait=False)


def process(stack: Stack, name: str) -> Process:
    """The process with this name."""
    return stack.processes()[name]


@contextlib.asynccontextmanager
async def kill(stack: Stack, name: str) -> AsyncGenerator[float]:
    """Kills a process with SIGKILL and starts it again."""
    at = time.monotonic()
    await asyncio.to_thread(process(stack, name).kill)
    await start(stack, name)
    yield at


@contextlib.asynccontextmanager
async def pause(stack: Stack, name: str, seconds: float) -> AsyncGenerator[float]:
    """Stops a process and its descendants with SIGSTOP; sends SIGCONT after `seconds`."""
    process(stack, name).signal_all(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        process(stack, name).signal_all(signal.SIGCONT)
    yield time.monotonic()


@contextlib.asynccontextmanager
async def mail_server_behaves(
    mail: MailServer, behaviour: Behaviour, seconds: float
) -> AsyncGenerator[float]:
    """The mail server that receives the answers has a behaviour for `seconds`."""
    await mail.behave(behaviour)
    await asyncio.sleep(seconds)
    await mail.behave(Behaviour.NORMAL)
    yield time.monotonic()


@contextlib.asynccontextmanager
async def at_random(
    stack: Stack, dice: random.Random, times: int, report: Callable[[str], None]
) -> AsyncGenerator[float]:
    """Kills, pauses or restarts a random process at random moments, `times` times."""
    for _ in range(times):
        await asyncio.sleep(dice.uniform(0, 5))
        name, what = dice.choice([*SERVICES, *INFRASTRUCTURE]), dice.choice(["kill", "stop", "restart"])
        report(f"{what} {name}")
        if what == "stop":
            async with pause(stack, name, dice.uniform(0.5, 4)):
                continue
        ended = process(stack, name)
        await asyncio.to_thread(ended.kill if what == "kill" else ended.stop)
        await start(stack, name)
    yield time.monotonic()


@contextlib.asynccontextmanager
async def rolling_restart(stack: Stack, report: Callable[[str], None]) -> AsyncGenerator[float]:
    """Every service has two replicas; each replica is shut down and started again, one after another."""
    for service in SERVICES:
        stack.start_service(service, replica=2, wait=False)
    try:
        for service in SERVICES:
            await asyncio.to_thread(stack.wait_ready, service, replica=2)
        for service in SERVICES:
            began = time.monotonic()
            for replica in (1, 2):
                await asyncio.to_thread(stack.stop_service, service, replica=replica)
                await asyncio.to_thread(stack.start_service, service, replica=replica)
            report(f"{service} restarted in {time.monotonic() - began:.0f} s")
        yield time.monotonic()
    finally:
        ended = [asyncio.to_thread(stack.stop_service, service, replica=2) for service in SERVICES]
        await asyncio.gather(*ended)


@contextlib.asynccontextmanager
async def kill_leader(stack: Stack, report: Callable[[str], None]) -> AsyncGenerator[float]:
    """Kills the broker that leads most partitions; it starts again after `LEADER_DOWN_S`."""
    leads = await asyncio.to_thread(stack.kafka.leaders, next(iter(TOPICS)))
    number = max(sorted(set(leads)), key=leads.count)
    broker = next(b for b in stack.brokers if b.number == number)
    report(f"broker {number} leads {leads.count(number)} of {len(leads)} partitions")
    at = time.monotonic()
    broker.process.kill()
    try:
        yield at
        await asyncio.sleep(max(0, at + LEADER_DOWN_S - time.monotonic()))
    finally:
        await asyncio.to_thread(broker.start)
