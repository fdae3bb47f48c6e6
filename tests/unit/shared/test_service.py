"""How a service handles failures that no task awaits."""

import asyncio
import gc
from typing import Any

import pytest

from antiphon.service import _unwaited  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("error", "is_fault"), [(ConnectionError("lost"), False), (ValueError("a bug"), True)], ids=repr
)
async def test_a_failure_that_no_task_awaits_is_a_fault_unless_it_is_transient(
    error: Exception, is_fault: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    monkeypatch.setattr(loop, "default_exception_handler", faults.append)
    loop.set_exception_handler(_unwaited)
    try:
        loop.create_future().set_exception(error)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert [fault["exception"] for fault in faults] == [error] * is_fault
