"""A process of ours: started in its own session with its output in a file, ended by its own pid."""

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
    """A process did not come up; the message says which, why, and where its log is."""


@dataclass
class Process:
    """One program: `command` run in `folder` with `environment`, output appended to `log`."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    child: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self, ready: Callable[[], bool], within: float) -> None:
        """Starts it and waits until `ready` says so. Raises StartError when it ends or `within` seconds pass."""
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
        """Returns once `ready` says so. Raises StartError when it ended, or is not ready `within` seconds of its start."""
        while not ready():
            if self.pid is None:
                raise StartError(f"{self.name} ended with {self.ending()}: {self.last_words()}")
            if time.monotonic() - self.started_at > within:
                self.kill()
                raise StartError(f"{self.name} was not ready after {within:.0f} s: {self.last_words()}")
            time.sleep(0.05)

    @property
    def pid(self) -> int | None:
        """Its pid while it runs."""
        return self.child.pid if self.child is not None and self.child.poll() is None else None

    def created_at(self) -> float | None:
        """When it was created by the system's clock, in seconds: with its pid, who it is. None when it does not run."""
        return psutil.Process(self.pid).create_time() if self.pid is not None else None

    def stop(self, within: float = 20) -> None:
        """Asks it to end and waits; kills it when it does not."""
        if self.pid is None or self.child is None:
            return
        self.child.send_signal(self.stop_signal)
        try:
            self.child.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()

    def signal_all(self, number: signal.Signals) -> None:
        """Sends a signal to it and to all that it started, whatever session they are in, e.g. SIGSTOP."""
        if self.pid is None:
            return
        first = psutil.Process(self.pid)
        first.send_signal(number)  # one that is stopped or killed starts no more
        for process in self._started(first):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to it alone, e.g. SIGTERM."""
        if self.pid is not None and self.child is not None:
            self.child.send_signal(number)

    @staticmethod
    def _started(first: psutil.Process) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return first.children(recursive=True)
        return []

    def kill(self) -> None:
        """Ends it at once, with all that it started: PostgreSQL's backends are in sessions of their own."""
        if self.pid is None or self.child is None:
            return
        family = [self.child.pid, *(process.pid for process in self._started(psutil.Process(self.child.pid)))]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.wait()

    def ending(self) -> str:
        """How it ended, for people."""
        status = self.child.poll() if self.child is not None else None
        if status is None:
            return "not started"
        return f"signal {-status}" if status < 0 else f"status {status}"

    def last_words(self) -> str:
        """The end of its log, and where the rest is."""
        lines = self.log.read_text(errors="replace").splitlines()[-3:] if self.log.exists() else []
        return f"{' | '.join(lines)} (see {self.log})"


def _inherited() -> dict[str, str]:
    # What programs need to find their files; nothing of the caller's own settings leaks into services.
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    return {name: os.environ[name] for name in keep if name in os.environ}  # noqa: TID251 - passed on, not read
