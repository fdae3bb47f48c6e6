"""A full disk: the database of one service moves to a small file system in memory, which is then filled."""

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
from tests.faults.injections import FaultNotPossibleError

FREE_BYTES = 24 * 1024 * 1024
BLOCK = bytes(1024 * 1024)
SPACE = "small_disk"


@contextlib.asynccontextmanager
async def full_disk(stack: Stack, service: str, folder: Path, seconds: float) -> AsyncGenerator[float]:
    """The disk of the service's database is full for `seconds`; afterwards the database moves back."""
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
    """Mounts the file system as a tablespace. Raises FaultNotPossibleError."""
    if os.geteuid() != 0:
        raise FaultNotPossibleError("only root may mount a file system: run make faults as root")
    size = (
        int(stack.postgres.sql("postgres", f"select pg_database_size('{_database(service)}')")) + FREE_BYTES
    )
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_mount():  # a killed run left it
        subprocess.run(["umount", str(folder)], check=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise FaultNotPossibleError(f"this machine does not let us mount a tmpfs: {done.stderr.strip()}")
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
    """Moves a database to a tablespace, while its service is stopped and all its connections are ended."""
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
