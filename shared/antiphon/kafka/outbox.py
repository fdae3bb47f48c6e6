"""The outbox: a service writes its events in the transaction of their effect, and the relay sends them later."""

from collections.abc import Sequence

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.envelope import MAX_EVENT_BYTES, Outgoing
from antiphon.postgres.writes import Writes

CHANNEL = "outbox"

_INSERT = """
    insert into outbox (topic, key, value, headers)
    select topic, key, value, headers from unnest(
        cast(:{topics} as text[]), cast(:{keys} as text[]), cast(:{values} as bytea[]), cast(:{headers} as text[])
    ) with ordinality as o(topic, key, value, headers, place)
    order by place
"""


class EventTooLargeError(Exception):
    """An outgoing event is larger than a broker must accept, so what causes it can never be handled."""

    def __init__(self, event: Outgoing) -> None:
        super().__init__(
            f"{event.headers.get('ce_type', event.topic)} has {event.size} bytes, more than {MAX_EVENT_BYTES}"
        )


def put(writes: Writes, events: Sequence[Outgoing]) -> None:
    """Adds events to the outbox in their order.

    This transaction must hold the lock on the rows that the events are about. Then ids grow in commit order for each of them,
    and the relay sends the events in that order.

    Raises EventTooLargeError before anything is written: Kafka would never take the event.
    """
    for event in events:
        if event.size > MAX_EVENT_BYTES:
            raise EventTooLargeError(event)
    if events:
        writes.add(
            _INSERT,
            topics=[event.topic for event in events],
            keys=[event.key for event in events],
            values=[event.value for event in events],
            headers=[to_json(event.headers).decode() for event in events],
        )


async def publish(tx: AsyncConnection, events: Sequence[Outgoing]) -> None:
    """`put`, in a statement of its own."""
    writes = Writes()
    put(writes, events)
    await writes.send(tx)
