"""Words that decisions were made on: kept while the case awaits an answer, and gone when the customer takes them back."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from routing import store
from routing.domain.case_record import TakenBack
from routing.store import decisions
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.messages import CaseWithMessages

KEPT_FOR = timedelta(days=30)
LEAK = "There is a gas leak, come at once! rosebud"


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


async def kept(pool: AgentPool, mark: str = "rosebud") -> int:
    """How many rows of decisions, work and trials have these words."""
    tables = ("decision", "work_item", "escalation", "trial", "trial_item", "case_record", "offer")
    found = [
        await pool.rows(f"select 1 from {table} t where cast(t as text) like :mark", mark=f"%{mark}%")
        for table in tables
    ]
    return sum(map(len, found))


async def forget(pool: AgentPool, later: timedelta) -> int:
    async with pool.engine.begin() as tx:
        return await decisions.forget_old(tx, pool.now + later - KEPT_FOR)


async def context(pool: AgentPool) -> dict[str, Any]:
    why: Any = await pool.why("C-1")
    return why["decision"].context


async def test_deleted_words_disappear_from_every_decision_that_was_made_on_them(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened, case.interaction_added(LEAK))
    assert "rosebud" in (await context(pool))["case.unanswered_text"]
    await pool.apply(case.interaction_deleted(1))
    assert await kept(pool) == 0
    why: Any = await pool.why("C-1")
    assert not why["decision"].has_words
    assert "interaction.text" not in why["decision"].context
    assert why["decision"].context["interaction.channel"] == "email"
    first, later = await pool.rows("select context, has_words from decision order by case_revision")
    assert (first.has_words, later.has_words) == (True, False)
    assert first.context["interaction.text"] == "When do you open?"


async def test_edited_words_disappear_and_the_decision_on_the_new_ones_keeps_them(pool: AgentPool) -> None:
    case = CaseWithMessages(pool, text="When do you open, rosebud?")
    await pool.apply(case.opened)
    await pool.apply(case.interaction_edited("There is a gas leak"))
    assert await kept(pool) == 0
    assert (await context(pool))["interaction.text"] == "There is a gas leak"


async def test_words_that_are_deleted_in_the_batch_that_brings_them_are_not_kept(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened, case.interaction_added(LEAK), case.interaction_deleted(1))
    assert await kept(pool) == 0


async def test_a_deletion_that_arrives_late_still_deletes_the_words(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened, case.interaction_added(LEAK))
    late = case.interaction_deleted(1)
    await pool.apply(case.interaction_added("There is smoke, too"))
    assert await kept(pool) == 1
    await pool.apply(late)
    assert await kept(pool) == 0
    await pool.apply(late)
    assert await kept(pool, "open?") == 1


async def test_an_edit_that_arrives_again_deletes_no_newer_words(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    first = case.interaction_edited("There is smoke")
    second = case.interaction_edited("There is smoke and a gas leak")
    await pool.apply(case.opened, first, second, first)
    assert await kept(pool, "There is smoke and a gas leak") == 1


async def test_the_subject_of_a_deleted_message_disappears_from_open_and_completed_work(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool, subject="My rosebud")
    await pool.apply(case.opened)
    await pool.apply(case.reply_requested(), case.reply_failed())
    rows = await pool.rows("select state, subject from work_item order by state")
    assert [tuple(row) for row in rows] == [("completed", "My rosebud"), ("queued", "My rosebud")]
    await pool.apply(case.interaction_added("Hello?"))
    await pool.apply(case.interaction_deleted(0))
    assert await kept(pool) == 0


async def test_words_of_decisions_that_name_no_messages_are_forgotten_with_any_of_the_case(
    pool: AgentPool,
) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened, case.interaction_added(LEAK))
    async with pool.engine.begin() as tx:
        await tx.execute(text("update decision set interaction_ids = '{}', case_revision = 0"))
    await pool.apply(case.interaction_deleted(1))
    assert await kept(pool) == 0


@pytest.mark.parametrize("in_one_batch", [False, True])
async def test_an_old_edit_that_arrives_again_brings_back_no_old_subject(
    pool: AgentPool, in_one_batch: bool
) -> None:
    case = CaseWithMessages(pool, subject="Bins")
    await pool.apply(case.opened, case.reply_requested())
    first = case.interaction_edited("In May?", subject="My rosebud")
    second = case.interaction_edited("In June?", subject="Garden")
    if in_one_batch:
        await pool.apply(first, second, first)
    else:
        await pool.apply(first, second)
        await pool.apply(first)
    assert await kept(pool) == 0
    (work,) = await pool.rows("select subject from work_item where state = 'completed'")
    assert work.subject == "Garden"


async def test_a_subject_is_forgotten_where_newer_words_or_a_newer_event_came_first(pool: AgentPool) -> None:
    case = CaseWithMessages(pool, subject="My rosebud")
    await pool.apply(case.opened, case.reply_requested(), case.reply_failed(), case.reply_requested())
    edited, written = case.interaction_edited("In May?", subject="Bins"), case.interaction_added("Hello?")
    await pool.apply(written)
    await pool.apply(edited)
    assert await kept(pool) == 0
    await pool.apply(case.interaction_edited("In May?", subject="Trees"), case.interaction_added("Well?"))
    subjects = await pool.rows("select distinct subject from work_item where subject is not null")
    assert [row.subject for row in subjects] == ["Trees"]


async def test_words_are_kept_while_the_case_awaits_an_answer_and_thirty_days_after(pool: AgentPool) -> None:
    case = CaseWithMessages(pool, text="When, rosebud?", subject="My rosebud")
    await pool.apply(case.opened)
    assert await forget(pool, timedelta(days=400)) == 0
    await pool.apply(case.reply_requested())
    assert await forget(pool, timedelta(days=30)) == 0
    assert await kept(pool) == 2
    assert await forget(pool, timedelta(days=30, seconds=1)) == 1
    assert await kept(pool) == 0
    assert await forget(pool, timedelta(days=400)) == 0
    (decision,) = await pool.rows("select * from decision")
    assert (decision.has_words, decision.context["interaction.channel"]) == (False, "email")
    assert decision.outcome["queue"] == "front-desk"


async def test_words_of_a_case_that_awaits_an_answer_again_are_kept(pool: AgentPool) -> None:
    case = CaseWithMessages(pool, text="When, rosebud?")
    await pool.apply(case.opened, case.reply_requested(), case.reply_failed())
    assert await forget(pool, timedelta(days=400)) == 0
    assert await kept(pool) == 2


async def test_words_of_work_that_a_person_dismissed_are_kept_for_a_limited_time(pool: AgentPool) -> None:
    case = CaseWithMessages(pool, text="When, rosebud?")
    await pool.present("hugo")
    await pool.apply(case.opened)
    await pool.assign()
    ((offer,),) = (await pool.pending()).values()
    await pool.accept(offer, "hugo")
    (work,) = await pool.rows("select work_item_id from work_item")
    await pool.complete("hugo", work.work_item_id)
    await pool.apply(case.work_accepted())
    assert await forget(pool, timedelta(days=29)) == 0
    assert await forget(pool, timedelta(days=31)) == 1
    assert await kept(pool) == 0


async def test_words_are_found_by_indexes(pool: AgentPool) -> None:
    case = CaseWithMessages(pool)
    await pool.apply(case.opened, case.reply_requested())
    async with pool.engine.begin() as tx:
        # Many cases whose words are gone, and many decisions of them.
        await tx.execute(
            text(
                "insert into case_record (case_id, revision) select gen_random_uuid(), 1 from generate_series(1, 5000)"
            )
        )
        await tx.execute(
            text(
                "insert into decision (decision_id, work_item_id, case_id, version, rule, reason, context, trace, at, has_words) "
                "select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), version, rule, reason, context, trace, at, false "
                "from decision cross join generate_series(1, 5000)"
            )
        )
        await tx.execute(text("analyze"))
        one = TakenBack(case.case.case_id, case.messages[0].interaction_id, 2, None, is_late=False)
        plans = [
            await tx.execute(text(f"explain {store.decisions.FORGET_OLD.text}"), {"before": pool.now}),
            await tx.execute(
                text(f"explain {store.decisions.FORGET_TAKEN_BACK.text}"),
                {"taken": store.decisions.as_parameter([one])},
            ),
        ]
        lines = "\n".join(str(row[0]) for plan in plans for row in plan)
    assert "case_record_awaited_ix" in lines
    assert lines.count("decision_words_ix") == 2
    assert "Seq Scan on decision" not in lines
    assert "Seq Scan on case_record" not in lines
