"""A process that this project starts: in a session of its own, with its output in a file, ended by its pid."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil


class StartError(Exception):
    """A process did not start, or something that it needs is missing. The message names the cause and the remedy or the log."""


@dataclass
class Process:
    """A program: `command` runs in `folder` with `environment`, its output is appended to `log`."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    child: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self, ready: Callable[[], bool], within: float) -> None:
        """Starts the process and waits until `ready()`. Raises StartError when it ends or is not ready `within` seconds."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**_inherited(), **self.environment},
                cwd=self.folder,
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        self.wait(ready, within)

    def wait(self, ready: Callable[[], bool], within: float) -> None:
        """Waits until `ready()`. Raises StartError when the process ends or is not ready `within` seconds of its start."""
        while not ready():
            if self.pid is None:
                raise StartError(f"{self.name} ended with {self.ending()}: {self.log_tail()}")
            if time.monotonic() - self.started_at > within:
                self.kill()
                raise StartError(f"{self.name} was not ready after {within:.0f} s: {self.log_tail()}")
            time.sleep(0.05)

    @property
    def pid(self) -> int | None:
        """The pid while the process runs."""
        return self.child.pid if self.child is not None and self.child.poll() is None else None

    def created_at(self) -> float | None:
        """When the process was created by the system's clock, in seconds; with the pid it identifies the process. None when it does not run."""
        return psutil.Process(self.pid).create_time() if self.pid is not None else None

    def stop(self, within: float = 20) -> None:
        """Sends `stop_signal` and waits; kills the process after `within` seconds."""
        if self.pid is None or self.child is None:
            return
        self.child.send_signal(self.stop_signal)
        try:
            self.child.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()

    def signal_all(self, number: signal.Signals) -> None:
        """Sends a signal, e.g. SIGSTOP, to the process and all its descendants, in whatever session they are."""
        if self.pid is None:
            return
        first = psutil.Process(self.pid)
        first.send_signal(number)  # first: once stopped or killed it starts no more children
        for process in self._descendants(first):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, e.g. SIGTERM, to the process alone."""
        if self.pid is not None and self.child is not None:
            self.child.send_signal(number)

    @staticmethod
    def _descendants(first: psutil.Process) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return first.children(recursive=True)
        return []

    def kill(self) -> None:
        """Kills the process and all its descendants; PostgreSQL's backends are in sessions of their own."""
        if self.pid is None or self.child is None:
            return
        descendants = self._descendants(psutil.Process(self.child.pid))
        for pid in (self.child.pid, *(process.pid for process in descendants)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.wait()

    def ending(self) -> str:
        """How the process ended, for people."""
        status = self.child.poll() if self.child is not None else None
        if status is None:
            return "not started"
        return f"signal {-status}" if status < 0 else f"status {status}"

    def log_tail(self) -> str:
        """The last lines of the log and its path."""
        lines = self.log.read_text(errors="replace").splitlines()[-3:] if self.log.exists() else []
        return f"{' | '.join(lines)} (see {self.log})"


def _inherited() -> dict[str, str]:
    # Only what programs need to find their files: a service does not inherit settings of the caller.
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    return {name: os.environ[name] for name in keep if name in os.environ}  # noqa: TID251 - passed on, not read as settings
