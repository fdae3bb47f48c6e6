"""Topic `queues`: what happens to a queue as a whole."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Actor, Contract, Event, Instant, known


class QueueState(StrEnum):
    """How people set a queue. `paused`: nothing is given out. `closed`: nothing new is taken either."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


class Surge(Contract):
    """Arrivals far above what is usual."""

    surge_id: UUID = Field(description="The id of the surge: its begin and end have the same.")
    began_at: Instant
    span_minutes: int = Field(description="Arrivals are counted over so many minutes.")
    arrived: int = Field(description="In the span: when it was noticed, or the most since.")
    expected: float = Field(description="What is usual in such a span at this time of day.")


class QueueEvent(Event):
    """A fact about one queue."""

    topic: ClassVar[str] = "queues"

    queue: str = Field(description="The id of the queue.")

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

    surge: Surge = Field(description="The surge.")


class LabelEvent(Event):
    """A fact about all work with one label."""

    topic: ClassVar[str] = "queues"

    label: str = Field(description="As rules put it on work.")

    @property
    @override
    def key(self) -> str:
        return self.label

    @property
    @override
    def subject(self) -> str:
        return self.label


class LabelSurgeBegan(LabelEvent):
    """Far more work comes with a label than is usual."""

    type: ClassVar[str] = "label.surge-began.v1"

    surge: Surge = Field(description="The surge.")


class LabelSurgeEnded(LabelEvent):
    """As much work comes with a label as is usual again."""

    type: ClassVar[str] = "label.surge-ended.v1"

    surge: Surge = Field(description="The surge.")
    ended_at: Instant


class QueueSurgeEnded(QueueEvent):
    """As much arrives as is usual again."""

    type: ClassVar[str] = "queue.surge-ended.v1"

    surge: Surge = Field(description="The surge.")
    ended_at: Instant


class QueueStateChanged(QueueEvent):
    """A person opened, paused or closed a queue."""

    type: ClassVar[str] = "queue.state-changed.v1"

    state: Annotated[str, known(QueueState)]
    previous: Annotated[str, known(QueueState)]
    by: Actor = Field(description="Who set it.")
    reason: str = Field(description="Why, as they wrote it.")
    at: Instant
