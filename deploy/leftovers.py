"""Processes of a supervisor that was itself killed: found by its notes and ended, so that the next start is clean."""

import json
from collections.abc import Callable

import psutil

from deploy.site import Site

PATIENCE_S = 20


def end(site: Site, tell: Callable[[str], None]) -> list[str]:
    """Ends what a killed supervisor left running, in reverse order of start. Returns the names of what was ended.

    A pid that has gone to another program since is left alone. Only for use while no supervisor runs.
    """
    path = site.directory / "processes.json"
    if not path.exists():
        return []
    ended: list[str] = []
    for name, note in reversed(json.loads(path.read_text()).items()):
        process = _same(note["pid"], note["started"])
        if process is None:
            continue
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()
        ended.append(name)
        tell(f"{name} was left over from an earlier start and is stopped")
    path.unlink()
    site.ports_file.unlink(missing_ok=True)
    return ended


def _same(pid: int | None, started: float) -> psutil.Process | None:
    """The process, if it is the one that was noted: its pid and its time of start."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started) < 1 else None
    except psutil.NoSuchProcess:
        return None


def alive(pid: int | None, started: float) -> bool:
    """Whether the noted process still runs."""
    process = _same(pid, started)
    return process is not None and process.status() != psutil.STATUS_ZOMBIE
