"""Workers read mails: a mail that ends its worker is stored all the same, and the next one is read."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import aiosmtplib
import httpx
import psutil
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts.interactions import Automation, InteractionReceived
from antiphon.delivery.entry_counts import EntryCounts
from ingest_email import smtp
from ingest_email.active_mail import ActiveMail
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.mail import Envelope
from ingest_email.domain.parser import read_mail
from ingest_email.reading.pool import NotReadError, Readers
from ingest_email.settings import Settings
from ingest_email.store import mails
from tests.fuzz.growing import GROWING
from tests.support.mail import COUNCIL, counts, deliver, events, mail, now, port_of, until

TO_US = Envelope("jo@mail.example", (COUNCIL,))
# Read in a second or more, whatever the machine.
SLOW = GROWING["deep multiparts"](2_000_000)
# Read in some ten times its size.
LARGE = GROWING["one line"](9_000_000)
# 14 KB that a parser makes 21 MB of.
BOMB = (
    b"From: jo@mail.example\r\nMessage-ID: <bomb@mail.example>\r\nContent-Type: text/html\r\n\r\n<p>"
    + b"".join(b"<font color=%d>" % number for number in range(400))
    + b"<p>x" * 2_000
)


def workers() -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        # One that was killed is a zombie until the event loop reaps it, and has no command line.
        with contextlib.suppress(psutil.NoSuchProcess):
            if "ingest_email.reading.worker" in child.cmdline():
                found.append(child)
    return found


def cpu(process: psutil.Process) -> float:
    """CPU seconds; 0 for a worker that has ended meanwhile."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


async def all_ready(readers: Readers, number: int = 2) -> None:
    async def are() -> bool:
        return readers.idle == number

    await until(are)


async def in_hand(began: dict[int, float]) -> psutil.Process:
    """The worker that is in the middle of a mail: it has used CPU time since."""
    found: list[psutil.Process] = []

    async def is_found() -> bool:
        found[:] = [process for process in workers() if cpu(process) > began.get(process.pid, 0) + 0.3]
        return bool(found)

    await until(is_found)
    return found[0]


TIGHT = {"size_limit": 10_000_000, "read_cpu_limit": timedelta(milliseconds=250)}
SMALL = {"size_limit": 10_000_000, "read_memory_limit": 64 * 1024 * 1024}


@pytest.fixture
async def tight_smtp_port(
    settings: Settings, engine: AsyncEngine, active: ActiveMail, request: pytest.FixtureRequest
) -> AsyncIterator[int]:
    """The port of an SMTP server whose workers may use little, but enough for ordinary mails."""
    tight = settings.model_copy(update=getattr(request, "param", TIGHT))
    async with Readers(tight, now) as readers:
        server = await smtp.listen(tight, engine, active, readers)
        yield port_of(server)
        server.close()


async def test_after_a_small_mail_that_would_grow_a_thousandfold_all_others_are_kept(
    smtp_port: int, engine: AsyncEngine
) -> None:
    assert (await deliver(smtp_port, BOMB)).startswith("2.0.0 Kept as")
    await asyncio.gather(*(deliver(smtp_port, mail(number)) for number in range(100)))
    received = await events(engine)
    assert len(received) == 101
    for event in received:
        assert len(event.model_dump_json()) < 300_000
        assert isinstance(event, InteractionReceived)
        assert "mail-unreadable" not in event.interaction.defects


@pytest.mark.parametrize(
    ("tight_smtp_port", "raw"),
    [(TIGHT, SLOW), (SMALL, LARGE)],
    indirect=["tight_smtp_port"],
    ids=["CPU time", "memory"],
)
async def test_a_mail_that_needs_too_much_is_kept_unread_and_the_next_is_read(
    tight_smtp_port: int, engine: AsyncEngine, api: httpx.AsyncClient, raw: bytes
) -> None:
    assert (await deliver(tight_smtp_port, raw)).startswith("2.0.0 Kept as")
    await deliver(tight_smtp_port, mail(2))
    first, second = await events(engine)
    assert isinstance(first, InteractionReceived)
    assert isinstance(second, InteractionReceived)
    unread = first.interaction
    assert unread.defects == ["mail-unreadable"]
    assert unread.content.text == ""
    assert unread.automation == Automation.NONE
    assert unread.speaker.address is None  # nothing but From makes a speaker
    assert unread.recipient is not None
    assert unread.recipient.value == "jo@mail.example"  # who sent it, whom a person may answer
    assert second.interaction.content.text == "The pothole is back."
    answer = await api.get(f"/mails/{unread.interaction_id}/raw")
    assert (
        answer.content.replace(b"\r\n", b"\n").rstrip()
        == raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip()
    )


async def test_an_unreadable_mail_that_comes_again_is_the_same_interaction(
    tight_smtp_port: int, engine: AsyncEngine
) -> None:
    await deliver(tight_smtp_port, SLOW)
    await deliver(tight_smtp_port, SLOW)
    assert await counts(engine) == EntryCounts(received=2, interactions=1, duplicates=1, quarantined=0)


async def test_while_one_mail_takes_long_the_others_are_read(settings: Settings, ours: OurMail) -> None:
    async with Readers(settings, now) as readers:
        await all_ready(readers)
        slow = asyncio.create_task(readers.read(SLOW, TO_US, ours))
        for number in range(100):
            read = await readers.read(mail(number), TO_US, ours)
            assert read.interaction.content.text == "The pothole is back."
        assert not slow.done()
        assert "mail-unreadable" not in (await slow).interaction.defects


