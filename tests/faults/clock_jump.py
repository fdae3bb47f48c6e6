"""A clock that jumps: with libfaketime all services have another time than their database."""

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
from tests.faults.injections import FaultNotPossibleError

LIBRARIES = Path("/usr/lib")
AHEAD_S = 600
INSTALL_S = 120


def library() -> Path:
    """The path of Debian's libfaketime, which is installed when it is missing. Raises FaultNotPossibleError."""
    if not _libraries() and os.geteuid() == 0 and shutil.which("apt-get"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["apt-get", "install", "-y", "--no-install-recommends", "faketime"],
                capture_output=True, check=False, timeout=INSTALL_S,
            )  # fmt: skip
    libraries = _libraries()
    if not libraries:
        raise FaultNotPossibleError("libfaketime is not installed: apt-get install faketime")
    return libraries[0]


def _libraries() -> list[Path]:
    return sorted(LIBRARIES.glob("*/faketime/libfaketime.so.1"))


@contextlib.asynccontextmanager
async def clock_jump(stack: Stack, folder: Path, seconds: float) -> AsyncGenerator[float]:
    """While the services run, their clocks jump ten minutes ahead, stay there for a while, and jump back."""
    preloaded = await asyncio.to_thread(library)
    offset = folder / "clock"
    offset.write_text("+0\n")
    false_clock = {
        "LD_PRELOAD": str(preloaded),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
    }
    before = {service: stack.extra_settings.get(service, {}) for service in SERVICES}
    stack.extra_settings |= {service: {**before[service], **false_clock} for service in SERVICES}
    try:
        await _restart(stack)
        await asyncio.sleep(seconds / 3)
        offset.write_text(f"+{AHEAD_S}\n")
        await asyncio.sleep(seconds)
        offset.write_text("+0\n")
        yield time.monotonic()
    finally:
        stack.extra_settings |= before
        await _restart(stack)


async def _restart(stack: Stack) -> None:
    def restart(service: str) -> None:
        stack.stop_service(service)
        stack.start_service(service)

    await asyncio.gather(*(asyncio.to_thread(restart, service) for service in SERVICES))
