"""Measures what a running stack uses: CPU seconds and memory by process, statements and WAL of PostgreSQL."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import NamedTuple

import psutil

from deploy.stack import Stack

EVERY_S = 0.5


class Usage(NamedTuple):
    """Totals since the start of the processes."""

    cpu_s: dict[str, float]
    statements: int
    wal_bytes: int

    def since(self, before: "Usage") -> "Usage":
        """The usage between `before` and this."""
        return Usage(
            {name: used - before.cpu_s.get(name, 0) for name, used in self.cpu_s.items()},
            self.statements - before.statements,
            self.wal_bytes - before.wal_bytes,
        )


def count_statements(stack: Stack) -> None:
    """Makes PostgreSQL count statements. It restarts PostgreSQL: call it before the services start."""
    stack.postgres.sql("postgres", "alter system set shared_preload_libraries = 'pg_stat_statements'")
    stack.postgres.stop()
    stack.postgres.start()
    stack.postgres.sql("postgres", "create extension if not exists pg_stat_statements")


def usage(stack: Stack) -> Usage:
    """The totals now."""
    counted = stack.postgres.sql(
        "postgres",
        "select coalesce(sum(calls), 0), (select pg_current_wal_lsn() - '0/0'::pg_lsn) from pg_stat_statements "
        "where query !~* '^(begin|commit|rollback)'",
    ).split("|")
    return Usage(cpu(stack), int(counted[0]), int(counted[1]))


def cpu(stack: Stack) -> dict[str, float]:
    """CPU seconds by process, with those of its descendants such as PostgreSQL's backends."""
    return {
        name: sum(_cpu_of(child) for child in _family(process.pid))
        for name, process in stack.processes().items()
        if process.pid is not None
    }


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _cpu_of(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system + times.children_user + times.children_system
    return 0.0


def memory(stack: Stack) -> dict[str, int]:
    """Resident bytes by process, with those of its descendants; for PostgreSQL without shared memory."""
    used: dict[str, int] = {}
    for name, process in stack.processes().items():
        total = 0
        for member in _family(process.pid) if process.pid is not None else []:
            with contextlib.suppress(psutil.NoSuchProcess):
                info = member.memory_info()
                total += info.rss if name != "postgres" else info.rss - info.shared
        used[name] = total
    return used


@contextlib.asynccontextmanager
async def peak_memory(stack: Stack) -> AsyncGenerator[dict[str, int]]:
    """The highest memory by process, updated while entered."""
    peak: dict[str, int] = {}

    async def watch() -> None:
        while True:
            for name, used in memory(stack).items():
                peak[name] = max(peak.get(name, 0), used)
            await asyncio.sleep(EVERY_S)

    watching = asyncio.create_task(watch())
    try:
        yield peak
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
