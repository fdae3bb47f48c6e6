"""Every interaction is from one customer, also when several transactions identify the same speaker at once."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.base import Event
from antiphon.contracts.cases import CaseOpened
from antiphon.contracts.interactions import InteractionDeleted, InteractionEdited, InteractionReceived
from antiphon.kafka.consumer import NonRetryableError
from antiphon.organisation import document
from antiphon.process.clock import utc_now
from customer_profile.actions import customers, events, interactions
from customer_profile.domain.reading import WordReader
from deploy.site import EXAMPLE
from tests.conftest import NewDatabase
from tests.support.events import noted, received, spoken
from tests.support.statements import counted
from tests.support.waiting import until

WORDS = WordReader(0, document.load(EXAMPLE))


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("customer_profile")


async def identify(engine: AsyncEngine, *events: Event) -> None:
    async with engine.begin() as tx:
        await interactions.identify(tx, received(events), WORDS, utc_now())


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(query))).all())


async def owners(engine: AsyncEngine) -> dict[str, Any]:
    return {row.key: row.customer_id for row in await rows(engine, "select key, customer_id from identifier")}


async def test_many_first_messages_of_strangers_at_once_make_one_customer_each(engine: AsyncEngine) -> None:
    strangers = [f"email:s{n}@mail.example" for n in range(10)]
    shuffle = random.Random(7)  # noqa: S311 - an order, not a secret
    batches: list[list[Event]] = []
    for _ in range(12):
        shuffle.shuffle(strangers)
        batches.append([spoken(stranger) for stranger in strangers])
    await asyncio.gather(*(identify(engine, *batch) for batch in batches))
    assert len(await owners(engine)) == 10
    assert len(await rows(engine, "select 1 from customer")) == 10
    counted = await rows(engine, "select interactions from customer")
    assert [row.interactions for row in counted] == [12] * 10
    per_customer = await rows(
        engine, "select customer_id, count(distinct speaker_key) as n from interaction group by 1"
    )
    assert all(row.n == 1 for row in per_customer)


async def test_two_identifiers_claimed_in_opposite_order_at_once_never_deadlock(
    engine: AsyncEngine,
) -> None:
    for number in range(15):
        a, b = f"email:a{number}@mail.example", f"phone:+6125550{number:04}"
        await asyncio.gather(identify(engine, noted(a, also=[b])), identify(engine, noted(b, also=[a])))
    assert (await rows(engine, "select count(*) as n from interaction"))[0].n == 30
    unowned = await rows(
        engine, "select 1 from interaction i left join customer c using (customer_id) where c is null"
    )
    assert unowned == []


async def test_an_agents_note_links_identifiers_by_which_the_customer_is_found_later(
    engine: AsyncEngine,
) -> None:
    await identify(engine, noted("email:jo@mail.example", also=["account:R-1"], name="Jo Carver"))
    await identify(engine, spoken("account:R-1"))
    assert len(set((await owners(engine)).values())) == 1
    (customer,) = await rows(engine, "select name, interactions from customer")
    assert tuple(customer) == ("Jo Carver", 2)


async def test_a_stated_identifier_of_another_customer_is_a_conflict(engine: AsyncEngine) -> None:
    await identify(engine, spoken("email:jo@mail.example"), spoken("account:R-1"))
    await identify(engine, spoken("email:jo@mail.example", also=["account:R-1"]))
    owned = await owners(engine)
    assert owned["email:jo@mail.example"] != owned["account:R-1"]
    (conflict,) = await rows(engine, "select * from identifier_conflict")
    assert (conflict.customer_id, conflict.other_customer_id) == (
        owned["email:jo@mail.example"],
        owned["account:R-1"],
    )


async def test_each_interaction_without_an_identifier_is_from_a_new_customer(engine: AsyncEngine) -> None:
    await identify(engine, spoken(None, name="A visitor"), spoken(None, name="A visitor"))
    assert len(await rows(engine, "select 1 from customer")) == 2


async def test_a_redelivered_batch_changes_nothing_and_publishes_nothing(engine: AsyncEngine) -> None:
    batch = [spoken("email:jo@mail.example", text=f"number {n}") for n in range(5)]
    await identify(engine, *batch)
    before = await rows(engine, "select count(*) as n, max(id) as id from outbox")
    await identify(engine, *batch)
    assert await rows(engine, "select count(*) as n, max(id) as id from outbox") == before
    assert (await rows(engine, "select interactions from customer"))[0].interactions == 5


async def test_events_carry_at_most_fifty_identifiers_those_linked_first(
    engine: AsyncEngine,
) -> None:
    await identify(engine, spoken("email:jo@mail.example"))
    (customer,) = (await owners(engine)).values()
    async with engine.begin() as tx:
        await tx.execute(
            text(
                "insert into identifier (key, kind, value, customer_id, stated_by, source, linked_at) "
                "select 'account:' || v, 'account', v, :customer, 'agent', 'test', now() + n * interval '1 second' "
                "from (select n, 'R-' || lpad(n::text, 3, '0') as v from generate_series(0, 99) n) numbered"
            ),
            {"customer": customer},
        )
    await identify(engine, spoken("email:jo@mail.example"))
    async with engine.begin() as tx:
        updated = await customers.publish_updated(tx, customer, ["labels"], events.SYSTEM, utc_now())
    assert len(updated.record.identifiers) == 101
    published = await rows(
        engine,
        "select topic, convert_from(value, 'utf8')::json -> 'customer' -> 'identifiers' as identifiers from outbox "
        "where id in (select max(id) from outbox group by topic)",
    )
    assert {row.topic for row in published} == {"customers", "identified-interactions"}
    for row in published:
        values = [identifier["value"] for identifier in row.identifiers]
        assert len(values) == events.MOST_IDENTIFIERS
        assert {"jo@mail.example", "R-000", "R-048"} <= set(values)


async def test_the_outbox_keeps_the_order_of_each_customers_interactions(engine: AsyncEngine) -> None:
    batch = [spoken(f"email:{n % 3}@mail.example", text=f"{n:03}") for n in range(60)]
    await identify(engine, *batch)
    published = await rows(
        engine,
        "select key, convert_from(value, 'utf8')::json -> 'interaction' -> 'content' ->> 'text' as text from outbox "
        "where headers like '%identified-interaction.received%' order by id",
    )
    by_key: dict[str, list[str]] = {}
    for row in published:
        by_key.setdefault(row.key, []).append(row.text)
    assert len(by_key) == 3
    assert all(texts == sorted(texts) and len(texts) == 20 for texts in by_key.values())


async def test_edits_keep_the_earlier_words_and_deletions_are_recorded(engine: AsyncEngine) -> None:
    first = spoken("did:did:plc:x", text="first")
    identity = first.interaction.interaction_id
    edit = InteractionEdited.model_validate(generate.example("interaction.edited.v1")["data"])
    edit = edit.model_copy(update={"interaction_id": identity})
    deletion = InteractionDeleted.model_validate(generate.example("interaction.deleted.v1")["data"])
    deletion = deletion.model_copy(update={"interaction_id": identity})
    again = edit.model_copy(
        update={
            "content": edit.content.model_copy(update={"text": "third"}),
            "accepted_at": edit.accepted_at + timedelta(seconds=1),
        }
    )
    await identify(engine, first, edit, again)
    await identify(engine, deletion)
    (row,) = await rows(engine, "select * from interaction")
    assert row.text == "third"
    assert [version["text"] for version in row.earlier] == ["first", edit.content.text]
    assert row.deleted_at is not None
    with pytest.raises(NonRetryableError):
        await identify(engine, edit.model_copy(update={"interaction_id": uuid4()}))


async def test_a_replayed_event_of_a_case_leaves_each_interaction_on_its_case(engine: AsyncEngine) -> None:
    first, second = spoken("email:jo@mail.example"), spoken("email:jo@mail.example")
    await identify(engine, first, second)
    example = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])

    def opened(of: InteractionReceived, reference: str) -> CaseOpened:
        words = example.interaction.model_copy(update={"interaction_id": of.interaction.interaction_id})
        case = example.case.model_copy(update={"case_id": uuid4(), "reference": reference})
        return example.model_copy(update={"case": case, "interaction": words})

    one, two = opened(first, "C-1"), opened(second, "C-2")
    for batch in ([one, two], [one]):
        async with engine.begin() as tx:
            await interactions.set_cases(tx, received(batch))
        on = await rows(engine, "select interaction_id, case_id, case_reference from interaction")
        assert {tuple(row) for row in on} == {
            (event.interaction.interaction_id, event.case.case_id, event.case.reference)
            for event in (one, two)
        }


@pytest.mark.parametrize(
    ("words", "topics", "department", "tone"),
    [
        ("My RATES are overdue!", ["rates-notice", "payment"], "rates", "neutral"),
        ("The pothole damaged my car, unacceptable", ["pothole"], "roads", "negative"),
        ("Thank you, the new footpath is great", ["footpath"], "roads", "positive"),
        ("Separates and paydays are no words of ours", [], None, "neutral"),
        ("Your figure for my land\nvalue is wrong", ["rates-notice"], "rates", "neutral"),
        ("", [], None, "neutral"),
    ],
)
def test_words_decide_topics_department_and_tone(
    words: str, topics: list[str], department: str | None, tone: str
) -> None:
    reading = WORDS.read(spoken("email:a@b.c", text=words).interaction.content, "council@banksia.example")
    assert (sorted(reading.topics), reading.department, reading.tone) == (sorted(topics), department, tone)


def test_without_topics_the_account_decides_the_department() -> None:
    assert (
        WORDS.read(spoken("email:a@b.c").interaction.content, "Rates@banksia.example").department == "rates"
    )


async def test_a_batch_of_500_takes_as_many_statements_as_one_of_5(engine: AsyncEngine) -> None:
    def batch(size: int) -> Sequence[InteractionReceived]:
        run = uuid4().hex
        return [
            noted(f"email:{run}-{n % (size // 2)}@mail.example", also=[f"account:{run}{n % 2}"], name="N")
            for n in range(size)
        ]

    counts: list[int] = []
    for size in (6, 498):  # odd halves: both batches have conflicts too
        events = batch(size)
        with counted(engine) as statements:
            await identify(engine, *events)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert await rows(engine, "select 1 from identifier_conflict")


BY_NAME = (
    "select customer_id from customer where customer_id in (select customer_id from customer where folded_name >= 'name 77' "
    "and folded_name < 'name 77\U0010ffff' union select customer_id from customer_name_part where part >= 'name 77' "
    "and part < 'name 77\U0010ffff') order by folded_name, customer_id limit 51"
)


async def test_timelines_and_names_are_read_by_their_indexes(engine: AsyncEngine) -> None:
    async with engine.begin() as tx:
        await tx.execute(
            text(
                "insert into customer (customer_id, name, since) "
                "select gen_random_uuid(), 'Name ' || n, now() from generate_series(1, 20000) n"
            )
        )
        await tx.execute(
            text(
                "insert into interaction (interaction_id, customer_id, speaker_key, channel, account, visibility, text, topics, "
                "tone, automation, occurred_at, accepted_at) select gen_random_uuid(), customer_id, 'k', 'email', 'a', "
                "'private', 't', '{}', 'neutral', 'none', now(), now() from customer"
            )
        )
        await tx.execute(
            text(
                "insert into identifier (key, kind, value, customer_id, stated_by, source, linked_at) "
                "select 'email:' || customer_id, 'email', customer_id, customer_id, 'channel', 'test', now() from customer"
            )
        )
        await tx.execute(
            text(
                "insert into unlinked_identifier (key, customer_id, stated_by, source, linked_at, unlinked_by, unlinked_at) "
                "select key, customer_id, stated_by, source, linked_at, 'vera', now() from identifier"
            )
        )
        await tx.execute(
            text(
                "insert into identifier_conflict (key, customer_id, other_customer_id, source, detected_at) "
                "select key, customer_id, gen_random_uuid(), source, linked_at from identifier"
            )
        )
        await tx.execute(text("analyze unlinked_identifier"))
        await tx.execute(text("analyze identifier_conflict"))
        await tx.execute(text("analyze identifier"))
        await tx.execute(text("analyze customer"))
        await tx.execute(text("analyze customer_name_part"))
        await tx.execute(text("analyze interaction"))
    for query, index in (
        ("select * from interaction where customer_id = '0192f0c4-7a00-7000-8000-000000000001' order by occurred_at desc, interaction_id desc limit 51", "interaction_timeline_ix"),
        (BY_NAME, "Index Cond: ((folded_name >= 'name 77'"),
        (BY_NAME, "Index Cond: ((part >= 'name 77'"),
        ("select key from identifier where key = any(array['a', 'b'])", "identifier_pkey"),
        ("select key from identifier where customer_id = '0192f0c4-7a00-7000-8000-000000000001'", "identifier_customer_id_ix"),
        ("select customer_id from unlinked_identifier where key in (select unnest(array['a', 'b']))", "unlinked_identifier_key_ix"),
        ("select * from identifier_conflict c where c.id > 0 and c.customer_id = '0192f0c4-7a00-7000-8000-000000000001' order by c.id desc limit 20", "identifier_conflict_customer_id_ix"),
        ("select * from identifier_conflict c where c.id > 0 and c.other_customer_id = '0192f0c4-7a00-7000-8000-000000000001' order by c.id limit 51", "identifier_conflict_other_customer_id_ix"),
        ("select customer_id from interaction where interaction_id = any(array['0192f0c4-7a00-7000-8000-000000000001']::uuid[])", "interaction_pkey"),
    ):  # fmt: skip
        plan = "\n".join(str(row[0]) for row in await rows(engine, f"explain {query}"))
        assert index in plan, plan


async def test_who_loses_the_race_for_one_identifier_links_its_others_to_the_winner(
    engine: AsyncEngine,
) -> None:
    for number in range(10):
        address, account = f"email:r{number}@mail.example", f"account:A-{number}"
        await lose(engine, won=spoken(address), lost=noted(address, also=[account]))
        owned = await owners(engine)
        assert owned[address] == owned[account]
    assert await rows(engine, "select 1 from customer where interactions <> 2") == []
    assert len(await rows(engine, "select 1 from customer")) == 10
    assert await rows(engine, "select 1 from identifier_conflict") == []


async def test_who_loses_a_race_does_not_make_a_removed_link_again(engine: AsyncEngine) -> None:
    await identify(engine, spoken("account:R-1"))
    winner = (await owners(engine))["account:R-1"]
    await remove(engine, "email:x@mail.example", winner)
    await lose(
        engine,
        won=noted("account:R-1", also=["phone:+61255501234"]),
        lost=noted("phone:+61255501234", also=["email:x@mail.example"]),
    )
    assert await owners(engine) == {"account:R-1": winner, "phone:+61255501234": winner}
    assert [row.interactions for row in await rows(engine, "select interactions from customer")] == [3]


async def test_who_loses_a_race_links_to_the_winner_what_was_removed_from_another(
    engine: AsyncEngine,
) -> None:
    await identify(engine, spoken("account:R-1"), spoken("account:R-2"))
    before = await owners(engine)
    await remove(engine, "email:x@mail.example", before["account:R-1"])
    await lose(
        engine,
        won=noted("account:R-2", also=["phone:+61255501234"]),
        lost=noted("phone:+61255501234", also=["account:R-1", "email:x@mail.example"]),
    )
    winner = before["account:R-2"]
    assert await owners(engine) == before | {"phone:+61255501234": winner, "email:x@mail.example": winner}
    (conflict,) = await rows(engine, "select * from identifier_conflict")
    assert (conflict.key, conflict.customer_id, conflict.other_customer_id) == (
        "account:R-1",
        winner,
        before["account:R-1"],
    )


async def test_a_handle_is_a_conflict_only_when_a_person_linked_it(engine: AsyncEngine) -> None:
    handle = "handle:bluesky/jo.example"
    await identify(engine, spoken("did:did:plc:jo", also=[handle]))
    await identify(engine, spoken("did:did:plc:heir", also=[handle]))
    assert set(await owners(engine)) == {"did:did:plc:jo", "did:did:plc:heir"}
    assert await rows(engine, "select 1 from identifier_conflict") == []
    link = (
        "insert into identifier (key, kind, value, customer_id, stated_by, source, linked_at) "
        f"select '{handle}', 'handle', 'bluesky/jo.example', customer_id, 'agent', 'person:amara', now() "
        "from identifier where key = 'did:did:plc:jo'"
    )
    async with engine.begin() as tx:
        await tx.execute(text(link))
    await identify(engine, spoken("did:did:plc:heir", also=[handle]))
    owned = await owners(engine)
    assert owned["did:did:plc:heir"] != owned["did:did:plc:jo"] == owned[handle]
    (conflict,) = await rows(engine, "select * from identifier_conflict")
    assert (conflict.customer_id, conflict.other_customer_id) == (owned["did:did:plc:heir"], owned[handle])


async def lose(engine: AsyncEngine, *, won: InteractionReceived, lost: InteractionReceived) -> None:
    """Identifies both at once: the transaction of `lost` has decided before it sees that `won` claimed an identifier."""
    first = await engine.connect()
    tx = await first.begin()
    await interactions.identify(first, received([won]), WORDS, utc_now())
    losing = asyncio.create_task(identify(engine, lost))
    await _until_waiting(engine)
    await tx.commit()
    await first.close()
    await losing


async def remove(engine: AsyncEngine, key: str, customer_id: UUID) -> None:
    """A supervisor removed this link some time ago."""
    async with engine.begin() as tx:
        await tx.execute(
            text(
                "insert into unlinked_identifier (key, customer_id, stated_by, source, linked_at, unlinked_by, unlinked_at) "
                f"values ('{key}', '{customer_id}', 'agent', 'test', now(), 'vera', now())"
            )
        )


async def _until_waiting(engine: AsyncEngine) -> None:
    async def somebody_waits() -> bool:
        return bool(
            await rows(
                engine,
                "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
            )
        )

    await until(somebody_waits, what="a transaction that waits")
