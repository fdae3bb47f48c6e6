"""Dead letters: events that could not be understood or handled, kept whole with their reason until they are replayed.

`python -m antiphon.kafka.dead_letters list` shows them, `… replay all` or `… replay 12 13 --service routing` has the service
handle them again. Parked events, which a service could not send, are listed with them and sent again by `… replay parked:12`.
Databases are found by `<SERVICE>_DATABASE_URL`.
"""

import argparse
import asyncio
import base64
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from aiokafka import ConsumerRecord
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.kafka import parked_events
from antiphon.postgres.engine import create_engine
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import insert_rows
from antiphon.service_names import SERVICES
from antiphon.text import clean, shorten

_TABLE = plumbing_tables(MetaData()).dead_letter
_REQUESTED = text(
    'select id, topic, partition, "offset", key, value, headers from dead_letter '
    "where replay_requested_at is not null and topic = any(:topics) order by id limit 100 for update skip locked"
)
_REPLAYED = text("update dead_letter set replayed_at = :now, replay_requested_at = null where id = :id")
_STILL_DEAD = text(
    "update dead_letter set reason = :reason, attempts = attempts + 1, replay_requested_at = null where id = :id"
)

_UNHANDLED = text(
    'select id, topic, partition, "offset", event_id, reason, at, attempts, replay_requested_at '
    "from dead_letter where replayed_at is null and id > :after order by id limit :limit"
)
_REQUEST = text(
    "update dead_letter set replay_requested_at = now() where replayed_at is null "
    "and (cast(:ids as bigint[]) is null or id = any(cast(:ids as bigint[])))"
)


