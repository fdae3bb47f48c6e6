"""Refusals whose reason the client does not know. They are the record's fault where Kafka takes other records, else the broker's."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

Record: TypeAlias = tuple[str, int]


@dataclass(frozen=True)
class UnclearRefusal:
    """When a record was first refused, and when it was sent that is refused now."""

    first_at: float
    sent_at: float


def is_to_blame(refused: UnclearRefusal, taken_at: float) -> bool:
    """Whether the refusals are the record's own fault, where `taken_at` another of its topic was sent that Kafka took.

    That one left after the record was first refused, and the record is refused again since.
    """
    return refused.first_at < taken_at < refused.sent_at


@dataclass
class UnclearRefusals:
    """The records of which it is not decided yet. In the order of what happens; times are seconds of one clock."""

    _refused: dict[Record, UnclearRefusal] = field(default_factory=dict[Record, UnclearRefusal])
    _taken_at: dict[str, float] = field(default_factory=dict[str, float])

    def __contains__(self, record: Record) -> bool:
        return record in self._refused

    def taken(self, topic: str, ids: Iterable[int], sent_at: float) -> None:
        """Kafka has taken these records, which were sent then."""
        self._taken_at[topic] = max(sent_at, self._taken_at.get(topic, -math.inf))
        self.forget(topic, ids)

    def is_to_blame(self, record: Record, sent_at: float, now: float) -> bool:
        """Notes that a record that was sent then is refused now; whether that is its own fault."""
        earlier = self._refused.get(record)
        refused = UnclearRefusal(earlier.first_at if earlier else now, sent_at)
        self._refused[record] = refused
        return is_to_blame(refused, self._taken_at.get(record[0], -math.inf))

    def forget(self, topic: str, ids: Iterable[int]) -> None:
        """These records are decided."""
        for one in ids if self._refused else ():
            self._refused.pop((topic, one), None)
