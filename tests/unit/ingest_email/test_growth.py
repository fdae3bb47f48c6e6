"""The cost of reading a mail grows with its size and not faster, also of a hostile mail."""

import os
import resource
import time

import pytest

from ingest_email.domain.mailboxes import LONGEST
from ingest_email.domain.parser import read_mail
from tests.fuzz.growing import GROWING
from tests.support.mail_samples import NOW, OURS, TO_US

SIZE = 64 * 1024
# Shorter times are mostly the noise of the clock and the machine.
LEAST_S = 0.02
MOST_TIMES = 6
MOST_LOOKS = 3
MOST_BYTES = 256 * 1024 * 1024


def cpu(raw: bytes) -> float:
    """The CPU seconds that reading takes."""
    began = time.process_time()
    read_mail(raw, TO_US, NOW, OURS)
    return time.process_time() - began


@pytest.mark.parametrize("name", GROWING)
def test_four_times_the_mail_costs_at_most_six_times_the_work(name: str) -> None:
    small, large = GROWING[name](SIZE), GROWING[name](4 * SIZE)
    # Measured again when the first time is too long: other work on the machine is measured too.
    looks = [cpu(large) / max(cpu(small), LEAST_S)]
    while min(looks) > MOST_TIMES and len(looks) < MOST_LOOKS:
        looks.append(cpu(large) / max(cpu(small), LEAST_S))
    assert min(looks) <= MOST_TIMES


@pytest.mark.parametrize(
    "mailbox",
    [
        b"<a@b.cc>",
        b"<a@b.cc>,",
        b"a@b%d.cc,",
        "<a@é%d.cc>,".encode(),
        b"<a@b%d.cc>",
        b"a@-b%d.cc,",
        b"a@b%d.cc:",
    ],
)
def test_lists_of_authors_cost_little_more_than_as_many_bytes_that_list_nobody(mailbox: bytes) -> None:
    one = b"".join(mailbox % number if b"%" in mailbox else mailbox for number in range(LONGEST))[:LONGEST]
    fields = b"From: " + one + b"\r\nReply-To: " + one + b"\r\n"
    lists, others = fields * 20, fields.replace(b"From", b"Form").replace(b"Reply", b"Apply") * 20
    looks: list[float] = []
    while not looks or (min(looks) > MOST_TIMES and len(looks) < MOST_LOOKS):
        looks.append(cpu(lists + b"\r\nHello.\r\n") / max(cpu(others + b"\r\nHello.\r\n"), LEAST_S))
    assert min(looks) <= MOST_TIMES


@pytest.mark.parametrize("name", GROWING)
def test_no_mail_of_a_quarter_of_a_megabyte_takes_much_memory(name: str) -> None:
    raw = GROWING[name](4 * SIZE)
    child = os.fork()
    if child == 0:
        # A process of its own can have a limit of memory: above it, the process ends by an error or a signal.
        taken = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()  # noqa: PTH123, SIM115
        resource.setrlimit(resource.RLIMIT_DATA, (taken + MOST_BYTES, taken + MOST_BYTES))
        try:
            read_mail(raw, TO_US, NOW, OURS)
        except BaseException:  # noqa: BLE001 - the parent must learn of any failure
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
