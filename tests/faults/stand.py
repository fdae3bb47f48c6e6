"""The stand: a stack under steady load, on which one fault after the other is made and judged."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from antiphon.process.clock import utc_now
from antiphon.service_names import SERVICES
from deploy.stack import Stack
from deploy.status import counts, disagreements
from tests.faults import deadlocks
from tests.faults.answers import compare_answers
from tests.faults.found import Found
from tests.faults.mailhost import MailHost
from tests.faults.recovery import Watch
from tests.faults.speech import APART, Speech, messages
from tests.faults.staff import Staff
from tests.faults.strikes import Strike
from tests.faults.trouble import CannotBeMadeError
from tests.faults.verdict import Marks, compare_words, compare_work
from tests.load.flow import Flow
from tests.load.traffic import Channel, Doors, Message

Tell = Callable[[str], None]
AGENTS, ANSWER_EVERY_S = 6, 1.5
LEAD_S, TAIL_S = 3.0, 3.0
DOOR_PATIENCE_S = 5.0
LONGEST_S = 400
QUIET_S = 180
SUPERVISE_EVERY_S = 0.5


@dataclass(frozen=True)
class Fault:
    """What is done, and how it is seen that it works again: a message through a door, or an answer that leaves.

    `supervised`: what dies is started again at once. `replicas` that customers and agents find.
    """

    name: str
    strike: Callable[["Stand", Tell], Strike]
    through: Channel | None = "direct"
    by_answer: bool = False
    supervised: bool = True
    replicas: int = 1


@dataclass
class Stand:
    """A running stack, its mail server, the dice, and how much customers say per second."""

    stack: Stack
    mail: MailHost
    seed: int
    tell: Tell
    per_second: float = 20
    trials: int = 0
    dice: random.Random = field(init=False)
    _run: int = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - faults, not secrets
        # The last two digits of a run's number are in its customers' phone numbers: no two trials share them.
        self._run = self.dice.randrange(16**5) // 100 * 100

    def next_run(self) -> str:
        """A name for the customers of one trial, which no other trial has."""
        self.trials += 1
        return f"{self._run + self.trials:06x}"

    async def trial(self, fault: Fault) -> Found:
        """Makes one fault under load, waits until all is quiet, and compares ledgers with records."""
        run = self.next_run()
        found = Found(fault.name, self.seed, per_second=round(self.per_second, 1))
        began, logged = time.monotonic(), deadlocks.place(self.stack)
        async with Flow(self.stack) as flow:
            marks = await Marks.now(flow, utc_now())
        planned = messages(
            self.trials, int(self.per_second * LONGEST_S), self.per_second, self.dice.randrange(2**32)
        )
        async with Doors(self.stack, run, patience_s=DOOR_PATIENCE_S, replicas=fault.replicas) as doors:
            probe = self._probe(fault.through)
            await doors.sign_in([*planned, probe])
            staff = Staff(self.stack, AGENTS, self.trials * APART, ANSWER_EVERY_S, fault.replicas)
            async with self._at_work(found, Speech(doors, planned, self.per_second), staff):
                await self._strike(fault, found, doors, staff, marks)
            found.sent, found.again = doors.ledger.count, sum(doors.ledger.again.values())
            if not found.skipped:
                await self._judge(found, doors, staff, marks)
        found.seconds = round(time.monotonic() - began, 1)
        found.deadlocks = deadlocks.since(self.stack, logged)
        return found

    def _probe(self, channel: Channel | None) -> Message:
        """A customer's first and only message."""
        return Message(self.trials * APART + APART - 1, APART + self.trials, 0, channel or "direct", None)

    @contextlib.asynccontextmanager
    async def _at_work(self, found: Found, speech: Speech, staff: Staff) -> AsyncGenerator[None]:
        """Customers speak and agents answer while entered; leaving waits until each has finished."""
        speaking, answering = asyncio.create_task(speech.run()), asyncio.create_task(staff.run())
        try:
            await asyncio.sleep(LEAD_S)
            yield
        finally:
            speech.stop()
            staff.stop()
            _, late = await asyncio.wait([speaking, answering], timeout=QUIET_S)
            for task in late:
                task.cancel()
            if late:
                found.unanswered += len(late)
                found.notes.append("a door or an API was not well again in time")
        for task in (speaking, answering):
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _strike(self, fault: Fault, found: Found, doors: Doors, staff: Staff, marks: Marks) -> None:
        try:
            async with (
                fault.strike(self, found.notes.append) as over,
                self._supervised(found, on=fault.supervised),
            ):
                if over is not None and fault.by_answer:
                    found.recovery_s = await self._answered(staff, over)
                elif over is not None and fault.through is not None:
                    watch = Watch(self.stack, marks.entry)
                    well = await watch.well_again(doors, self._probe(fault.through))
                    found.recovery_s = None if well is None else round(well - over, 2)
                if over is not None and found.recovery_s is None:
                    found.notes.append("was not well again in time")
                await asyncio.sleep(TAIL_S)
        except CannotBeMadeError as reason:
            found.skipped = str(reason)

    async def _answered(self, staff: Staff, over: float) -> float | None:
        """Seconds until an answer that was written after `over` (the loop's time is the monotonic clock) has left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIET_S):
                while True:
                    fresh = {a.token for a in staff.ledger if a.at > over and a.channel == "email"}
                    left = [
                        taken.at for taken in self.mail.taken if taken.answer in fresh and taken.at > over
                    ]
                    if left:
                        return round(min(left) - over, 2)
                    await asyncio.sleep(0.1)
        return None

    @contextlib.asynccontextmanager
    async def _supervised(self, found: Found, *, on: bool) -> AsyncGenerator[None]:
        """What dies by itself is started again while entered, and counted."""

        async def watch() -> None:
            while True:
                found.crashes += len(await asyncio.to_thread(self.stack.restart_dead, found.notes.append))
                await asyncio.sleep(SUPERVISE_EVERY_S)

        watching = asyncio.create_task(watch()) if on else None
        try:
            yield
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _judge(self, found: Found, doors: Doors, staff: Staff, marks: Marks) -> None:
        async with self._supervised(found, on=True), Flow(self.stack) as flow:
            try:
                await self._settled(flow)
            except TimeoutError:
                found.notes.append(f"not quiet after {QUIET_S} s")
            cases = await compare_words(flow, doors, marks, found)
            await compare_work(flow, cases, marks, found)
            await compare_answers(self.stack, flow, doors, staff.ledger, self.mail, found)
            wrong = disagreements(await asyncio.to_thread(counts, self.stack.site))
            found.disagreements = len(wrong)
            found.notes += wrong

    async def _settled(self, flow: Flow) -> None:
        """No answer waits to be sent, and all is quiet."""
        async with asyncio.timeout(QUIET_S):
            while True:
                await flow.quiet(QUIET_S)
                waiting = 0
                for service in ("ingest-email", "ingest-social"):
                    (row,) = await flow.ask(
                        service, "select count(*) as n from outgoing_reply where state = 'waiting'"
                    )
                    waiting += row["n"]
                if not waiting:
                    return await flow.quiet(QUIET_S)
                await asyncio.sleep(0.5)


def told_to_services(mail: MailHost) -> dict[str, dict[str, str]]:
    """What the stand's services are told besides: their relay is our mail server, and a failed sending is soon repeated."""
    told: dict[str, dict[str, str]] = {service: {} for service in SERVICES}
    told["ingest-email"] = {
        "INGEST_EMAIL_RELAY_PORT": str(mail.port),
        "INGEST_EMAIL_SEND_TIMEOUT": "PT10S",
        "INGEST_EMAIL_RETRY_FIRST_AFTER": "PT1S",
        "INGEST_EMAIL_RETRY_AT_MOST_EVERY": "PT4S",
    }
    return told
