"""One run of the attacks: the stack, the seed, the time that is left, and what must hold whatever is sent."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from deploy.processes import StartError
from deploy.stack import Stack
from tests.fuzz.report import Tried
from tests.load.flow import Flow

# Errors that are an answer to hostile input; any other tells of something that the authors did not foresee.
FORESEEN = {"dead letter"}
PATIENCE_S = 120


@dataclass
class Run:
    """What every part is given."""

    stack: Stack
    flow: Flow
    seed: int
    quick: bool
    tell: Callable[[str], None]
    corpora: Path
    ends: float = 0.0
    _read: dict[str, int] = field(default_factory=dict[str, int])
    _pids: dict[str, int | None] = field(default_factory=dict[str, int | None])

    def dice(self, part: str) -> Random:
        """Random numbers of a part, the same for the same seed."""
        return Random(f"{self.seed}:{part}")  # noqa: S311 - not for secrets

    def left(self) -> float:
        """Seconds that the part in hand still has."""
        return self.ends - time.monotonic()

    def header(self, role: Role, who: str) -> dict[str, str]:
        """The header by which somebody with a role is let in."""
        return {"Authorization": f"Bearer {self.stack.token(role, who)}"}

    def cpu(self, service: str) -> float:
        """CPU seconds that a service has used, with the processes that it started."""
        pid = self.stack.services[service].pid
        if pid is None:
            return 0.0
        service_process = psutil.Process(pid)
        own = service_process.cpu_times()
        used = own.user + own.system + own.children_user + own.children_system
        for child in service_process.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                used += times.user + times.system
        return used

    async def dead(self, service: str) -> int:
        """How many dead letters a service has."""
        (row,) = await self.flow.query(service, "select count(*) as n from dead_letter")
        return int(row["n"])

    def mark(self) -> None:
        """Notes who runs and where the logs end."""
        for service in SERVICES:
            self._pids[service] = self.stack.services[service].pid
            self._read[service] = self._log(service).stat().st_size

    async def house(self, part: str) -> Tried:
        """What must hold after a part: nobody died, everybody is ready, all is consumed, no log tells of a fault."""
        row = Tried(part, "afterwards: all alive and ready, all consumed, no fault in a log")
        for service in SERVICES:
            process = self.stack.services[service]
            row.expect(process.pid == self._pids[service], f"{service} died: {process.ending()}")
            if process.pid is None:
                await asyncio.to_thread(self.stack.start_service, service)
        try:
            await self.flow.quiet(PATIENCE_S)
            row.expect(holds=True, otherwise="")
        except TimeoutError:
            row.expect(
                holds=False, otherwise=f"not all is consumed after {PATIENCE_S} s: {await self._stuck()}"
            )
        for service in SERVICES:
            told = self._told(service)
            row.expect(not told, f"{service}: {'; '.join(told[:3])}")
            try:
                await asyncio.to_thread(self.stack.wait_ready, service)
                row.expect(holds=True, otherwise="")
            except StartError as error:
                row.expect(holds=False, otherwise=f"{service} is not ready: {error}")
        self.mark()
        return row

    async def _stuck(self) -> str:
        """What still waits in outboxes, and what the services last complained of."""
        told: list[str] = []
        for service in SERVICES:
            query = "select count(*) as n, min(topic) as topic, max(length(value)) as bytes from outbox"
            (waiting,) = await self.flow.query(service, query)
            if waiting["n"]:
                told.append(f"{waiting['n']} in the outbox of {service}, up to {waiting['bytes']} bytes")
            lines = self._log(service).read_text(errors="replace").splitlines()
            warned = [line for line in lines if '"level": "warning"' in line]
            told += [f"{service}: {line[-300:]}" for line in warned[-1:]]
        return "; ".join(told)

    def _log(self, service: str) -> Path:
        return self.stack.site.logs / f"{service}.log"

    def _told(self, service: str) -> list[str]:
        """The faults in a service's log since the last look."""
        found: list[str] = []
        with self._log(service).open("rb") as log:
            log.seek(self._read[service])
            for line in log:
                try:
                    entry = json.loads(line)
                except ValueError:
                    found.append(line.decode(errors="replace").strip())
                    continue
                if entry.get("level") in {"error", "critical"} and entry.get("event") not in FORESEEN:
                    found.append(line.decode(errors="replace").strip()[-400:])
        return found
