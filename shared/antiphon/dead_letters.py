"""Dead letters: events that could not be understood or handled, kept whole with their reason until they are replayed.

`python -m antiphon.dead_letters list` shows them, `… replay all` or `… replay 12 13 --service routing` has the service
handle them again. Databases are found by `<SERVICE>_DATABASE_URL`.
"""

import argparse
import asyncio
import base64
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from aiokafka import ConsumerRecord
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.database import AnyRow, create_engine, insert_rows, plumbing_tables
from antiphon.text import clean, shorten

SERVICES = ("ingest-email", "ingest-social", "ingest-direct", "customer-profile", "case-mgmt", "routing")

_TABLE = plumbing_tables(MetaData()).dead_letter
_REQUESTED = text(
    'select id, topic, partition, "offset", key, value, headers from dead_letter '
    "where replay_requested_at is not null and topic = any(:topics) order by id limit 100 for update skip locked"
)
_REPLAYED = text("update dead_letter set replayed_at = :now, replay_requested_at = null where id = :id")
_STILL_DEAD = text(
    "update dead_letter set reason = :reason, attempts = attempts + 1, replay_requested_at = null where id = :id"
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

    database_url: SecretStr | None = None


def _url(service: str) -> str | None:
    settings = _Settings(_env_prefix=f"{service.replace('-', '_').upper()}_")  # pyright: ignore[reportCallIssue]
    return settings.database_url.get_secret_value() if settings.database_url else None


async def _list(service: str, url: str) -> int:
    engine = create_engine(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            rows = await connection.execute(
                text(
                    'select id, topic, partition, "offset", event_id, reason, at, attempts, replay_requested_at '
                    "from dead_letter where replayed_at is null order by id limit 500"
                )
            )
            letters = rows.all()
            for row in letters:
                place = f"{row.topic}[{row.partition}]@{row.offset}"
                asked = "  replay asked" if row.replay_requested_at else ""
                sys.stdout.write(
                    f"{service:17} {row.id:>6}  {row.at:%Y-%m-%d %H:%M:%S}  {place:38} tries {row.attempts}{asked}\n"
                    f"{'':26}{row.reason}\n"
                )
            return len(letters)
    finally:
        await engine.dispose()


async def _replay(url: str, ids: list[int] | None) -> int:
    engine = create_engine(url, pool_size=1)
    try:
        async with engine.begin() as tx:
            result = await tx.execute(
                text(
                    "update dead_letter set replay_requested_at = now() where replayed_at is null "
                    "and (cast(:ids as bigint[]) is null or id = any(cast(:ids as bigint[])))"
                ),
                {"ids": ids},
            )
            return result.rowcount
    finally:
        await engine.dispose()


async def _run(verb: str, services: Sequence[str], ids: list[int] | None) -> int:
    total = 0
    for service in services:
        url = _url(service)
        if url:
            total += await (_list(service, url) if verb == "list" else _replay(url, ids))
    return total


def main() -> None:
    """Lists dead letters, or asks the services to handle them again."""
    parser = argparse.ArgumentParser(description="Events that were set aside, and their replay.")
    parser.add_argument("verb", choices=["list", "replay"])
    parser.add_argument("ids", nargs="*", metavar="ID", help="which to replay: their numbers, or `all`")
    parser.add_argument("--service", choices=SERVICES, help="only this service's; needed with numbers")
    given = parser.parse_args()
    everything = given.ids == ["all"]
    if given.verb == "replay" and not everything and (not given.ids or not given.service):
        parser.error("say which: `replay all`, or numbers with --service")
    ids = None if everything or given.verb == "list" else [int(number) for number in given.ids]
    total = asyncio.run(_run(given.verb, [given.service] if given.service else SERVICES, ids))
    told = (
        "no dead letters"
        if given.verb == "list" and not total
        else f"{total} dead letter{'s' * (total != 1)}"
    )
    sys.stdout.write(f"{told}{' will be handled again' if given.verb == 'replay' else ''}\n")


if __name__ == "__main__":
    main()