async def test_large_mails_leave_a_worker_to_the_others(settings: Settings, ours: OurMail) -> None:
    async with Readers(settings, now) as readers:
        await all_ready(readers)
        large = [asyncio.create_task(readers.read(SLOW, TO_US, ours)) for _ in range(3)]
        await asyncio.sleep(0)
        await readers.read(mail(1), TO_US, ours)
        assert not any(task.done() for task in large)
        await asyncio.gather(*large)


async def test_a_worker_killed_in_the_middle_of_a_mail_loses_nothing(
    settings: Settings, ours: OurMail
) -> None:
    async with Readers(settings, now) as readers:
        await all_ready(readers)
        began = {process.pid: cpu(process) for process in workers()}
        reading = asyncio.create_task(readers.read(SLOW, TO_US, ours))
        (await in_hand(began)).kill()
        read = await reading
        assert read == read_mail(SLOW, TO_US, read.interaction.accepted_at, ours)
        await all_ready(readers)
        assert len(workers()) == 2


async def test_a_mail_whose_workers_are_killed_twice_is_unreadable(settings: Settings, ours: OurMail) -> None:
    async with Readers(settings, now) as readers:
        await all_ready(readers)
        began = {process.pid: cpu(process) for process in workers()}
        reading = asyncio.create_task(readers.read(SLOW, TO_US, ours))
        for _ in range(2):
            process = await in_hand(began)
            process.kill()
            began[process.pid] = float("inf")
        assert (await reading).interaction.defects == ["mail-unreadable"]


async def test_sigterm_and_sigint_end_no_worker_in_the_middle_of_a_mail(
    settings: Settings, ours: OurMail
) -> None:
    async with Readers(settings, now) as readers:
        await all_ready(readers)
        for process in workers():
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
        pids = {process.pid for process in workers()}
        assert (await readers.read(mail(1), TO_US, ours)).interaction.content.text == "The pothole is back."
        assert {process.pid for process in workers()} == pids


async def test_a_worker_that_hangs_is_replaced(settings: Settings, ours: OurMail) -> None:
    brief = settings.model_copy(update={"read_time_limit": timedelta(milliseconds=300), "read_workers": 1})
    async with Readers(brief, now) as readers:
        await all_ready(readers, 1)
        (stuck,) = workers()
        stuck.send_signal(signal.SIGSTOP)
        assert (await readers.read(mail(1), TO_US, ours)).interaction.content.text == "The pothole is back."
        assert stuck.pid not in {process.pid for process in workers()}


async def test_a_sender_that_hangs_up_leaves_the_workers_running(settings: Settings, ours: OurMail) -> None:
    async with Readers(settings, now) as readers:
        await all_ready(readers)
        pids = {process.pid for process in workers()}
        began = {process.pid: cpu(process) for process in workers()}
        reading = asyncio.create_task(readers.read(SLOW, TO_US, ours))
        await in_hand(began)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert (await readers.read(mail(1), TO_US, ours)).interaction.content.text == "The pothole is back."
        await all_ready(readers)
        assert {process.pid for process in workers()} == pids


async def test_while_no_worker_starts_the_sender_is_asked_to_come_again(
    settings: Settings, engine: AsyncEngine, active: ActiveMail, ours: OurMail
) -> None:
    # A worker that has too little memory for any mail ends before it is ready.
    none = settings.model_copy(update={"read_memory_limit": 1})
    async with Readers(none, now) as readers:
        server = await smtp.listen(none, engine, active, readers)
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await deliver(port_of(server), mail(1))
        assert refused.value.code == 451
        server.close()
        with pytest.raises(NotReadError):
            await readers.read(mail(1), TO_US, ours)
    assert (await counts(engine)).received == 0


async def test_when_the_service_stops_a_mail_in_hand_is_not_read_and_no_worker_stays(
    settings: Settings, ours: OurMail
) -> None:
    async with Readers(settings, now) as readers:
        await all_ready(readers)
        reading = asyncio.create_task(readers.read(SLOW, TO_US, ours))
        waiting = [asyncio.create_task(readers.read(SLOW, TO_US, ours)) for _ in range(3)]
        await in_hand({})
    for task in (reading, *waiting):
        with pytest.raises(NotReadError):
            await task
    assert workers() == []


SERVICE = """
import asyncio, sys
from ingest_email.reading.pool import Readers
from ingest_email.settings import Settings
from antiphon.process.clock import utc_now
async def main():
    settings = Settings.model_construct()
    async with Readers(settings, utc_now) as readers:
        while readers.idle < 2:
            await asyncio.sleep(0.01)
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_workers_end_with_a_service_that_is_killed() -> None:
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVICE, stdout=asyncio.subprocess.PIPE
    )
    assert service.stdout is not None
    assert await service.stdout.readline() == b"ready\n"
    left = psutil.Process(service.pid).children()
    assert len(left) == 2
    service.kill()
    await service.wait()

    async def are_gone() -> bool:
        return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left)

    await until(are_gone)


async def test_a_worker_knows_nothing_of_the_services_environment(settings: Settings, ours: OurMail) -> None:
    assert os.environ  # noqa: TID251 - there is something to know
    async with Readers(settings, now) as readers:
        await all_ready(readers)
        assert all(process.environ() == {} for process in workers())


async def test_an_unreadable_mail_has_the_account_and_case_token_of_its_envelope(
    tight_smtp_port: int, engine: AsyncEngine
) -> None:
    await deliver(tight_smtp_port, SLOW, "rates+c-1042-abc@banksia.example", sender="")
    async with engine.connect() as connection:
        row = (await connection.execute(select(mails.MAIL.c.account, mails.MAIL.c.sender))).one()
    assert tuple(row) == ("rates@banksia.example", None)
    (event,) = await events(engine)
    assert isinstance(event, InteractionReceived)
    assert event.interaction.thread.case_token == "c-1042-abc"
