"""`make bench`: measures a fresh copy of Antiphon on this machine and prints what it found."""

import argparse
import asyncio
import contextlib
import secrets
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import NamedTuple

from rich.console import Console

from antiphon.service_names import SERVICES
from deploy.site import PROJECT, Ports, Site
from deploy.stack import Stack
from tests.load import doors, figures, latency, meter, profile, throughput
from tests.load.desks import Desks, staffed
from tests.load.feed import feed
from tests.load.figures import Figure
from tests.load.flow import Flow
from tests.load.history import History
from tests.load.latency import Percentiles
from tests.load.traffic import plan

CONSOLE = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 180)
FOLDER = PROJECT / ".antiphon" / "bench"
CAUGHT_UP_S = 30
PARTS = ("latency", "desktops", "doors", "throughput", "growth")


class Sizes(NamedTuple):
    """How much is done."""

    warm_up: int
    interactions: int
    latency_s: int
    through_a_door: int
    grown_by: int
    histories: Sequence[tuple[str, int]]
    backlog: int
    agents: int = 300


FULL = Sizes(
    3_000, 50_000, 60, 5_000, 20_000, (("10k", 10_000), ("100k", 100_000), ("1m", 1_000_000)), 100_000
)
QUICK = Sizes(1_000, 5_000, 15, 1_000, 5_000, (("10k", 10_000), ("100k", 100_000)), 20_000)
# Every part once, to see that it is right: its figures say little.
SHORT = Sizes(300, 500, 5, 100, 1_000, (("2k", 2_000), ("4k", 4_000)), 2_000, agents=50)


