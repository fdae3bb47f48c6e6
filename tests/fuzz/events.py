"""Sends hostile events to the topics: each is handled or dead-lettered once with a reason, and the next good event is handled."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from antiphon.contracts.envelope import MAX_EVENT_BYTES
from antiphon.contracts.topics import TOPICS
from tests.fuzz.records import TARGETS, Case, Target, cases, follower
from tests.fuzz.result import AttackResult
from tests.fuzz.run import Run

PART = "events"
PARTITION = 0
AT_ONCE = 5
MOST_CPU_S = 5.0
# A consumer stops when it has more than a hundred dead letters within a minute.
DEAD_LETTERS_A_MINUTE = 70
WITHIN_S = 60
QUICK_BYTES = 2_000_000


async def _may_get_more(run: Run, service: str) -> bool:
    """Whether a service may get a few more dead letters without stopping because of their number."""
    query = "select count(*) as n from dead_letter where at > now() - interval '1 minute'"
    (row,) = await run.flow.query(service, query)
    return int(row["n"]) <= DEAD_LETTERS_A_MINUTE


class AttackedTopic:
    """A topic under attack."""

    def __init__(self, run: Run, target: Target) -> None:
        self.target = target
        self.readers = TOPICS[target.topic].readers
        # Events that routing or an ingest service publishes about an unknown case are dead letters of case-mgmt.
        self.may_dead_letter = (
            {*self.readers, "case-mgmt"} if target.topic in {"cases", "replies"} else {*self.readers}
        )
        self.row = AttackResult(PART, f"to topic {target.topic}")
        self.left: Iterator[Case] | None = (
            case
            for case in cases(target, run.dice(f"events:{target.topic}"))
            if not run.quick or target is TARGETS[0] or len(case.record.value or b"") < QUICK_BYTES
        )
        self.worst = 0.0
        self.used = 0.0

    async def next(self, run: Run, producer: AIOKafkaProducer) -> None:
        """Sends the next few records and checks what the readers do with them."""
        batch = list(islice(self.left or (), AT_ONCE))
        if not batch:
            self.left = None
            return
        before = run.cpu(self.target.reader)
        await _batch(run, producer, self.target, batch, self.row)
        used = run.cpu(self.target.reader) - before
        self.used += used
        self.worst = max(self.worst, used)
        if used > MOST_CPU_S * len(batch):
            names = ", ".join(case.name for case in batch)
            self.row.findings.append(f"{self.target.reader} took {used:.1f} CPU s for: {names}")


async def attack(run: Run) -> list[AttackResult]:
    """Sends a few records and a good event at a time, topic after topic, while there is time."""
    producer = AIOKafkaProducer(
        bootstrap_servers=run.stack.kafka.bootstrap, acks="all", max_request_size=16 * 2**20, linger_ms=5
    )
    async with producer:
        case_id = await _some_case(run, producer)
        topics = [
            AttackedTopic(run, t._replace(case_id=case_id) if t.topic == "work" else t) for t in TARGETS
        ]
        while run.left() > 0 and any(topic.left for topic in topics):
            waits = True
            for topic in topics:
                if topic.left and all(
                    [await _may_get_more(run, service) for service in topic.may_dead_letter]
                ):
                    await topic.next(run, producer)
                    waits = False
            if waits:
                await asyncio.sleep(0.5)
    for topic in topics:
        rest = sum(1 for _ in topic.left or ())
        topic.row.note = f"{topic.used:.1f} CPU s of {topic.target.reader}, worst batch {topic.worst:.2f}; {rest} not tried: no time left"
        run.report(f"  {topic.row.count:,} {topic.row.what}: {topic.row.note}")
    return [topic.row for topic in topics]


async def _some_case(run: Run, producer: AIOKafkaProducer) -> str:
    """The id of a new case."""
    (target,) = (each for each in TARGETS if each.topic == "identified-interactions")
    ident, record = follower(target)
    sent = await producer.send_and_wait(
        target.topic, record.value, record.key, PARTITION, headers=record.headers
    )
    await _reached(run, target.reader, target.topic, sent.offset + 1)
    query = "select case_id from case_interaction where interaction_id = $1"
    (row,) = await run.flow.query("case-mgmt", query, ident)
    return str(row["case_id"])


async def _batch(
    run: Run, producer: AIOKafkaProducer, target: Target, batch: Sequence[Case], row: AttackResult
) -> None:
    """Sends hostile records and a good one after them, and checks what the readers do with each."""
    readers = TOPICS[target.topic].readers
    offsets: dict[int, Case] = {}
    for case in batch:
        key, value, headers = case.record
        try:
            sent = await producer.send_and_wait(target.topic, value, key, PARTITION, headers=headers)
        except MessageSizeTooLargeError:
            row.expect(len(value or b"") > MAX_EVENT_BYTES, f"the broker refused {case.name} for its size")
            row.count -= 1
            continue
        offsets[sent.offset] = case
    ident, record = follower(target)
    sent = await producer.send_and_wait(
        target.topic, record.value, record.key, PARTITION, headers=record.headers
    )
    names = ", ".join(case.name for case in batch)
    for service in readers:
        holds = await _reached(run, service, target.topic, sent.offset + 1)
        row.expect(holds, f"{service} did not consume: {names}")
        row.count -= 1
    shown = await run.flow.query(target.reader, target.effect, ident)
    if not shown:
        row.findings.append(f"the good event after these had no effect in {target.reader}: {names}")
    for service in readers:
        query = 'select "offset", count(*) as n, max(reason) as reason from dead_letter where topic = $1 and partition = $2 and "offset" = any($3) group by 1'
        rows = await run.flow.query(service, query, target.topic, PARTITION, [*offsets, sent.offset])
        letters = {letter["offset"]: letter for letter in rows}
        for offset, case in offsets.items():
            letter = letters.get(offset)
            if case.dead is not None and service == target.reader and case.dead != (letter is not None):
                row.findings.append(
                    f"{service}, {case.name}: {'no' if case.dead else 'a'} dead letter {letter and letter['reason']}"
                )
            if letter is not None and (letter["n"] != 1 or not letter["reason"]):
                row.findings.append(
                    f"{service}, {case.name}: {letter['n']} dead letters, reason {letter['reason']!r}"
                )
        if sent.offset in letters:
            row.findings.append(
                f"{service}: the good event after these is a dead letter, {letters[sent.offset]['reason']}: {names}"
            )
    row.count += len(batch)


async def _reached(run: Run, service: str, topic: str, offset: int) -> bool:
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        rows = await run.flow.query(
            service,
            "select next_offset from consumer_progress where topic = $1 and partition = $2",
            topic,
            PARTITION,
        )
        if rows and rows[0]["next_offset"] >= offset:
            return True
        await asyncio.sleep(0.02)
    return False
