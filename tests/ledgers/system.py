"""All six services in this process with their own handlers, each with a database behind a proxy that counts.

Each event is followed hop by hop until nothing follows from it: the relay sends it to Kafka, every consumer of its topic gets it
in a fixed order, and each listener does what it is notified of. Nothing else runs: what a service does periodically is not
counted, so the counts are the same in every run.
"""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import TopicPartition
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon import active_organisation
from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.agents import Presence
from antiphon.contracts.base import Actor
from antiphon.kafka import progress
from antiphon.kafka.consumer import Consumer
from antiphon.kafka.dead_letters import Record
from antiphon.kafka.publisher import Publisher
from antiphon.kafka.relay import Relay
from antiphon.postgres.query import AnyRow
from antiphon.process.clock import utc_now
from deploy.morning.bluesky import Account
from ingest_email.sender import create_sender
from ingest_email.settings import Settings as MailSettings
from routing import timers
from routing.agents import presence
from routing.configuration.active import Configurations
from routing.work import assignment, handling, offers
from tests.ledgers.bill import Cost
from tests.ledgers.wire import Counts, Wire
from tests.support.bluesky import World
from tests.support.waiting import until

BOSS = Actor(kind="supervisor", id="sam", name="Sam Okafor")
OFFER_AGAIN_AFTER = timedelta(seconds=60)
# All channels of NOTIFY; `System.begin` and `_part` fail for any other.
CHANNELS = (
    "outbox",
    "change_log",
    "dead_letter",
    "outgoing_reply",
    "parked_event",
    "attachment",
    "assign",
    "organisation",
)
# A relay runs this while Kafka takes long, which depends on the machine.
STILL_LEADING = "select 1"
_END = "end_of_part"
_TRIGGERED = """
    select distinct c.relname as channel from pg_trigger t join pg_class c on c.oid = t.tgrelid
    join pg_proc p on p.oid = t.tgfoid where p.proname = 'notify_of_insert'
"""
_NOTIFIES = re.compile(r"pg_notify\('(\w+)'")
# Times in events have different lengths, with and without microseconds.
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_LONG_TIME = b"2026-11-30T00:00:00.000000Z"

Act = Callable[[], Awaitable[object]]


@dataclass
class Part:
    """A part of one interaction: its cost, and the statements behind it."""

    name: str
    cost: Cost
    counts: Counts


@dataclass
class Service:
    """A service's database: statements of `engine` are counted, those of `uncounted` are not."""

    name: str
    wire: Wire
    engine: AsyncEngine
    uncounted: AsyncEngine
    relay: Relay
    publisher: Publisher
    relaying: AsyncConnection
    listening: asyncpg.Connection
    got: list[str] = field(default_factory=list[str])
    moved: int = 0
    ends: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, query: str, **given: Any) -> Sequence[AnyRow]:
        """Queries the database, uncounted."""
        async with self.uncounted.connect() as connection:
            return (await connection.execute(text(query), given)).all()

    async def change(self, statement: str) -> None:
        """Changes the database, uncounted."""
        async with self.uncounted.begin() as tx:
            await tx.execute(text(statement))

    async def notified(self) -> list[str]:
        """The channels that were notified since the last call, each once a transaction."""
        # Notifications come in the order of commits: when this one comes, all earlier ones have come.
        self.ends += 1
        self.ended.clear()
        async with self.uncounted.begin() as tx:
            await tx.execute(text("select pg_notify(:channel, :n)"), {"channel": _END, "n": str(self.ends)})
        async with asyncio.timeout(30):
            await self.ended.wait()
        channels, self.got[:] = list(self.got), []
        return channels

    async def listen(self) -> None:
        """Receives notifications from now on."""
        for channel in (*CHANNELS, _END):
            await self.listening.add_listener(channel, self._notify)

    def _notify(self, _connection: object, _process: int, channel: str, _payload: object) -> None:
        if channel == _END:
            self.ended.set()
        else:
            self.got.append(channel)


