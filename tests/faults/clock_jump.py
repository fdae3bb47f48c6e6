"""A clock that jumps: all services believe in another time than their database, by libfaketime."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from antiphon.service_names import SERVICES
from deploy.stack import Stack
from tests.faults.trouble import CannotBeMadeError

LIBRARIES = Path("/usr/lib")
AHEAD_S = 600
INSTALL_S = 120


def library() -> Path:
    """Debian's libfaketime, installed when it is missing. Raises CannotBeMadeError."""
    if not _found() and os.geteuid() == 0 and shutil.which("apt-get"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["apt-get", "install", "-y", "--no-install-recommends", "faketime"],
                capture_output=True, check=False, timeout=INSTALL_S,
            )  # fmt: skip
    found = _found()
    if not found:
        raise CannotBeMadeError("libfaketime is not installed: apt-get install faketime")
    return found[0]


def _found() -> list[Path]:
    return sorted(LIBRARIES.glob("*/faketime/libfaketime.so.1"))


@contextlib.asynccontextmanager
async def clock_jump(stack: Stack, folder: Path, seconds: float) -> AsyncGenerator[float]:
    """The services' clocks jump ten minutes ahead, stay there for a while, and jump back while the services run."""
    told = await asyncio.to_thread(library)
    offset = folder / "clock"
    offset.write_text("+0\n")
    false = {
        "LD_PRELOAD": str(told),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
    }
    before = {service: stack.told.get(service, {}) for service in SERVICES}
    stack.told |= {service: {**before[service], **false} for service in SERVICES}
    try:
        await _restart(stack)
        await asyncio.sleep(seconds / 3)
        offset.write_text(f"+{AHEAD_S}\n")
        await asyncio.sleep(seconds)
        offset.write_text("+0\n")
        yield time.monotonic()
    finally:
        stack.told |= before
        await _restart(stack)


async def _restart(stack: Stack) -> None:
    def again(service: str) -> None:
        stack.stop_service(service)
        stack.start_service(service)

    await asyncio.gather(*(asyncio.to_thread(again, service) for service in SERVICES))