class Record(NamedTuple):
    """A Kafka record as the consumer handles it, fresh from the topic or replayed."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, record: "ConsumerRecord[bytes | None, bytes | None]") -> "Record":
        """The record as aiokafka read it."""
        return cls(
            record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers)
        )


async def keep(tx: AsyncConnection, letters: Sequence[tuple[Record, str]], now: datetime) -> None:
    """Keeps records with the reason why they could not be handled. A record that is kept already stays as it is."""
    rows = [
        {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "key": record.key,
            "value": record.value,
            "headers": [[name, base64.b64encode(value or b"").decode()] for name, value in record.headers],
            "event_id": _event_id(record),
            "reason": shorten(clean(reason), 2000),
            "at": now,
        }
        for record, reason in letters
    ]
    await insert_rows(tx, _TABLE, rows, then="on conflict do nothing")


def _event_id(record: Record) -> str | None:
    given = dict(record.headers).get("ce_id")
    return clean(given.decode("utf-8", "replace")) if given else None


async def unhandled(connection: AsyncConnection, after: int = 0, limit: int = 500) -> Sequence[AnyRow]:
    """Dead letters with a higher number than `after` that did not take effect since, without data; the oldest first."""
    return (await connection.execute(_UNHANDLED, {"after": after, "limit": limit})).all()


async def request_replay(tx: AsyncConnection, ids: list[int] | None) -> int:
    """Asks the service to handle these dead letters again, all for None; how many there are that did not take effect since."""
    return (await tx.execute(_REQUEST, {"ids": ids})).rowcount


async def requested(tx: AsyncConnection, topics: Sequence[str]) -> list[tuple[int, Record]]:
    """The dead letters of these topics that a person asked to replay, locked until the transaction ends."""
    rows = await tx.execute(_REQUESTED, {"topics": list(topics)})
    return [(row.id, _record(row)) for row in rows]


def _record(row: AnyRow) -> Record:
    headers = tuple((name, base64.b64decode(value)) for name, value in row.headers)
    return Record(row.topic, row.partition, row.offset, row.key, row.value, headers)


async def replayed(tx: AsyncConnection, letter: int, now: datetime) -> None:
    """The letter took effect."""
    await tx.execute(_REPLAYED, {"id": letter, "now": now})


async def still_dead(tx: AsyncConnection, letter: int, reason: str) -> None:
    """The letter failed again, for this reason."""
    await tx.execute(_STILL_DEAD, {"id": letter, "reason": shorten(clean(reason), 2000)})


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore")

    database_url: SecretStr | None = Field(
        None, description="Address of the service's database. Without it the service is skipped."
    )


def _url(service: str) -> str | None:
    settings = _Settings(_env_prefix=f"{service.replace('-', '_').upper()}_")  # pyright: ignore[reportCallIssue]
    return settings.database_url.get_secret_value() if settings.database_url else None


class _Wanted(NamedTuple):
    """What a person asks to replay: ids of dead letters and of parked events, all of a kind for None."""

    letters: list[int] | None
    parked: list[int] | None

    @classmethod
    def of(cls, given: Sequence[str]) -> "_Wanted":
        """`all`, or numbers of dead letters and `parked:` numbers of parked events. Raises ValueError for others."""
        if list(given) == ["all"]:
            return cls(None, None)
        kinds: dict[str, list[int]] = {"": [], "parked": []}
        for name in given:
            kind, _, number = name.rpartition(":")
            if kind not in kinds:
                raise ValueError(f"{name} is no number of a dead letter and no parked:NUMBER")
            kinds[kind].append(int(number))
        return cls(kinds[""], kinds["parked"])


class _Count(NamedTuple):
    letters: int = 0
    parked: int = 0

    def __str__(self) -> str:
        found = [
            f"{number} {name}{'s' * (number != 1)}"
            for number, name in ((self.letters, "dead letter"), (self.parked, "parked event"))
            if number
        ]
        return ", ".join(found) or "no dead letters and no parked events"


async def _list(service: str, url: str) -> _Count:
    engine = create_engine(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            letters = await unhandled(connection)
            for row in letters:
                place = f"{row.topic}[{row.partition}]@{row.offset}"
                asked = "  replay asked" if row.replay_requested_at else ""
                sys.stdout.write(
                    f"{service:17} {row.id:>6}  {row.at:%Y-%m-%d %H:%M:%S}  {place:38} tries {row.attempts}{asked}\n"
                    f"{'':26}{row.reason}\n"
                )
            waiting = await parked_events.parked(connection)
            for row in waiting:
                sys.stdout.write(
                    f"{service:17} parked:{row.id}  {row.parked_at:%Y-%m-%d %H:%M:%S}  {row.topic}  {row.bytes} bytes  "
                    f"event {parked_events.event_id(row)}\n{'':26}{row.reason}\n"
                )
            return _Count(len(letters), len(waiting))
    finally:
        await engine.dispose()


async def _replay(url: str, wanted: _Wanted) -> _Count:
    engine = create_engine(url, pool_size=1)
    try:
        async with engine.begin() as tx:
            requested = await request_replay(tx, wanted.letters)
            return _Count(requested, await parked_events.resend(tx, wanted.parked))
    finally:
        await engine.dispose()


async def _run(services: Sequence[str], wanted: _Wanted | None) -> _Count:
    """Lists, or replays what is `wanted`."""
    total = _Count()
    for service in services:
        url = _url(service)
        if url:
            found = await (_replay(url, wanted) if wanted else _list(service, url))
            total = _Count(total.letters + found.letters, total.parked + found.parked)
    return total


def main() -> None:
    """Lists dead letters and parked events, or asks the services to handle or send them again."""
    parser = argparse.ArgumentParser(
        description="Events that could not be handled or sent, and their replay."
    )
    parser.add_argument("verb", choices=["list", "replay"])
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="which to replay: numbers, `parked:` numbers, or `all`"
    )
    parser.add_argument("--service", choices=SERVICES, help="only this service's; needed with numbers")
    given = parser.parse_args()
    wanted: _Wanted | None = None
    if given.verb == "replay":
        if given.ids != ["all"] and (not given.ids or not given.service):
            parser.error("say which: `replay all`, or numbers with --service")
        try:
            wanted = _Wanted.of(given.ids)
        except ValueError as error:
            parser.error(str(error))
    total = asyncio.run(_run([given.service] if given.service else SERVICES, wanted))
    sys.stdout.write(f"{total}{' will be handled or sent again' if wanted else ''}\n")


if __name__ == "__main__":
    main()
