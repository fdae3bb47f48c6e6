"""Profiles a process: py-spy samples its stack, a table shows the functions in which it spends its time."""

import asyncio
import contextlib
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

SHOWN = 25


@contextlib.asynccontextmanager
async def sampled(pid: int, path: Path) -> AsyncGenerator[None]:
    """Samples a process while entered. Writes the stacks to `path` with .raw and a table of functions with .txt.

    It writes no files on a machine that does not allow reading other processes.
    """
    raw = path.with_suffix(".raw")
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.unlink(missing_ok=True)
    program = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "py-spy", "record", "--rate", "100", "--format", "raw", "--output", raw,
        "--pid", str(pid), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.send_signal(signal.SIGINT)
        await program.wait()
        if raw.exists():
            path.with_suffix(".txt").write_text(functions(raw.read_text()))


def functions(raw: str) -> str:
    """A table of the functions that were sampled most: the share of samples with the function on the stack, and with it on top."""
    below, alone, total = Counter[str](), Counter[str](), 0
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames, times = stack.split(";"), int(count)
        total += times
        alone[frames[-1]] += times
        for frame in set(frames):
            below[frame] += times
    names = sorted(
        dict(alone.most_common(SHOWN)) | dict(below.most_common(SHOWN)), key=lambda name: -alone[name]
    )
    rows = [f"{below[name] / total:8.1%} {alone[name] / total:8.1%}  {name}" for name in names]
    return "\n".join([f"{'with':>8} {'alone':>8}  function ({total} samples)", *rows]) + "\n"
