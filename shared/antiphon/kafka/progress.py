"""How far a consumer is: one row per partition, moved by compare-and-set in the transaction of the effects.

Who finds the row elsewhere than expected has been overtaken: another consumer has the partition, or this batch took
effect before. Its transaction changes nothing.
"""

from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, INTEGER, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

_ARRAYS = (
    bindparam("topics", type_=ARRAY(TEXT)),
    bindparam("partitions", type_=ARRAY(INTEGER)),
    bindparam("expected", type_=ARRAY(BIGINT)),
    bindparam("reached", type_=ARRAY(BIGINT)),
)
_START = text(
    """
    insert into consumer_progress (topic, partition, next_offset)
    select topic, partition, 0 from unnest(:topics, :partitions) as given(topic, partition)
    on conflict do nothing
    """
).bindparams(*_ARRAYS[:2])
_READ = text(
    """
    select topic, partition, next_offset from consumer_progress
    join unnest(:topics, :partitions) as given(topic, partition) using (topic, partition)
    """
).bindparams(*_ARRAYS[:2])
_ADVANCE = text(
    """
    update consumer_progress p set next_offset = g.reached, updated_at = now()
    from unnest(:topics, :partitions, :expected, :reached) as g(topic, partition, expected, reached)
    where p.topic = g.topic and p.partition = g.partition and p.next_offset = g.expected
    """
).bindparams(*_ARRAYS)


class OvertakenError(Exception):
    """The progress row of a partition is not where this batch began: drop the batch and read the rows again."""


async def positions(tx: AsyncConnection, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The next offset of each partition; 0 for one that was never read."""
    asked = sorted(partitions)
    given = {"topics": [p.topic for p in asked], "partitions": [p.partition for p in asked]}
    await tx.execute(_START, given)
    rows = await tx.execute(_READ, given)
    return {TopicPartition(row.topic, row.partition): row.next_offset for row in rows}


async def advance(
    tx: AsyncConnection, expected: Mapping[TopicPartition, int], reached: Mapping[TopicPartition, int]
) -> None:
    """Moves every partition from where it is expected to where the batch ends. Raises OvertakenError, moving none."""
    moved = sorted(reached)  # one lock order for everybody
    result = await tx.execute(
        _ADVANCE,
        {
            "topics": [p.topic for p in moved],
            "partitions": [p.partition for p in moved],
            "expected": [expected[p] for p in moved],
            "reached": [reached[p] for p in moved],
        },
    )
    if result.rowcount != len(moved):
        raise OvertakenError
