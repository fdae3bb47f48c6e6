"""Topic `queues`: what happens to a queue as a whole."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Contract, Event, Instant


class Surge(Contract):
    """Arrivals far above what is usual."""

    surge_id: UUID
    began_at: Instant
    span_minutes: int = Field(description="Arrivals are counted over so many minutes.")
    arrived: int = Field(description="In the span: when it was noticed, or the most since.")
    expected: float = Field(description="What is usual in such a span at this time of day.")


class QueueEvent(Event):
    """A fact about one queue."""

    topic: ClassVar[str] = "queues"

    queue: str

    @property
    @override
    def key(self) -> str:
        return self.queue

    @property
    @override
    def subject(self) -> str:
        return self.queue


class QueueSurgeBegan(QueueEvent):
    """Far more work arrives than is usual."""

    type: ClassVar[str] = "queue.surge-began.v1"

    surge: Surge


class QueueSurgeEnded(QueueEvent):
    """As much arrives as is usual again."""

    type: ClassVar[str] = "queue.surge-ended.v1"

    surge: Surge
    ended_at: Instant
