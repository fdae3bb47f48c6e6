"""The check of the records finds each kind of error: each test makes one error in records that are correct."""

from typing import Any, NamedTuple

import pytest

from tests.faults.check_records import MessageCheck, first_published
from tests.faults.result import FaultResult
from tests.load.traffic import Ledger, Message

FIRST, SECOND, THIRD = (Message(number, 1, number, "direct", None) for number in range(3))
OTHER = Message(3, 2, 0, "direct", None)
SENT = [FIRST, SECOND, THIRD, OTHER]


@pytest.fixture
def check() -> MessageCheck:
    ledger = Ledger("000001")
    for message in SENT:
        ledger.add(message)
    return MessageCheck(ledger, FaultResult("a fault", seed=1))


def tokens(*messages: Message) -> list[str]:
    return [message.token for message in messages]


def test_a_correct_record_has_no_error(check: MessageCheck) -> None:
    check.once("the record", tokens(*SENT))
    check.in_order("the record", [tokens(*SENT)])
    check.at_customer("the record", [(FIRST.token, "ada"), (OTHER.token, "bo")], {1: "ada", 2: "bo"})
    assert check.result.wrong == 0


def test_a_missing_message_is_lost(check: MessageCheck) -> None:
    check.once("the record", tokens(FIRST, THIRD, OTHER))
    assert (check.result.lost, check.result.wrong) == (1, 1)


def test_a_message_that_is_there_twice_is_doubled(check: MessageCheck) -> None:
    check.once("the record", tokens(*SENT, SECOND))
    assert (check.result.doubled, check.result.wrong) == (1, 1)


def test_a_message_before_an_earlier_one_of_its_customer_is_out_of_order(check: MessageCheck) -> None:
    check.in_order("the record", [tokens(OTHER, FIRST, THIRD, SECOND)])
    assert (check.result.out_of_order, check.result.wrong) == (1, 1)


def test_a_message_at_another_customer_is_counted(check: MessageCheck) -> None:
    check.at_customer("the record", [(FIRST.token, "bo")], {1: "ada", 2: "bo"})
    assert (check.result.wrong_customer, check.result.wrong) == (1, 1)


class Record(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


def record(message: Message, partition: int, offset: int, timestamp: int) -> Any:
    return Record(partition, offset, timestamp, b"ada", message.token.encode())


def test_a_later_copy_in_another_partition_is_ignored(check: MessageCheck) -> None:
    copy = record(FIRST, 0, 7, 30)
    lines = first_published(
        [record(FIRST, 1, 0, 10), record(SECOND, 1, 1, 20), copy, record(FIRST, 1, 2, 40)]
    )
    assert lines == [tokens(FIRST, SECOND)]
    check.in_order("the log", lines)
    assert check.result.wrong == 0
