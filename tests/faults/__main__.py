"""`make faults`: injects faults into a fresh copy of Antiphon under load, one after another, and checks all records."""

import argparse
import asyncio
import logging
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil
from rich.console import Console
from rich.markup import escape

from deploy.site import PROJECT, Ports, Site
from deploy.stack import Stack
from tests.faults import histories
from tests.faults import result as results
from tests.faults.catalogue import FOLDER, HISTORIES, RUSH, catalogue, catalogue_of_cluster, names
from tests.faults.mail_server import MailServer
from tests.faults.result import FaultResult
from tests.faults.rush import run as rush
from tests.faults.stand import AGENTS, Fault, Stand, extra_settings
from tests.faults.steady_load import SENDERS, messages
from tests.load.agents import write_organisation
from tests.load.flow import Flow
from tests.load.traffic import Customers

CONSOLE = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 220)
MEASURED = 1000
SHOWN_NOTES = 40
QUIET_S = 300
RESULTS = PROJECT / ".antiphon" / "faults.jsonl"


@dataclass
class Run:
    """One run of the stand. `only` names the faults to inject, all when empty; `max_rate` limits the messages a second.

    `minutes` is how long random histories of cases are played.
    """

    seed: int
    quick: bool
    only: Sequence[str]
    max_rate: float | None = None
    minutes: float = 5
    results: list[FaultResult] = field(default_factory=list[FaultResult])
    began: float = field(default_factory=time.monotonic)

    def report(self, line: str) -> None:
        """Prints a line of progress."""
        passed = time.monotonic() - self.began
        CONSOLE.print(f"[dim]{passed // 60:3.0f}:{passed % 60:02.0f}[/dim]  {line}")

    async def all(self) -> None:
        """Injects every wanted fault, each on the kind of stack that it needs."""
        if task := asyncio.current_task():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        self.report(f"seed {self.seed}")
        shutil.rmtree(FOLDER, ignore_errors=True)
        await self._on_a_stack("one broker", self._wanted(catalogue(quick=self.quick)), 0)
        if not self.quick or self.only:
            await self._on_a_stack("three brokers", self._wanted(catalogue_of_cluster()), 2)
            if not self.only or RUSH in self.only:
                await self._rush()
            if not self.only or HISTORIES in self.only:
                self.report(f"starting PostgreSQL and Kafka\n[bold]{HISTORIES}[/bold]")
                self._add(await histories.run(self.seed, self.minutes, self.report))

    async def _rush(self) -> None:
        self.report(f"starting PostgreSQL, Kafka and three replicas of routing\n[bold]{RUSH}[/bold]")
        sizes = rush.QUICK if self.quick else rush.WHOLE
        self._add(await rush.Rush(sizes, self.seed, self.report).run())

    def _add(self, result: FaultResult) -> None:
        self.results.append(result)
        results.write(self.results, RESULTS)
        self.report(f"  {'[red]✗[/red]' if result.wrong else '[green]✓[/green]'} {result.line()}")
        for note in result.notes[:SHOWN_NOTES]:
            self.report(f"    [dim]{escape(note)}[/dim]")

    def _wanted(self, faults: Sequence[Fault]) -> list[Fault]:
        return [fault for fault in faults if not self.only or fault.name in self.only]

    async def _on_a_stack(self, what: str, faults: Sequence[Fault], more_brokers: int) -> None:
        if not faults:
            return
        self.report(f"starting everything, with {what}")
        organisation = write_organisation(
            FOLDER / "organisation.yaml", AGENTS, capacity=3, offer_timeout="30s"
        )
        site = Site(FOLDER / f"site-{more_brokers + 1}", Ports.free(), organisation)
        brokers = [(p.kafka, p.kafka_controller) for p in (Ports.free() for _ in range(more_brokers))]
        stack = Stack(site, brokers=brokers)
        mail = MailServer(Ports.free().smtp)
        stack.extra_settings = extra_settings(mail)
        try:
            async with mail.open():
                await asyncio.to_thread(stack.start)
                stand = Stand(stack, mail, self.seed, self.report)
                await self._find_rate(stand)
                for fault in faults:
                    self.report(f"[bold]{fault.name}[/bold]")
                    self._add(await stand.trial(fault))
        finally:
            await asyncio.to_thread(stack.stop)

    async def _find_rate(self, stand: Stand) -> None:
        """The load during a fault: a quarter of the throughput, at most half of what the entry points accept and half a core sends."""
        async with Flow(stand.stack) as flow, Customers(stand.stack, stand.next_run(), SENDERS) as customers:
            planned = messages(stand.trials, MEASURED, stand.per_second, stand.seed)
            await customers.sign_in(planned)
            before = await flow.end_offsets()
            await flow.hold_relays()
            used, began = sum(psutil.Process().cpu_times()[:2]), time.monotonic()
            await customers.send_all(planned)
            accepted = MEASURED / (time.monotonic() - began)
            sent_by_core = MEASURED / (sum(psutil.Process().cpu_times()[:2]) - used)
            await flow.release_relays()
            await flow.quiet(QUIET_S)
            records = await flow.records(before, ["interactions"])
            first = min(record.timestamp for record in records) / 1000
            throughput = MEASURED / ((await flow.last_consumed_at()).timestamp() - first)
        limit = self.max_rate or throughput
        stand.per_second = min(throughput / 4, sent_by_core / 2, accepted / 2, limit)
        self.report(
            f"throughput {throughput:,.0f}/s, the entry points accept {accepted:.0f}/s, one core sends {sent_by_core:.0f}/s: "
            f"[bold]{stand.per_second:.0f}/s[/bold] are sent during each fault"
        )


def main() -> int:
    """Runs the stand. Returns 1 when a count of a result that must be zero is not, else 0."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a few short faults, in under three minutes")
    parser.add_argument("--only", default="", help="names of faults, separated by commas")
    parser.add_argument("--seed", type=int, default=None, help="repeats the random choices of a run")
    parser.add_argument("--rate", type=float, default=None, help="the most messages a second")
    parser.add_argument("--minutes", type=float, default=5, help="how long histories of cases are played")
    arguments = parser.parse_args()
    only = [name for name in arguments.only.split(",") if name]
    if unknown := set(only) - names():
        parser.error(
            f"unknown faults {', '.join(sorted(unknown))}; the faults are {', '.join(sorted(names()))}"
        )
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(10**6)
    run = Run(seed, arguments.quick, only, arguments.rate, arguments.minutes)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers go down on purpose
    try:
        asyncio.run(run.all())
    finally:
        if run.results:
            results.write(run.results, RESULTS)
            results.show(run.results, CONSOLE, f"Faults and what they did (seed {seed})")
    return 1 if any(result.wrong for result in run.results) else 0


if __name__ == "__main__":
    sys.exit(main())
