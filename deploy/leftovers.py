"""Ends the processes that a killed supervisor left running. The supervisor wrote them down in `processes.json`."""

import json
from collections.abc import Callable

import psutil

from deploy.site import Site

PATIENCE_S = 20


def end(site: Site, report: Callable[[str], None]) -> list[str]:
    """Ends the processes of a killed supervisor, in reverse order of their start. Returns their names.

    It does not end another program that has got the same pid. Call it only while no supervisor runs.
    """
    path = site.directory / "processes.json"
    if not path.exists():
        return []
    ended: list[str] = []
    for name, entry in reversed(json.loads(path.read_text()).items()):
        process = _same(entry["pid"], entry["started"])
        if process is None:
            continue
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()
        ended.append(name)
        report(f"{name} of an earlier start was still running and is stopped")
    path.unlink()
    site.ports_file.unlink(missing_ok=True)
    return ended


def _same(pid: int | None, started: float) -> psutil.Process | None:
    """The process with this pid, if it is the one that started at that time."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started) < 1 else None
    except psutil.NoSuchProcess:
        return None


def alive(pid: int | None, started: float) -> bool:
    """Whether the process with this pid that started at that time still runs."""
    process = _same(pid, started)
    return process is not None and process.status() != psutil.STATUS_ZOMBIE
