"""Times have one form everywhere: in the answers of all services, in events, and in live changes."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from antiphon.access.roles import Role
from antiphon.contracts.topics import TOPICS
from antiphon.service_names import CASE_MGMT, CUSTOMER_PROFILE, INGEST_DIRECT, ROUTING, SERVICES
from deploy.kafka import PARTITIONS
from deploy.stack import Stack
from tests.support.openapi import operations
from tests.support.people import Json, People
from tests.support.waiting import until

ANY_FORM = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}.*")
ONE_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?Z")
PARAMETER = re.compile(r"\{(\w+)\}")
# What others wrote is shown as they wrote it: records of networks, headers of mails.
VERBATIM = {"record", "headers"}


def texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with where it is."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in VERBATIM:
                yield from texts(part, f"{path}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from texts(part, f"{path}[]")
    elif isinstance(value, str):
        yield path, value


def other_forms(found: list[tuple[str, str]]) -> dict[str, str]:
    return {path: text for path, text in found if ANY_FORM.fullmatch(text) and not ONE_FORM.fullmatch(text)}


async def test_times_of_all_answers_events_and_live_changes_have_one_form(people: People) -> None:
    await an_answered_mail_and_a_call(people)
    found = [*await in_answers(people), *await in_events(people.stack), *in_changes(people.stack)]
    assert other_forms(found) == {}
    times = {path for path, text in found if ONE_FORM.fullmatch(text)}
    for path in (
        "case-mgmt /cases/{case_id}.entries[].data.due_at",
        "ingest-direct /interactions/{interaction_id}.interaction.occurred_at",
        "interaction.received.v1.interaction.occurred_at",
        "work.accepted.v1 ce_time",
    ):
        assert path in times


async def an_answered_mail_and_a_call(people: People) -> None:
    """What makes many times: a mail that an agent answers, and a call of another time zone. Returns when all is on record."""
    await people.presence("elena", "available")
    sender = f"times-{uuid4().hex[:8]}@mail.example"
    people.mail(sender, "About the building permit", to="planning@banksia.example")
    work = await people.take("elena")
    await on_record(people, work["case_id"], "work.accepted")
    assert (await people.reply("elena", work["case_id"], "Yes.")).status_code == 201
    noted = await people.ask(
        Role.AGENT, "bruno", "POST", INGEST_DIRECT, "/interactions",
        json={
            "channel": "phone", "speaker": {"phone": f"+6125550{uuid4().int % 10_000:04}"},
            "text": "My pension?", "occurred_at": "2026-03-02T20:14:00.25+11:00",
        },
        headers={"Idempotency-Key": str(uuid4())},
    )  # fmt: skip
    assert noted.status_code == 201, noted.text
    path = f"/interactions/{noted.json()['interaction_id']}"

    async def case() -> Json | None:
        found: Json | None = (await people.see(INGEST_DIRECT, path))["case"]
        return found

    opened = await until(case, what="the case of the call")
    assert opened is not None
    await on_record(people, opened["case_id"], "work.queued")


async def on_record(people: People, case_id: str, kind: str) -> None:
    async def is_there() -> bool:
        return any(entry["kind"] == kind for entry in (await people.case(case_id))["entries"])

    await until(is_there, what=f"{kind} on the record of the case")


async def in_answers(people: People) -> list[tuple[str, str]]:
    """The texts of every GET that answers JSON; ids of paths are those that other answers have."""
    found: list[tuple[str, str]] = []
    ids: dict[str, set[str]] = defaultdict(set)
    paths = [(service, path) for service in SERVICES for path in await readable(people, service)]
    for service, path in sorted(paths, key=lambda one: one[1].count("{")):
        names = PARAMETER.findall(path)
        for place in places(path, names, ids):
            for role, who in ((Role.SUPERVISOR, "looker"), (Role.AGENT, "elena")):
                answer = await people.ask(role, who, "GET", service, place)
                if answer.status_code == 200:
                    collect(answer.json(), ids)
                    found += texts(answer.json(), f"{service} {path}")
    return found


async def readable(people: People, service: str) -> list[str]:
    document: Json = (await people.http.get(f"{people.stack.url(service)}/openapi.json")).json()
    return [
        operation.name.removeprefix("GET ")
        for operation in operations(document)
        if operation.name.startswith("GET ")
        and "application/json" in operation.content["responses"]["200"]["content"]
    ]


def places(path: str, names: list[str], ids: dict[str, set[str]]) -> list[str]:
    """The path with up to five ids of each kind; none while an id of a kind is unknown."""
    if not names:
        return [path]
    if len(names) > 1:
        return []
    return [path.replace(f"{{{names[0]}}}", one) for one in sorted(ids[names[0]])[:5]]


def collect(value: object, ids: dict[str, set[str]]) -> None:
    """Adds the ids in a JSON value by their names."""
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str) and name.endswith("_id"):
                ids[name].add(part)
            collect(part, ids)
    elif isinstance(value, list):
        for part in value:
            collect(part, ids)


async def in_events(stack: Stack) -> list[tuple[str, str]]:
    """The texts of every event that Kafka has, data and `ce_time`."""
    found: list[tuple[str, str]] = []
    async with AIOKafkaConsumer(bootstrap_servers=stack.kafka.bootstrap) as consumer:
        everything = [TopicPartition(topic, number) for topic in TOPICS for number in range(PARTITIONS)]
        ends = await consumer.end_offsets(everything)
        filled = [place for place in everything if ends[place]]
        consumer.assign(filled)
        for place in filled:
            consumer.seek(place, 0)
        for place in filled:
            while await consumer.position(place) < ends[place]:
                record = await consumer.getone(place)
                headers = {name: value.decode() for name, value in record.headers}
                found.append((f"{headers['ce_type']} ce_time", headers["ce_time"]))
                found += texts(json.loads(record.value or b"null"), headers["ce_type"])
    return found


def in_changes(stack: Stack) -> list[tuple[str, str]]:
    """The texts of every live change that the services keep."""
    found: list[tuple[str, str]] = []
    for service in (CASE_MGMT, CUSTOMER_PROFILE, INGEST_DIRECT, ROUTING):
        kept = stack.postgres.sql(
            service.replace("-", "_"), "select coalesce(json_agg(data), '[]') from change_log"
        )
        found += texts(json.loads(kept), f"{service} change")
    return found
