"""Where a process spends its time: samples of its stack while it works, and the functions that were found most often."""

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
    """Samples a process while entered and writes stacks to `path` (.raw), a table of functions beside it (.txt).

    A machine that forbids looking into other processes gives no files; what was run is not disturbed.
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
    """The functions that were on the stack most often: share of samples in them and below, in them alone."""
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
