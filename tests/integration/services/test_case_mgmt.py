"""Cases on a real PostgreSQL: interactions are threaded once, agents reply to what they have read, all is on the record."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.identified import IdentifiedInteractionDeleted
from antiphon.contracts.replies import ReplyFailed, ReplySent
from antiphon.contracts.work import WorkAccepted
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem
from antiphon.kafka.consumer import NonRetryableError
from antiphon.process.clock import utc_now
from case_mgmt.domain import tokens
from tests.conftest import NewDatabase
from tests.support.case_mgmt import AMARA, GRACE, SECRET, answer, apply, rows, the_case
from tests.support.events import identified
from tests.support.statements import counted


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("case_mgmt")


async def test_the_second_mail_of_a_stranger_joins_the_case_of_the_first_in_the_same_batch(
    engine: AsyncEngine,
) -> None:
    customer = uuid4()
    await apply(
        engine, identified(customer, text="one"), identified(customer, text="two"), identified(uuid4())
    )
    cases = await rows(engine, "select * from case_file order by number")
    assert [case.interactions for case in cases] == [2, 1]
    assert cases[0].revision == 2
    types = await rows(engine, "select headers::json ->> 'ce_type' as type from outbox order by id")
    assert [row.type for row in types] == ["case.opened.v1", "case.interaction-added.v1", "case.opened.v1"]


async def test_a_repeated_interaction_changes_nothing(engine: AsyncEngine) -> None:
    message = identified(uuid4())
    await apply(engine, message)
    before = (await rows(engine, "select max(id) from outbox"), await the_case(engine))
    await apply(engine, message, message)
    assert (await rows(engine, "select max(id) from outbox"), await the_case(engine)) == before


async def test_of_two_agents_who_reply_at_once_one_gets_412_with_what_the_other_did(
    engine: AsyncEngine,
) -> None:
    await apply(engine, identified(uuid4()))
    case = await the_case(engine)
    results = await asyncio.gather(
        answer(engine, case.case_id, 1, who=AMARA),
        answer(engine, case.case_id, 1, who=GRACE),
        return_exceptions=True,
    )
    (lost,) = [result for result in results if isinstance(result, Problem)]
    assert lost.status == 412
    (won,) = await rows(engine, "select * from reply")
    last = lost.body["last"]
    assert (last["kind"], last["reply_id"], last["text"]) == ("reply-requested", str(won.reply_id), "Yes.")
    assert last["actor"]["id"] == won.author_id
    assert (await the_case(engine)).status == "pending"


async def test_a_reply_must_have_seen_the_newest_message_but_not_the_newest_offer(
    engine: AsyncEngine,
) -> None:
    customer = uuid4()
    await apply(engine, identified(customer))
    case = await the_case(engine)
    accepted = WorkAccepted.model_validate(generate.example("work.accepted.v1")["data"])
    accepted = accepted.model_copy(
        update={"work": accepted.work.model_copy(update={"case_id": case.case_id})}
    )
    await apply(engine, accepted)
    after = await the_case(engine)
    assert (after.revision, after.status, after.agent_id) == (2, "open", "amara")
    await apply(engine, identified(customer, text="One more thing"))
    with pytest.raises(Problem) as stale:
        await answer(engine, case.case_id, 2)
    assert stale.value.status == 412
    assert (stale.value.body["last"]["kind"], stale.value.body["last"]["text"]) == (
        "interaction",
        "One more thing",
    )
    await answer(engine, case.case_id, 3)


async def test_an_author_uses_a_key_for_one_reply_for_ever(engine: AsyncEngine) -> None:
    await apply(engine, identified(uuid4()))
    case = await the_case(engine)
    await answer(engine, case.case_id, 1)
    with pytest.raises(Problem) as again:
        await answer(engine, case.case_id, (await the_case(engine)).revision)
    assert again.value.kind is Kind.IDEMPOTENCY_KEY_REUSED
    assert len(await rows(engine, "select 1 from outbox where headers like '%reply.requested%'")) == 1


async def test_a_failed_reply_opens_the_case_again_and_a_sent_one_is_a_reference(
    engine: AsyncEngine,
) -> None:
    customer = uuid4()
    await apply(engine, identified(customer))
    case = await the_case(engine)
    reply = await answer(engine, case.case_id, 1)
    assert (await the_case(engine)).awaiting_answer_since is None
    about: dict[str, Any] = {"reply_id": reply.reply_id, "case_id": case.case_id, "channel": "email"}
    await apply(
        engine, ReplyFailed(**about, outcome="refused", reason="550", attempts=1, failed_at=utc_now())
    )
    failed = await the_case(engine)
    assert (failed.status, failed.awaiting_answer_since) == ("open", case.awaiting_answer_since)
    second = await answer(engine, case.case_id, failed.revision, key="k2")
    about["reply_id"] = second.reply_id
    author = AMARA.actor()
    await apply(
        engine, ReplySent(**about, native_ids=["<reply-x@banksia.example>"], author=author, sent_at=utc_now())
    )
    assert (await the_case(engine)).replies == 1
    await apply(engine, identified(customer, department="roads", answers=["<reply-x@banksia.example>"]))
    assert (await the_case(engine)).status == "open"
    about["reply_id"] = uuid4()
    with pytest.raises(NonRetryableError):
        await apply(
            engine, ReplyFailed(**about, outcome="refused", reason="", attempts=1, failed_at=utc_now())
        )


async def test_a_forwarded_case_token_does_not_lead_into_another_customers_case(engine: AsyncEngine) -> None:
    await apply(engine, identified(uuid4(), text="private words"))
    case = await the_case(engine)
    await apply(engine, identified(uuid4(), case_token=tokens.make(case.number, SECRET)))
    theirs = (await rows(engine, "select * from case_file order by number"))[1]
    assert theirs.related_case_id == case.case_id
    interactions = await rows(engine, f"select * from case_interaction where case_id = '{theirs.case_id}'")
    assert len(interactions) == 1
    assert "private words" not in str(interactions)


async def test_a_deletion_of_an_unknown_interaction_is_not_retried(engine: AsyncEngine) -> None:
    deletion = IdentifiedInteractionDeleted.model_validate(
        generate.example("identified-interaction.deleted.v1")["data"]
    )
    with pytest.raises(NonRetryableError, match="on no case"):
        await apply(engine, deletion)


async def test_a_batch_of_500_takes_as_many_statements_as_one_of_5(engine: AsyncEngine) -> None:
    counts: list[int] = []
    for size in (5, 500):
        events = [identified(uuid4(), answers=["<x@y>"]) for _ in range(size)]
        with counted(engine) as statements:
            await apply(engine, *events)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert len(await rows(engine, "select 1 from case_file")) == 505


async def test_hot_queries_use_their_indexes(engine: AsyncEngine) -> None:
    for _ in range(4):
        await apply(engine, *(identified(uuid4()) for _ in range(500)))
    async with engine.begin() as tx:
        await tx.execute(text("analyze"))
    for query, index in (
        ("select 1 from case_entry where natural_key = any(array['a', 'b'])", "case_entry_natural_key_key"),
        ("select 1 from channel_reference where reference = any(array['a', 'b'])", "channel_reference_pkey"),
        ("select * from case_file order by changed_at desc, case_id desc limit 51", "case_file_newest_ix"),
        (
            "select * from case_entry where case_id = '0192f0c4-7a00-7000-8000-000000000001' order by id",
            "case_entry_case_id_ix",
        ),
    ):
        plan = "\n".join(str(row[0]) for row in await rows(engine, f"explain {query}"))
        assert index in plan, plan
