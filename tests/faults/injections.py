"""What is done to processes: killed, stopped, ended in order, at random, one replica after the other.

A strike is entered while customers speak. It yields when the fault is over and recovery begins (by the monotonic clock),
and puts back what it changed when it is left.
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
from tests.faults.mailhost import MailHost, Mood

Strike = AbstractAsyncContextManager[float | None]
GROUND = ("postgres", "kafka")
LEADERLESS_S = 12


async def start(stack: Stack, name: str) -> None:
    """Starts PostgreSQL, the broker or a service again, as the supervisor does."""
    if name in GROUND:
        await asyncio.to_thread(stack.postgres.start if name == "postgres" else stack.kafka.start)
    else:
        await asyncio.to_thread(stack.start_service, name, wait=False)


def process(stack: Stack, name: str) -> Process:
    """The process by its name."""
    return stack.processes()[name]


@contextlib.asynccontextmanager
async def kill(stack: Stack, name: str) -> AsyncGenerator[float]:
    """Kill -9, and the start that follows."""
    at = time.monotonic()
    await asyncio.to_thread(process(stack, name).kill)
    await start(stack, name)
    yield at


@contextlib.asynccontextmanager
async def pause(stack: Stack, name: str, seconds: float) -> AsyncGenerator[float]:
    """SIGSTOP of all its processes, and SIGCONT later."""
    process(stack, name).signal_all(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        process(stack, name).signal_all(signal.SIGCONT)
    yield time.monotonic()


@contextlib.asynccontextmanager
async def mail_trouble(mail: MailHost, mood: Mood, seconds: float) -> AsyncGenerator[float]:
    """The mail server of the world behaves so for a while."""
    await mail.be(mood)
    await asyncio.sleep(seconds)
    await mail.be(Mood.WELL)
    yield time.monotonic()


@contextlib.asynccontextmanager
async def at_random(
    stack: Stack, dice: random.Random, times: int, tell: Callable[[str], None]
) -> AsyncGenerator[float]:
    """Kills, short stops and restarts of anything at moments of the dice."""
    for _ in range(times):
        await asyncio.sleep(dice.uniform(0, 5))
        name, what = dice.choice([*SERVICES, *GROUND]), dice.choice(["kill", "stop", "restart"])
        tell(f"{what} {name}")
        if what == "stop":
            async with pause(stack, name, dice.uniform(0.5, 4)):
                continue
        ended = process(stack, name)
        await asyncio.to_thread(ended.kill if what == "kill" else ended.stop)
        await start(stack, name)
    yield time.monotonic()


@contextlib.asynccontextmanager
async def rolling_restart(stack: Stack, tell: Callable[[str], None]) -> AsyncGenerator[float]:
    """Every service runs twice; each of the two is ended in order and started again, one after the other."""
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
            tell(f"{service} {time.monotonic() - began:.0f} s")
        yield time.monotonic()
    finally:
        ended = [asyncio.to_thread(stack.stop_service, service, replica=2) for service in SERVICES]
        await asyncio.gather(*ended)


@contextlib.asynccontextmanager
async def kill_leader(stack: Stack, tell: Callable[[str], None]) -> AsyncGenerator[float]:
    """Kill -9 of the broker that leads most partitions; it comes back when the others have led for a while."""
    leads = await asyncio.to_thread(stack.kafka.leaders, next(iter(TOPICS)))
    number = max(sorted(set(leads)), key=leads.count)
    broker = next(b for b in stack.brokers if b.number == number)
    tell(f"broker {number} leads {leads.count(number)} of {len(leads)} partitions")
    at = time.monotonic()
    broker.process.kill()
    try:
        yield at
        await asyncio.sleep(max(0, at + LEADERLESS_S - time.monotonic()))
    finally:
        await asyncio.to_thread(broker.start)