@dataclass
class Bench:
    """A run: a stack, and what was found so far."""

    stack: Stack
    sizes: Sizes
    parts: Sequence[str]
    found: list[Figure] = field(default_factory=list[Figure])
    began: float = field(default_factory=time.monotonic)
    run: str = field(default_factory=lambda: secrets.token_hex(3))
    ceilings: list[throughput.BareHop] = field(default_factory=list[throughput.BareHop])
    peak: dict[str, int] = field(default_factory=dict[str, int])
    first: tuple[float, float, float] | None = None

    def tell(self, line: str) -> None:
        """A line of progress."""
        passed = time.monotonic() - self.began
        CONSOLE.print(f"[dim]{passed // 60:3.0f}:{passed % 60:02.0f}[/dim]  {line}")

    def add(self, figure: Figure) -> None:
        """Keeps a figure, and tells it."""
        self.found.append(figure)
        ratio = "" if figure.ratio is None else f" ({figure.ratio:.3f} of {figure.baseline:,.3g})"
        self.tell(f"[bold]{figure.figure}[/bold] {figure.value:,.3g} {figure.unit}{ratio}")

    async def all(self) -> None:
        """The parts, in an order in which one does not spoil the next."""
        stack = self.stack
        self.tell("starting PostgreSQL, Kafka, the world")
        await asyncio.to_thread(stack.start_ground)
        await asyncio.to_thread(meter.count_statements, stack)
        await self.ceiling()
        self.tell("starting the services")
        for service in SERVICES:
            stack.start_service(service, wait=False)
        for service in SERVICES:
            await asyncio.to_thread(stack.wait_ready, service)
        async with all_alive(stack), Flow(stack) as flow, meter.peak_memory(stack) as self.peak:
            await asyncio.sleep(3)
            self.memory("memory_rest", meter.memory(stack), 150)
            desks = Desks(stack, flow, self.sizes.agents)
            through_doors = await self.warm_up(flow)
            history = History(stack, flow)
            # First what agents need room for: nobody answers, and they hold what came before.
            if "latency" in self.parts:
                await self.latency(flow, desks, "latency", 20)
                await self.latency(flow, desks, "latency_half", through_doors / 2)
            if "desktops" in self.parts:
                await self.desktops(flow, desks)
            if "growth" in self.parts:
                await self.grow(flow, history, self.sizes.histories[:1])
            if "doors" in self.parts:
                await self.doors(flow)
            if "throughput" in self.parts:
                await self.watched(flow, await self.throughput(flow))
            if "growth" in self.parts:
                await self.grow(flow, history, self.sizes.histories[1:])
                waiting = await history.wait_to(self.sizes.backlog)
                name = f"growth_backlog_{self.sizes.backlog // 1000}k"
                await self.fed(flow, name, f"{waiting:,} items waiting")
            self.memory("memory_max", {name: self.peak[name] for name in SERVICES}, 300)

    async def ceiling(self) -> None:
        """One bare hop; measured again beside what is compared with it, since machines are noisy."""
        bare = await throughput.bare_hop(self.stack, 20_000)
        self.ceilings.append(bare)
        self.tell(
            f"ceiling of one bare hop: {bare.per_second:,.0f}/s, {bare.cpu_per_1000:.3f} CPU-s per 1,000"
        )

    async def warm_up(self, flow: Flow) -> float:
        """The first traffic through the doors; how many they take per second."""
        count = self.sizes.warm_up
        self.tell(f"{count:,} interactions through the doors, to warm up")
        drained = await throughput.drain(self.stack, flow, self.run, plan(count, count // 10, 1))
        return count / drained.door_seconds

    async def latency(self, flow: Flow, desks: Desks, name: str, per_second: float) -> None:
        """Percentiles of the whole way, and of each hop."""
        count = int(self.sizes.latency_s * per_second)
        agents = self.sizes.agents
        self.tell(
            f"{count:,} interactions at {per_second:.0f}/s, each to be offered to one of {agents} agents"
        )
        found = await latency.measure(self.stack, flow, desks, secrets.token_hex(3), count, per_second)
        for hop, times in found.items():
            self.tell(
                f"  {hop:<12} p50 {times.p50:6.1f}  p95 {times.p95:6.1f}  p99 {times.p99:6.1f} ms after accepted"
            )
        whole = found["offered"]
        strict = name == "latency"
        if strict:
            await self.in_hops(whole, count, per_second)
        note = f"accepted → offered at {per_second:.0f}/s"
        self.add(Figure(f"{name}_p50", whole.p50, "ms", target="<= 50" if strict else None, note=note))
        self.add(Figure(f"{name}_p95", whole.p95, "ms", note=note))
        self.add(Figure(f"{name}_p99", whole.p99, "ms", target="<= 150" if strict else None, note=note))
        for hop, times in found.items():
            self.found.append(
                Figure(f"{name}_{hop.replace(' ', '_')}_p99", times.p99, "ms", note=f"p50 {times.p50:.0f}")
            )

    async def in_hops(self, whole: Percentiles, count: int, per_second: float) -> None:
        """The whole way beside one bare hop at the same rate: how slow a machine is concerns both."""
        bare = await throughput.bare_hop(self.stack, count, per_second)
        note = "÷ one bare hop; the bound is {} ms where such a hop takes {}"
        fifty, ninety_nine = note.format(50, 4), note.format(150, 14)
        self.add(Figure("latency_in_hops_p50", whole.p50, "ms", bare.p50_ms, "<= 12.5", fifty))
        self.add(Figure("latency_in_hops_p99", whole.p99, "ms", bare.p99_ms, "<= 10.7", ninety_nine))

    async def desktops(self, flow: Flow, desks: Desks) -> None:
        """Live streams of all agents while work comes in."""
        self.tell(f"{self.sizes.agents} desktops follow their live streams at 20/s")
        async with desks.watched() as watching:
            await latency.measure(
                self.stack, flow, desks, secrets.token_hex(3), self.sizes.latency_s * 20, 20
            )
            seen = await desks.compare(watching)
            for _ in range(CAUGHT_UP_S):
                if seen.wrong:
                    await asyncio.sleep(1)
                    seen = await desks.compare(watching)
        note = f"{seen.deliveries:,} deliveries of {seen.changes:,} changes, {seen.wrong} missed or doubled"
        self.add(Figure("desktops_p50", seen.p50_ms, "ms", note=note))
        self.add(Figure("desktops_p99", seen.p99_ms, "ms", note=note))
        self.add(Figure("desktops_wrong", seen.wrong, "changes", target="<= 0", note=note))

    async def doors(self, flow: Flow) -> None:
        """Each door beside a bare one, while nothing is published."""
        await flow.hold()
        count, folder = self.sizes.through_a_door, FOLDER / "bare"
        mails = await doors.smtp(self.stack, secrets.token_hex(3), count, folder)
        self.add(
            Figure("door_smtp", mails.ours, "mails/s", mails.bare, ">= 0.3", "bare aiosmtpd, write and fsync")
        )
        notes = await doors.direct(self.stack, secrets.token_hex(3), count, folder)
        self.add(
            Figure("door_direct", notes.ours, "requests/s", notes.bare, None, "bare FastAPI, write and fsync")
        )
        await flow.release()
        await flow.quiet(throughput.PATIENCE_S)

    async def throughput(self, flow: Flow) -> str:
        """The main figure; returns the service that used the most."""
        count = self.sizes.interactions
        self.tell(f"{count:,} interactions of {count // 10:,} customers through the three doors")
        drained = await throughput.drain(self.stack, flow, secrets.token_hex(3), plan(count, count // 10, 2))
        await throughput.agree(flow, drained)
        await self.ceiling()
        ceiling = mean(bare.per_second for bare in self.ceilings)
        self.add(
            Figure(
                "throughput",
                drained.per_second,
                "interactions/s",
                ceiling,
                ">= 0.15",
                "all hops ÷ one bare hop",
            )
        )
        self.add(
            Figure("cpu_per_1000", drained.cpu_per_1000, "CPU-s", target="<= 1.2", note="after the doors")
        )
        bare_cpu = mean(bare.cpu_per_1000 for bare in self.ceilings)
        note = "÷ one bare hop; the bound is 1.2 where such a hop takes 0.07"
        self.add(Figure("cpu_in_hops", drained.cpu_per_1000, "CPU-s", bare_cpu, "<= 17", note))
        for process, used in sorted(drained.used.cpu_s.items(), key=lambda each: -each[1]):
            self.add(Figure(f"cpu_per_1000_{process}", used / count * 1000, "CPU-s"))
        doors_cpu = sum(drained.door_used.cpu_s.values()) / count * 1000
        self.add(Figure("cpu_per_1000_doors", doors_cpu, "CPU-s", note="taking them in, all processes"))
        self.add(
            Figure(
                "doors",
                count / drained.door_seconds,
                "interactions/s",
                note="all three at once, from one client",
            )
        )
        self.add(Figure("statements", drained.used.statements / count, "per interaction"))
        self.add(Figure("wal", drained.used.wal_bytes / count, "bytes per interaction"))
        for process, used in self.peak.items():
            self.found.append(Figure(f"memory_peak_{process}", used / 2**20, "MiB"))
        return max(SERVICES, key=lambda service: drained.used.cpu_s.get(service, 0))

    async def grow(self, flow: Flow, history: History, to: Sequence[tuple[str, int]]) -> None:
        """The same with more and more history."""
        for name, interactions in to:
            held = await history.grow_to(interactions)
            await self.fed(flow, f"growth_history_{name}", f"{held:,} interactions of history")

    async def fed(self, flow: Flow, name: str, what: str) -> None:
        """A drain from the outbox of one door, beside a bare hop: the ratio to the first is of what both took."""
        await self.ceiling()
        messages = plan(self.sizes.grown_by, self.sizes.grown_by // 10, 3)
        self.tell(f"{len(messages):,} interactions with {what}")
        await flow.hold()
        await feed(self.stack, secrets.token_hex(3), messages)
        drained = await throughput.publish(self.stack, flow, len(messages))
        target, baseline, cpu = None, None, None
        if self.first is not None:
            rate, bare, cpu = self.first
            target, baseline = ">= 0.85", rate * self.ceilings[-1].per_second / bare
        else:
            self.first = drained.per_second, self.ceilings[-1].per_second, drained.cpu_per_1000
        note = f"{what}; the baseline is that of the first, by the ceiling beside each"
        self.add(Figure(name, drained.per_second, "interactions/s", baseline, target, note))
        self.add(Figure(f"{name}_cpu", drained.cpu_per_1000, "CPU-s", cpu, None, "per 1,000"))

    async def watched(self, flow: Flow, hottest: str) -> None:
        """A profile of the service that used the most."""
        messages = plan(self.sizes.grown_by, self.sizes.grown_by // 10, 4)
        self.tell(f"{len(messages):,} interactions with {hottest} watched")
        await flow.hold()
        await feed(self.stack, secrets.token_hex(3), messages)
        path = FOLDER / f"profile-{hottest}"
        async with profile.sampled(self.stack.services[hottest].pid or 0, path):
            await throughput.publish(self.stack, flow, len(messages))
        self.tell(f"profile of {hottest}: {path.relative_to(PROJECT)}.txt")

    def memory(self, name: str, used: dict[str, int], most: int) -> None:
        """The most that one service holds."""
        service = max(SERVICES, key=lambda each: used[each])
        self.add(Figure(name, used[service] / 2**20, "MiB", target=f"<= {most}", note=service))


@contextlib.asynccontextmanager
async def all_alive(stack: Stack) -> AsyncGenerator[None]:
    """Ends what is in it with an AssertionError when a service dies: its work would be waited for until patience ends."""

    async def watch() -> None:
        while True:
            dead = [service for service in SERVICES if stack.services[service].pid is None]
            assert not dead, f"died: {', '.join(dead)}; {stack.services[dead[0]].last_words()}"
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        yield
        watching.cancel()


async def bench(sizes: Sizes, parts: Sequence[str]) -> list[Figure]:
    """Runs all of it on a fresh site."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    organisation = staffed(FOLDER / "organisation.yaml", sizes.agents)
    stack = Stack(Site(FOLDER / "site", Ports.free(), organisation))
    run = Bench(stack, sizes, parts)
    try:
        await run.all()
    finally:
        await asyncio.to_thread(stack.stop)
        shutil.rmtree(FOLDER / "bare", ignore_errors=True)
    return run.found


def main() -> int:
    """Runs the bench; 0 when nothing was lost, doubled or missed, whatever was fast or slow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under ten minutes")
    parser.add_argument(
        "--short", action="store_true", help="a minute or two: whether it is right, not how fast"
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}, with commas")
    given = parser.parse_args()
    parts = given.only.split(",")
    if unknown := sorted({*parts} - {*PARTS}):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    found = asyncio.run(bench(SHORT if given.short else QUICK if given.quick else FULL, parts))
    figures.write(found, PROJECT / ".antiphon" / "bench.jsonl")
    figures.show(found, CONSOLE, "Antiphon, measured on this machine")
    return 1 if any(each.figure == "desktops_wrong" and each.value for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
