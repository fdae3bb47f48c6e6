"""`make faults`: breaks a fresh copy of Antiphon under load, one thing after the other, and shows what survived."""

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
from tests.faults import found as results
from tests.faults.catalogue import FOLDER, RUSH, catalogue, catalogue_of_cluster, names
from tests.faults.found import Found
from tests.faults.mailhost import MailHost
from tests.faults.rush import run as rush
from tests.faults.speech import HANDS, messages
from tests.faults.stand import AGENTS, Fault, Stand, told_to_services
from tests.load.desks import staffed
from tests.load.flow import Flow
from tests.load.traffic import Doors

CONSOLE = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 220)
SPOKEN = 1000
SHOWN = 40
QUIET_S = 300
RESULTS = PROJECT / ".antiphon" / "faults.jsonl"


@dataclass
class Run:
    """One run of the stand. `only` names the faults that are made, all when empty; `at_most` is said in a second, if given."""

    seed: int
    quick: bool
    only: Sequence[str]
    at_most: float | None = None
    found: list[Found] = field(default_factory=list[Found])
    began: float = field(default_factory=time.monotonic)

    def tell(self, line: str) -> None:
        """A line of progress."""
        passed = time.monotonic() - self.began
        CONSOLE.print(f"[dim]{passed // 60:3.0f}:{passed % 60:02.0f}[/dim]  {line}")

    async def all(self) -> None:
        """Every fault that was asked for, on a stack of its own kind."""
        if task := asyncio.current_task():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        self.tell(f"seed {self.seed}")
        shutil.rmtree(FOLDER, ignore_errors=True)
        await self._on_a_stack("one broker", self._wanted(catalogue(quick=self.quick)), 0)
        if not self.quick or self.only:
            await self._on_a_stack("three brokers", self._wanted(catalogue_of_cluster()), 2)
            if not self.only or RUSH in self.only:
                await self._rush()

    async def _rush(self) -> None:
        self.tell(f"starting three replicas of routing alone\n[bold]{RUSH}[/bold]")
        sizes = rush.QUICK if self.quick else rush.WHOLE
        self._note(await rush.Rush(sizes, self.seed, self.tell).run())

    def _note(self, found: Found) -> None:
        self.found.append(found)
        results.write(self.found, RESULTS)
        self.tell(f"  {'[red]✗[/red]' if found.wrong else '[green]✓[/green]'} {found.line()}")
        for note in found.notes[:SHOWN]:
            self.tell(f"    [dim]{escape(note)}[/dim]")

    def _wanted(self, faults: Sequence[Fault]) -> list[Fault]:
        return [fault for fault in faults if not self.only or fault.name in self.only]

    async def _on_a_stack(self, what: str, faults: Sequence[Fault], more_brokers: int) -> None:
        if not faults:
            return
        self.tell(f"starting everything, with {what}")
        organisation = staffed(FOLDER / "organisation.yaml", AGENTS, capacity=3, offer_timeout="30s")
        site = Site(FOLDER / f"site-{more_brokers + 1}", Ports.free(), organisation)
        brokers = [(p.kafka, p.kafka_controller) for p in (Ports.free() for _ in range(more_brokers))]
        stack = Stack(site, brokers=brokers)
        mail = MailHost(Ports.free().smtp)
        stack.told = told_to_services(mail)
        try:
            async with mail.open():
                await asyncio.to_thread(stack.start)
                stand = Stand(stack, mail, self.seed, self.tell)
                await self._find_rate(stand)
                for fault in faults:
                    self.tell(f"[bold]{fault.name}[/bold]")
                    self._note(await stand.trial(fault))
        finally:
            await asyncio.to_thread(stack.stop)

    async def _find_rate(self, stand: Stand) -> None:
        """A quarter of the throughput, but no more than this side can say with half a core, or half of what doors take."""
        async with Flow(stand.stack) as flow, Doors(stand.stack, stand.next_run(), HANDS) as doors:
            said = messages(stand.trials, SPOKEN, stand.per_second, stand.seed)
            await doors.sign_in(said)
            marks = await flow.marks()
            await flow.hold()
            used, began = sum(psutil.Process().cpu_times()[:2]), time.monotonic()
            await doors.say_all(said)
            taken = SPOKEN / (time.monotonic() - began)
            saying = SPOKEN / (sum(psutil.Process().cpu_times()[:2]) - used)
            await flow.release()
            await flow.quiet(QUIET_S)
            records = await flow.records(marks, ["interactions"])
            first = min(record.timestamp for record in records) / 1000
            throughput = SPOKEN / ((await flow.heard_last()).timestamp() - first)
        stand.per_second = min(throughput / 4, saying / 2, taken / 2, self.at_most or throughput)
        self.tell(
            f"throughput {throughput:,.0f}/s, doors take {taken:.0f}/s, one core says {saying:.0f}/s: "
            f"[bold]{stand.per_second:.0f}/s[/bold] are said during each fault"
        )


def main() -> int:
    """Runs the stand; 1 when anything was lost, doubled, out of order, astray, unanswered, dead-lettered or crashed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a few short faults, in under three minutes")
    parser.add_argument("--only", default="", help="names of faults, separated by commas")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rate", type=float, default=None, help="messages a second, at most")
    given = parser.parse_args()
    only = [name for name in given.only.split(",") if name]
    known = names()
    if unknown := set(only) - known:
        parser.error(
            f"there are no faults {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
        )
    seed = given.seed if given.seed is not None else secrets.randbelow(10**6)
    run = Run(seed, given.quick, only, given.rate)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that brokers go away is what happens here
    try:
        asyncio.run(run.all())
    finally:
        if run.found:
            results.write(run.found, RESULTS)
            results.show(run.found, CONSOLE, f"What survived (seed {seed})")
    return 1 if any(found.wrong for found in run.found) else 0


if __name__ == "__main__":
    sys.exit(main())
