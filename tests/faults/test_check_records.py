"""The judge finds what it is there to find: each test takes one thing from, or adds one to, a record that is right."""

from typing import Any, NamedTuple

import pytest

from tests.faults.found import Found
from tests.faults.verdict import Words, first_told
from tests.load.traffic import Ledger, Message

FIRST, SECOND, THIRD = (Message(number, 1, number, "direct", None) for number in range(3))
OTHER = Message(3, 2, 0, "direct", None)
SAID = [FIRST, SECOND, THIRD, OTHER]


@pytest.fixture
def words() -> Words:
    ledger = Ledger("000001")
    for message in SAID:
        ledger.add(message)
    return Words(ledger, Found("a fault", seed=1))


def tokens(*messages: Message) -> list[str]:
    return [message.token for message in messages]


def test_a_record_that_is_right_counts_nothing(words: Words) -> None:
    words.once("the record", tokens(*SAID))
    words.in_order("the record", [tokens(*SAID)])
    words.of_whom("the record", [(FIRST.token, "ada"), (OTHER.token, "bo")], {1: "ada", 2: "bo"})
    assert words.found.wrong == 0


def test_what_is_not_there_is_lost(words: Words) -> None:
    words.once("the record", tokens(FIRST, THIRD, OTHER))
    assert (words.found.lost, words.found.wrong) == (1, 1)


def test_what_is_there_twice_is_doubled(words: Words) -> None:
    words.once("the record", tokens(*SAID, SECOND))
    assert (words.found.doubled, words.found.wrong) == (1, 1)


def test_what_comes_before_an_earlier_word_of_its_customer_is_out_of_order(words: Words) -> None:
    words.in_order("the record", [tokens(OTHER, FIRST, THIRD, SECOND)])
    assert (words.found.out_of_order, words.found.wrong) == (1, 1)


def test_what_is_on_another_customer_is_astray(words: Words) -> None:
    words.of_whom("the record", [(FIRST.token, "bo")], {1: "ada", 2: "bo"})
    assert (words.found.wrong_customer, words.found.wrong) == (1, 1)


class Record(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


def record(message: Message, partition: int, offset: int, timestamp: int) -> Any:
    return Record(partition, offset, timestamp, b"ada", message.token.encode())


def test_a_later_copy_elsewhere_in_the_log_is_not_the_first(words: Words) -> None:
    copy = record(FIRST, 0, 7, 30)
    told = first_told([record(FIRST, 1, 0, 10), record(SECOND, 1, 1, 20), copy, record(FIRST, 1, 2, 40)])
    assert told == [tokens(FIRST, SECOND)]
    words.in_order("the log", told)
    assert words.found.wrong == 0
