"""Outgoing events: written in the transaction of what they tell, sent later by the relay."""

import json
from collections.abc import Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.envelope import Outgoing

CHANNEL = "outbox"

_INSERT = text(
    """
    insert into outbox (topic, key, value, headers)
    select topic, key, value, headers
    from unnest(:topics, :keys, :values, :headers) with ordinality as o(topic, key, value, headers, place)
    order by place
    """
).bindparams(
    bindparam("topics", type_=ARRAY(TEXT)),
    bindparam("keys", type_=ARRAY(TEXT)),
    bindparam("values", type_=ARRAY(BYTEA)),
    bindparam("headers", type_=ARRAY(TEXT)),
)


async def publish(tx: AsyncConnection, events: Sequence[Outgoing]) -> None:
    """Adds events to the outbox in their order, in one statement.

    The rows of the aggregates that they tell of must be locked by this transaction: then ids grow in commit order for
    each aggregate, and the relay sends them in that order.
    """
    if events:
        await tx.execute(
            _INSERT,
            {
                "topics": [event.topic for event in events],
                "keys": [event.key for event in events],
                "values": [event.value for event in events],
                "headers": [json.dumps(event.headers) for event in events],
            },
        )
