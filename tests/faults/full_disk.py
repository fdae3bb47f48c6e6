"""A full disk: one service's database moves to a small file system in memory, which is then filled to its end."""

import asyncio
import contextlib
import errno
import os
import subprocess
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from deploy.postgres import USER
from deploy.stack import Stack
from tests.faults.trouble import CannotBeMadeError

ROOM = 24 * 1024 * 1024
BLOCK = bytes(1024 * 1024)
SPACE = "small_disk"


@contextlib.asynccontextmanager
async def full_disk(stack: Stack, service: str, folder: Path, seconds: float) -> AsyncGenerator[float]:
    """The disk under the service's database is full for a while; its files are back in their place afterwards."""
    await asyncio.to_thread(_mount, stack, service, folder)
    try:
        await _move(stack, service, SPACE)
        try:
            filler = folder / "filler"
            await asyncio.to_thread(_fill, filler)
            await asyncio.sleep(seconds)
            filler.unlink()
            yield time.monotonic()
        finally:
            await _move(stack, service, "pg_default")
    finally:
        await asyncio.to_thread(_unmount, stack, folder)


def _mount(stack: Stack, service: str, folder: Path) -> None:
    """Raises CannotBeMadeError."""
    if os.geteuid() != 0:
        raise CannotBeMadeError("a small file system is mounted by root only")
    size = int(stack.postgres.sql("postgres", f"select pg_database_size('{_database(service)}')")) + ROOM
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_mount():  # of a run that was itself killed
        subprocess.run(["umount", str(folder)], check=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotBeMadeError(f"no file system in memory can be mounted here: {done.stderr.strip()}")
    try:
        place = folder / "tablespace"
        place.mkdir(mode=0o700)
        subprocess.run(["chown", f"{USER}:{USER}", str(place)], check=True)
        stack.postgres.sql("postgres", f"create tablespace {SPACE} location '{place}'")
    except BaseException:
        subprocess.run(["umount", str(folder)], check=False)
        raise


def _unmount(stack: Stack, folder: Path) -> None:
    stack.postgres.sql("postgres", f"drop tablespace {SPACE}")
    subprocess.run(["umount", str(folder)], check=True)


async def _move(stack: Stack, service: str, space: str) -> None:
    """A database moves while nobody is connected to it."""
    await asyncio.to_thread(stack.stop_service, service)
    database = _database(service)
    await asyncio.to_thread(
        stack.postgres.sql, "postgres",
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'",
    )  # fmt: skip
    await asyncio.to_thread(
        stack.postgres.sql, "postgres", f"alter database {database} set tablespace {space}"
    )
    await asyncio.to_thread(stack.start_service, service)


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        size = len(BLOCK)
        while size:
            try:
                file.write(BLOCK[:size])
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2


def _database(service: str) -> str:
    return service.replace("-", "_")
