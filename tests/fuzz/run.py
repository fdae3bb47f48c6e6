"""One run of the attacks: the stack, the seed, the remaining time, and the checks of the services after each part."""

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
from tests.fuzz.result import AttackResult
from tests.load.flow import Flow

# Log events that hostile input may cause. Any other error in a log is a finding.
EXPECTED_ERRORS = {"dead letter"}
PATIENCE_S = 120


@dataclass
class Run:
    """The stack and the settings that every part gets."""

    stack: Stack
    flow: Flow
    seed: int
    quick: bool
    report: Callable[[str], None]
    corpora: Path
    ends: float = 0.0
    _read: dict[str, int] = field(default_factory=dict[str, int])
    _pids: dict[str, int | None] = field(default_factory=dict[str, int | None])

    def dice(self, part: str) -> Random:
        """Random numbers for a part, the same for the same seed."""
        return Random(f"{self.seed}:{part}")  # noqa: S311 - not for secrets

    def left(self) -> float:
        """The seconds that are left for this part."""
        return self.ends - time.monotonic()

    def header(self, role: Role, who: str) -> dict[str, str]:
        """The header with a token of this role."""
        return {"Authorization": f"Bearer {self.stack.token(role, who)}"}

    def cpu(self, service: str) -> float:
        """CPU seconds that a service and its child processes have used."""
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
        """The number of dead letters of a service."""
        (row,) = await self.flow.query(service, "select count(*) as n from dead_letter")
        return int(row["n"])

    def mark(self) -> None:
        """Notes the pids of the services and the ends of their logs."""
        for service in SERVICES:
            self._pids[service] = self.stack.services[service].pid
            self._read[service] = self._log(service).stat().st_size

    async def check_services(self, part: str) -> AttackResult:
        """Checks after a part: no service died, all are ready, all events are consumed, no log has an unexpected error."""
        row = AttackResult(part, "afterwards: services alive and ready, all consumed, no error in a log")
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
                holds=False,
                otherwise=f"not all events are consumed after {PATIENCE_S} s: {await self._backlog()}",
            )
        for service in SERVICES:
            errors = self._logged_errors(service)
            row.expect(not errors, f"{service}: {'; '.join(errors[:3])}")
            try:
                await asyncio.to_thread(self.stack.wait_ready, service)
                row.expect(holds=True, otherwise="")
            except StartError as error:
                row.expect(holds=False, otherwise=f"{service} is not ready: {error}")
        self.mark()
        return row

    async def _backlog(self) -> str:
        """The events that wait in outboxes, and the last warning of each service."""
        details: list[str] = []
        for service in SERVICES:
            query = "select count(*) as n, min(topic) as topic, max(length(value)) as bytes from outbox"
            (waiting,) = await self.flow.query(service, query)
            if waiting["n"]:
                details.append(f"{waiting['n']} in the outbox of {service}, up to {waiting['bytes']} bytes")
            lines = self._log(service).read_text(errors="replace").splitlines()
            warnings = [line for line in lines if '"level": "warning"' in line]
            details += [f"{service}: {line[-300:]}" for line in warnings[-1:]]
        return "; ".join(details)

    def _log(self, service: str) -> Path:
        return self.stack.site.logs / f"{service}.log"

    def _logged_errors(self, service: str) -> list[str]:
        """The unexpected errors in a service's log since the last `mark`."""
        errors: list[str] = []
        with self._log(service).open("rb") as log:
            log.seek(self._read[service])
            for line in log:
                try:
                    entry = json.loads(line)
                except ValueError:
                    errors.append(line.decode(errors="replace").strip())
                    continue
                if entry.get("level") in {"error", "critical"} and entry.get("event") not in EXPECTED_ERRORS:
                    errors.append(line.decode(errors="replace").strip()[-400:])
        return errors
