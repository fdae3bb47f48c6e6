"""SIGKILL of a service, of Kafka or of PostgreSQL loses no message and doubles none."""

import asyncio
from collections import Counter
from uuid import uuid4

import httpx
import pytest

from antiphon.service_names import SERVICES
from tests.support.people import People
from tests.support.waiting import until

IN_FLIGHT = 200
SPEAKERS = 20


async def send_calls(people: People, run: str) -> dict[str, list[str]]:
    """Notes calls of several customers, in the order of each. A request that fails or gets no response is sent again with its key."""

    async def send(number: int, speaker: str) -> None:
        text, key = f"{run} call {number:03}", f"{run}-{number}".replace(" ", "-")
        while True:
            try:
                answer = await people.note(text, key=key, name=speaker, by="dev", phone=speaker)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code in {200, 201}:
                ledger[speaker].append(text)
                return
            if answer.status_code < 500:
                answer.raise_for_status()
            await asyncio.sleep(0.2)

    async def all_of(speaker: str) -> None:
        for number in range(IN_FLIGHT // SPEAKERS):
            await send(int(speaker[-3:]) * 100 + number, speaker)

    prefix = f"+612{uuid4().int % 10**5:05}"
    ledger: dict[str, list[str]] = {f"{prefix}{number:03}": [] for number in range(SPEAKERS)}
    async with asyncio.timeout(120):
        await asyncio.gather(*(all_of(speaker) for speaker in ledger))
    return ledger


async def check_records(people: People, ledger: dict[str, list[str]]) -> None:
    """Every call is on the timeline of its customer, once and in order, and all calls of a customer are on one case."""
    await people.agree(within=120)
    for speaker, texts in ledger.items():
        items = await people.timeline(f"phone:{speaker}", at_least=len(texts))
        recorded = [item["text"] for item in sorted(items, key=lambda item: item["accepted_at"])]
        assert recorded == texts, f"lost, doubled or out of order for {speaker}"
        assert len({item["case_id"] for item in items}) == 1
        whole = await people.case(items[0]["case_id"])
        assert Counter(i["interaction"]["content"]["text"] for i in whole["interactions"]) == Counter(texts)
        entries = [entry for entry in whole["entries"] if entry["kind"] == "interaction"]
        assert len(entries) == len(texts)


async def check_open_work(people: People, ledger: dict[str, list[str]]) -> None:
    """Every case has open work."""
    for speaker in ledger:
        (item, *_) = await people.timeline(f"phone:{speaker}")

        async def work_of(case_id: str = item["case_id"]) -> bool:
            case = (await people.case(case_id))["case"]
            return case["work_state"] in {"queued", "offered", "accepted"}

        await until(work_of, what=f"work for the case of {speaker}")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_killed_service_loses_nothing_and_doubles_nothing(people: People, service: str) -> None:
    sending = asyncio.create_task(send_calls(people, f"kill {service} {uuid4().hex[:6]}"))
    await asyncio.sleep(0.5)
    for _ in range(2):
        people.stack.kill(service)
        await asyncio.to_thread(people.stack.start_service, service)
    ledger = await sending
    await check_records(people, ledger)
    await check_open_work(people, ledger)


async def test_24_a_killed_kafka_loses_nothing(people: People) -> None:
    sending = asyncio.create_task(send_calls(people, f"kafka {uuid4().hex[:6]}"))
    await asyncio.sleep(0.5)
    people.stack.kafka.process.kill()
    await asyncio.to_thread(people.stack.kafka.start)
    ledger = await sending
    await check_records(people, ledger)
    await check_open_work(people, ledger)


async def test_a_killed_postgresql_loses_nothing(people: People) -> None:
    sending = asyncio.create_task(send_calls(people, f"postgres {uuid4().hex[:6]}"))
    await asyncio.sleep(0.5)
    people.stack.postgres.process.kill()
    await asyncio.to_thread(people.stack.postgres.start)
    ledger = await sending
    await check_records(people, ledger)
    await check_open_work(people, ledger)


async def test_24_an_offer_from_before_a_kill_is_accepted_once_after_it(people: People) -> None:
    sender = f"held-{uuid4().hex[:8]}@mail.example"
    people.mail(sender, "About the building permit", to="planning@banksia.example")
    await people.timeline(f"email:{sender}")
    await people.presence("elena", "available")
    offer = (await until(lambda: people.offers("elena"), what="an offer"))[0]
    people.stack.kill("routing")
    await asyncio.to_thread(people.stack.start_service, "routing")
    answers = await asyncio.gather(*(people.accept("elena", offer) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    (await people.reply("elena", offer["work"]["case_id"], "Done.")).raise_for_status()
