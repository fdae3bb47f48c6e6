"""Refusals without a known reason: whether the record or the broker is to blame."""

import math

import pytest

from antiphon.kafka.unclear_refusals import UnclearRefusal, UnclearRefusals, is_to_blame


@pytest.mark.parametrize(
    ("first_at", "taken_at", "sent_at", "blamed"),
    [
        (1.0, -math.inf, 0.9, False),  # Kafka has taken no other record yet
        (1.0, -math.inf, 9.0, False),  # and none since
        (1.0, 0.5, 9.0, False),  # the record that it took was sent before the first refusal
        (1.0, 1.0, 9.0, False),
        (1.0, 2.0, 0.9, False),  # Kafka took another, and this one has not been sent since
        (1.0, 2.0, 1.5, False),
        (1.0, 2.0, 2.0, False),
        (1.0, 2.0, 2.1, True),
    ],
)
def test_a_record_is_to_blame_when_it_is_refused_again_after_kafka_took_another(
    first_at: float, taken_at: float, sent_at: float, blamed: bool
) -> None:
    assert is_to_blame(UnclearRefusal(first_at, sent_at), taken_at) is blamed


def test_while_kafka_takes_nothing_of_a_topic_no_record_of_it_is_to_blame() -> None:
    unclear = UnclearRefusals()
    unclear.taken("work", [7], 0.5)
    for second in range(1, 100):
        unclear.taken("cases", [second], float(second))
        assert not unclear.is_to_blame(("work", 1), second + 0.1, second + 0.2)
        assert not unclear.is_to_blame(("work", 2), second + 0.3, second + 0.4)
    unclear.taken("work", [3], 100.0)
    assert unclear.is_to_blame(("work", 1), 100.1, 100.2)


def test_a_record_that_kafka_took_at_last_begins_anew_when_it_is_refused() -> None:
    unclear = UnclearRefusals()
    assert not unclear.is_to_blame(("work", 1), 1.0, 1.1)
    assert ("work", 1) in unclear
    unclear.taken("work", [1], 2.0)
    assert ("work", 1) not in unclear
    assert not unclear.is_to_blame(("work", 1), 3.0, 3.1)
