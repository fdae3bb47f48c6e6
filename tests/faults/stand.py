"""The stand: a stack under steady load, in which one fault after another is injected and its results are checked."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from antiphon.process.clock import utc_now
from antiphon.service_names import SERVICES
from deploy.accounting import disagreements
from deploy.stack import Stack
from deploy.status import counts
from tests.faults import deadlocks
from tests.faults.agents import Agents
from tests.faults.check_answers import compare_answers
from tests.faults.check_records import Positions, compare_messages, compare_work
from tests.faults.injections import FaultNotPossibleError, Injection
from tests.faults.mail_server import MailServer
from tests.faults.recovery import RecoveryWatch
from tests.faults.result import FaultResult
from tests.faults.steady_load import NUMBERS_PER_TRIAL, SteadyLoad, messages
from tests.load.flow import Flow
from tests.load.traffic import Channel, Customers, Message

Report = Callable[[str], None]
AGENTS, ANSWER_EVERY_S = 6, 1.5
LEAD_S, TAIL_S = 3.0, 3.0
ANSWER_WITHIN_S = 5.0
LONGEST_S = 400
QUIET_S = 180
SUPERVISE_EVERY_S = 0.5


@dataclass(frozen=True)
class Fault:
    """A fault, and how its recovery is measured: by a message on the channel `through`, or by an answer that is sent.

    `supervised`: a process that dies is started again at once. `replicas` of each service get the requests of customers and agents.
    """

    name: str
    inject: Callable[["Stand", Report], Injection]
    through: Channel | None = "direct"
    by_answer: bool = False
    supervised: bool = True
    replicas: int = 1


@dataclass
class Stand:
    """A running stack, the mail server that receives its answers, and the messages that customers send in a second."""

    stack: Stack
    mail: MailServer
    seed: int
    report: Report
    per_second: float = 20
    trials: int = 0
    dice: random.Random = field(init=False)
    _run: int = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - faults, not secrets
        # The run's number is in its customers' phone numbers. Its last two digits count the trials: no two trials share numbers.
        self._run = self.dice.randrange(16**5) // 100 * 100

    def next_run(self) -> str:
        """A name for the customers of one trial. No other trial has it."""
        self.trials += 1
        return f"{self._run + self.trials:06x}"

    async def trial(self, fault: Fault) -> FaultResult:
        """Injects a fault under load, waits until all events are consumed, and compares the ledgers with the records."""
        run = self.next_run()
        result = FaultResult(fault.name, self.seed, per_second=round(self.per_second, 1))
        began, log_offset = time.monotonic(), deadlocks.log_size(self.stack)
        async with Flow(self.stack) as flow:
            positions = await Positions.now(flow, utc_now())
        planned = messages(
            self.trials, int(self.per_second * LONGEST_S), self.per_second, self.dice.randrange(2**32)
        )
        async with Customers(
            self.stack, run, timeout_s=ANSWER_WITHIN_S, replicas=fault.replicas
        ) as customers:
            probe = self._probe(fault.through)
            await customers.sign_in([*planned, probe])
            first_token = self.trials * NUMBERS_PER_TRIAL
            agents = Agents(self.stack, AGENTS, first_token, ANSWER_EVERY_S, fault.replicas)
            async with self._under_load(result, SteadyLoad(customers, planned, self.per_second), agents):
                await self._inject(fault, result, customers, agents, positions)
            result.sent, result.resent = customers.ledger.count, sum(customers.ledger.resent.values())
            if not result.skipped:
                await self._check(result, customers, agents, positions)
        result.seconds = round(time.monotonic() - began, 1)
        result.deadlocks = deadlocks.since(self.stack, log_offset)
        return result

    def _probe(self, channel: Channel | None) -> Message:
        """The only message of a customer of its own."""
        number = (self.trials + 1) * NUMBERS_PER_TRIAL - 1
        return Message(number, NUMBERS_PER_TRIAL + self.trials, 0, channel or "direct", None)

    @contextlib.asynccontextmanager
    async def _under_load(
        self, result: FaultResult, load: SteadyLoad, agents: Agents
    ) -> AsyncGenerator[None]:
        """Customers send and agents answer while entered; leaving waits until they have stopped."""
        sending, answering = asyncio.create_task(load.run()), asyncio.create_task(agents.run())
        try:
            await asyncio.sleep(LEAD_S)
            yield
        finally:
            load.stop()
            agents.stop()
            _, late = await asyncio.wait([sending, answering], timeout=QUIET_S)
            for task in late:
                task.cancel()
            if late:
                result.unanswered += len(late)
                result.notes.append(f"an entry point or an API did not work again within {QUIET_S} s")
        for task in (sending, answering):
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _inject(
        self, fault: Fault, result: FaultResult, customers: Customers, agents: Agents, positions: Positions
    ) -> None:
        try:
            async with (
                fault.inject(self, result.notes.append) as over,
                self._supervised(result, on=fault.supervised),
            ):
                if over is not None and fault.by_answer:
                    result.recovery_s = await self._answered(agents, over)
                elif over is not None and fault.through is not None:
                    watch = RecoveryWatch(self.stack, positions.entry)
                    recovered = await watch.recovered_at(customers, self._probe(fault.through))
                    result.recovery_s = None if recovered is None else round(recovered - over, 2)
                if over is not None and result.recovery_s is None:
                    result.notes.append("did not recover in time")
                await asyncio.sleep(TAIL_S)
        except FaultNotPossibleError as reason:
            result.skipped = str(reason)

    async def _answered(self, agents: Agents, over: float) -> float | None:
        """Seconds until a mail with an answer from after `over` (monotonic clock, as loop time) was sent; None after `QUIET_S`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIET_S):
                while True:
                    later = {a.token for a in agents.ledger if a.at > over and a.channel == "email"}
                    sent = [mail.at for mail in self.mail.accepted if mail.answer in later and mail.at > over]
                    if sent:
                        return round(min(sent) - over, 2)
                    await asyncio.sleep(0.1)
        return None

    @contextlib.asynccontextmanager
    async def _supervised(self, result: FaultResult, *, on: bool) -> AsyncGenerator[None]:
        """While entered, starts each process again that dies by itself, and counts it as a crash."""

        async def watch() -> None:
            while True:
                result.crashes += len(await asyncio.to_thread(self.stack.restart_dead, result.notes.append))
                await asyncio.sleep(SUPERVISE_EVERY_S)

        watching = asyncio.create_task(watch()) if on else None
        try:
            yield
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _check(
        self, result: FaultResult, customers: Customers, agents: Agents, positions: Positions
    ) -> None:
        async with self._supervised(result, on=True), Flow(self.stack) as flow:
            try:
                await self._quiet(flow)
            except TimeoutError:
                result.notes.append(f"events were still in transit after {QUIET_S} s")
            cases = await compare_messages(flow, customers, positions, result)
            await compare_work(flow, cases, positions, result)
            await compare_answers(self.stack, flow, customers, agents.ledger, self.mail, result)
            wrong = disagreements(await asyncio.to_thread(counts, self.stack.site))
            result.disagreements = len(wrong)
            result.notes += wrong

    async def _quiet(self, flow: Flow) -> None:
        """Returns when all events are consumed and no answer waits to be sent. Raises TimeoutError."""
        async with asyncio.timeout(QUIET_S):
            while True:
                await flow.quiet(QUIET_S)
                waiting = 0
                for service in ("ingest-email", "ingest-social"):
                    (row,) = await flow.query(
                        service, "select count(*) as n from outgoing_reply where state = 'waiting'"
                    )
                    waiting += row["n"]
                if not waiting:
                    return await flow.quiet(QUIET_S)
                await asyncio.sleep(0.5)


def extra_settings(mail: MailServer) -> dict[str, dict[str, str]]:
    """Settings of the stand's services: ingest-email sends to this mail server, and soon repeats a sending that failed."""
    settings: dict[str, dict[str, str]] = {service: {} for service in SERVICES}
    settings["ingest-email"] = {
        "INGEST_EMAIL_RELAY_PORT": str(mail.port),
        "INGEST_EMAIL_SEND_TIMEOUT": "PT10S",
        "INGEST_EMAIL_RETRY_FIRST_AFTER": "PT1S",
        "INGEST_EMAIL_RETRY_AT_MOST_EVERY": "PT4S",
    }
    return settings