@dataclass
class Subscription:
    """A consumer of a service, its pending records and its position."""

    service: str
    consumer: Consumer
    pending: list[Record] = field(default_factory=list[Record])
    expected: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that it reads."""
        return self.consumer._topics  # pyright: ignore[reportPrivateUsage]

    def take_pending(self) -> list[Record]:
        """The records that came since the last call."""
        records, self.pending = self.pending, []
        return records

    async def consume(self, records: Sequence[Record]) -> None:
        """Consumes the records as one batch."""
        reached = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in records}
        await self.consumer._transact(records, self.expected, reached)  # pyright: ignore[reportPrivateUsage]
        self.expected |= reached


class System:
    """The services and their subscriptions. `follow` does something and all that follows from it."""

    def __init__(
        self,
        services: dict[str, Service],
        subscriptions: Sequence[Subscription],
        configurations: Configurations,
        organisations: Mapping[str, ActiveOrganisation],
        mail: MailSettings,
        apis: dict[str, AsyncClient],
        tokens_of: Callable[[str], str],
        world: World,
        regular: Account,
    ) -> None:
        self.services, self.world, self.smtp_port = services, world, mail.smtp_port
        self.regular = regular
        self.subscriptions = subscriptions
        self.configurations = configurations
        self._organisations = organisations
        self._sender = create_sender(mail, services["ingest-email"].engine)
        self._apis = apis
        self._token = tokens_of
        self._offsets: dict[str, int] = defaultdict(int)

    async def ask(self, verb: str, service: str, path: str, who: str, **options: Any) -> Any:
        """Calls a service's API as an agent; returns the JSON of the response."""
        headers = {"Authorization": f"Bearer {self._token(who)}", **options.pop("headers", {})}
        answer = await self._apis[service].request(verb, path, headers=headers, **options)
        assert answer.is_success, answer.text
        return answer.json()

    async def accept(self, case_id: UUID, who: str) -> None:
        """The agent accepts the offer of the work on a case."""
        (offer,) = await self.services["routing"].look(
            "select offer_id from offer join work_item using (work_item_id) where case_id = :id and result is null",
            id=case_id,
        )
        async with self.services["routing"].engine.begin() as tx:
            await offers.accept(tx, offer.offer_id, who, utc_now())

    async def complete(self, case_id: UUID, reason: str) -> None:
        """A supervisor completes the work on a case; all that follows is done too."""
        routing = self.services["routing"]
        (work,) = await routing.look(
            "select work_item_id from work_item where case_id = :id and state <> 'completed'", id=case_id
        )

        async def done() -> None:
            async with routing.engine.begin() as tx:
                active = await self.configurations.active(tx, utc_now())
                await handling.complete(
                    tx, work.work_item_id, BOSS, active, reason, anyones=True, now=utc_now()
                )

        await self.follow("routing", "complete", done)

    async def follow(self, service: str, entry: str, act: Act) -> list[Part]:
        """Does something and all that follows from it; returns each turn of each part with its cost."""
        parts: list[Part] = []
        await self._quiet()
        await self._part(parts, service, entry, act)
        while await self._turn(parts):
            pass
        return parts

    async def post(self, who: Account, words: str) -> None:
        """The account mentions us in a post; returns when ingest-social has it."""
        social = self.services["ingest-social"]
        count = "select count(*) as n from post"
        (before,) = await social.look(count)

        async def came() -> bool:
            (now,) = await social.look(count)
            return now.n > before.n

        await self.world.mention(who, words)
        await until(came, what="the post")

    def next_offset(self, topic: str) -> int:
        """The offset of the next record of a topic."""
        return self._offsets[topic]

    async def _turn(self, parts: list[Part]) -> bool:
        """Each consumer consumes the records of the beginning of the turn as one batch; returns whether there were any."""
        due = [(subscription, subscription.take_pending()) for subscription in self.subscriptions]
        for subscription, records in due:
            if records:
                topics = "+".join(sorted({record.topic for record in records}))
                await self._part(parts, subscription.service, topics, partial(subscription.consume, records))
        return any(records for _, records in due)

    async def _part(self, parts: list[Part], service: str, what: str, act: Act) -> None:
        of = self.services[service]
        await act()
        await until(partial(_true, lambda: of.wire.is_quiet), what=f"{service} is quiet")
        counts, notified = of.wire.take().without(STILL_LEADING), await of.notified()
        rows = await self._put(of)
        for sql in counts.statements:
            named = _NOTIFIES.findall(sql)
            assert set(named) <= set(CHANNELS)
            assert len(named) == sql.count("pg_notify(")
        size = sum(len(_TIME.sub(_LONG_TIME, bytes(row.value) + row.headers.encode())) for row in rows)
        cost = Cost(
            counts.transactions, len(counts.statements), counts.round_trips, len(notified), len(rows), size
        )
        parts.append(Part(f"{service}: {what}", cost, counts))
        if rows:
            await self._part(parts, service, "relay", partial(_relay, of))
        if "assign" in notified:
            await self._part(parts, service, "assignment", self._assign)
        if "outgoing_reply" in notified and service == "ingest-email":
            await self._part(parts, service, "sender", self._send)

    async def _put(self, of: Service) -> Sequence[AnyRow]:
        """The rows that a service put into its outbox since the last call; their readers get them as records."""
        rows = await of.look("select * from outbox where id > :moved order by id", moved=of.moved)
        for row in rows:
            of.moved = row.id
            headers: dict[str, str] = json.loads(row.headers)
            record = Record(
                row.topic, 0, self._offsets[row.topic], row.key.encode(), bytes(row.value),
                tuple((name, value.encode()) for name, value in headers.items()),
            )  # fmt: skip
            self._offsets[row.topic] += 1
            for subscription in self.subscriptions:
                if row.topic in subscription.topics:
                    subscription.pending.append(record)
        return rows

    async def _assign(self) -> None:
        async with self.services["routing"].engine.begin() as tx:
            await assignment.assign(tx, self.configurations, OFFER_AGAIN_AFTER, utc_now())

    async def _send(self) -> None:
        claimed = await self._sender._claim()  # pyright: ignore[reportPrivateUsage]
        assert claimed is not None
        await self._sender._deliver(claimed)  # pyright: ignore[reportPrivateUsage]

    async def _quiet(self) -> None:
        for service in self.services.values():
            await service.notified()
            service.wire.take()

    async def begin(self, source: str, present: Sequence[str]) -> None:
        """Reads the positions of the consumers, configures the organisation, and makes these agents available."""
        for service in self.services.values():
            assert {row.channel for row in await service.look(_TRIGGERED)} <= set(CHANNELS)
        # References are in events: they must have the same length in every run.
        await self.services["case-mgmt"].change("alter sequence case_number restart with 1000")
        for subscription in self.subscriptions:
            partitions = [TopicPartition(topic, 0) for topic in subscription.topics]
            async with self.services[subscription.service].engine.begin() as tx:
                subscription.expected = await progress.positions(tx, partitions)
        engine, now = self.services["routing"].engine, utc_now()
        async with engine.begin() as tx:
            await self.configurations.load(tx, source, "council.yaml", "tests", now)
        async with engine.begin() as tx:
            await timers.fire(tx, self.configurations, now)
        async with engine.begin() as tx:
            active = (await self.configurations.active(tx, now)).configuration
            for who in present:
                agent = active.agents_by_id[who]
                await presence.set_presence(tx, agent, Presence.AVAILABLE, "tests", now, active)
        await self._put(self.services["routing"])
        while await self._turn([]):
            pass
        for name, organisation in self._organisations.items():
            async with self.services[name].uncounted.connect() as connection:
                version = await active_organisation.newer(connection, organisation.current.number)
            assert version is not None
            organisation.replace(version)


async def _true(ask: Callable[[], bool]) -> bool:
    return ask()


async def _relay(of: Service) -> None:
    """The first run sends, the next one deletes and finds nothing."""
    sent: list[int] = []
    for _ in range(2):
        await of.relay._send_outbox(of.relaying, of.publisher, sent)  # pyright: ignore[reportPrivateUsage]
