"""A case's copy of routing's work: it changes no case, never goes back, and is found by queue and agent."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.work import (
    SlaBreached,
    WorkAccepted,
    WorkCompleted,
    WorkEvent,
    WorkHeld,
    WorkOffered,
    WorkQueued,
    WorkRedecided,
    WorkRequeued,
)
from antiphon.process.clock import utc_now
from tests.support.case_mgmt import apply, apply_in, rows, the_case
from tests.support.events import identified
from tests.support.statements import counted
from tests.support.waiting import until

Kind = TypeVar("Kind", bound=WorkEvent)
MINUTE = timedelta(minutes=1)
COPY = "work_state, queue, agent_id, agent_name, due_at, breached, event_at"


def of(kind: type[Kind], case: Any, **changes: Any) -> Kind:
    """The example of an event, about the work of a case."""
    event = kind.model_validate(generate.example(kind.type)["data"])
    ids = {"case_id": case.case_id, "customer_id": case.customer_id}
    return event.model_copy(update={"work": event.work.model_copy(update=ids | changes)})


async def copy(engine: AsyncEngine) -> list[Any]:
    return await rows(engine, f"select {COPY} from case_work")


async def audience(engine: AsyncEngine, case_id: UUID) -> set[str]:
    """Whom the newest change concerns, besides readers of this case or customer."""
    (row,) = await rows(engine, "select audience, subject from change_log order by id desc limit 1")
    assert row.subject == str(case_id)
    return {name for name in row.audience if not name.startswith(("case:", "customer:"))}


async def test_a_note_a_label_and_events_of_work_do_not_refuse_a_reply(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    await apply(engine, identified(uuid4()))
    case = await the_case(engine)
    await apply(engine, of(WorkQueued, case))
    # The agent accepts the work and reads the case before case-mgmt gets the event of that.
    etag = (await api.get(f"/cases/{case.case_id}")).headers["etag"]
    await apply(engine, of(WorkAccepted, case))
    assert (await api.post(f"/cases/{case.case_id}/notes", json={"text": "She rang too"})).status_code == 201
    await apply(engine, of(WorkRedecided, case, state="accepted", agent_id="amara", labels=["storm"]))
    await apply(engine, of(SlaBreached, case, state="accepted", agent_id="amara"))
    answered = await api.post(
        f"/cases/{case.case_id}/replies",
        json={"text": "We are on our way."},
        headers={"If-Match": etag, "Idempotency-Key": "k"},
    )
    assert answered.status_code == 201, answered.text


async def test_an_event_of_work_does_not_change_the_case_and_is_in_the_change_log(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    await apply(engine, identified(uuid4()))
    case = await the_case(engine)
    await apply(engine, of(WorkQueued, case), of(WorkOffered, case))
    untouched = "select xmin::text, ctid::text, revision, changed_at from case_file"
    before = await rows(engine, untouched)
    assert before[0].revision == 1
    announced = len(await rows(engine, "select 1 from change_log"))
    await apply(engine, of(WorkRequeued, case, state="queued", agent_id=None, queue="roads"))
    assert await rows(engine, untouched) == before
    assert len(await rows(engine, "select 1 from change_log")) == announced + 1
    shown = (await api.get(f"/cases/{case.case_id}")).json()["case"]
    assert (shown["queue"], shown["work_state"], shown["revision"]) == ("roads", "queued", 1)
    # The first acceptance changes the case: it is open.
    await apply(engine, of(WorkAccepted, case))
    await apply(engine, of(WorkAccepted, case, queue="parks"))
    assert [(row.revision, row.status) for row in await rows(engine, "select * from case_file")] == [
        (2, "open")
    ]


async def test_a_case_without_work_is_shown_without_any(engine: AsyncEngine, api: httpx.AsyncClient) -> None:
    await apply(engine, identified(uuid4()))
    (shown,) = (await api.get("/cases")).json()["items"]
    assert [shown[n] for n in ("agent_id", "agent_name", "queue", "work_state", "due_at", "breached")] == [
        None, None, None, None, None, []
    ]  # fmt: skip


def older(case: Any) -> Sequence[WorkEvent]:
    held = of(WorkHeld, case, queue="waste", state="queued", agent_id=None)
    return (
        of(WorkAccepted, case, queue="waste", agent_id="grace"),
        of(WorkCompleted, case, state="completed"),
        of(SlaBreached, case),
        held.model_copy(update={"acknowledge": "We read this tomorrow.", "opens_at": utc_now() + MINUTE}),
    )


@pytest.mark.parametrize("number", range(4))
async def test_a_late_event_of_work_is_recorded_and_changes_nothing_newer(
    engine: AsyncEngine, number: int
) -> None:
    await apply(engine, identified(uuid4()))
    case, now = await the_case(engine), utc_now()
    event = older(case)[number]
    await apply(engine, of(WorkQueued, case), at=now, offset=20)
    before = (await copy(engine), await the_case(engine), await rows(engine, "select id from outbox"))
    await apply(engine, event, at=now - MINUTE, offset=10)
    assert (
        await copy(engine), await the_case(engine), await rows(engine, "select id from outbox"),
    ) == before  # fmt: skip
    (entry,) = await rows(engine, "select kind, occurred_at from case_entry order by id desc limit 1")
    assert (entry.kind, entry.occurred_at) == (event.type.removesuffix(".v1"), now - MINUTE)


@pytest.mark.parametrize(
    ("ago", "offset"), [(-MINUTE, 10), (MINUTE, 90)], ids=["dead letter of a fast clock", "parked event"]
)
async def test_an_event_of_an_older_revision_of_work_changes_nothing_whenever_it_comes(
    engine: AsyncEngine, ago: timedelta, offset: int
) -> None:
    await apply(engine, identified(uuid4()))
    case, now = await the_case(engine), utc_now()
    await apply(engine, of(WorkQueued, case, revision=7), at=now, offset=20)
    before = await copy(engine)
    await apply(engine, of(WorkAccepted, case, revision=6), at=now - ago, offset=offset)
    assert (await copy(engine), (await the_case(engine)).status) == (before, "new")
    await apply(engine, of(WorkAccepted, case, revision=8), at=now - MINUTE, offset=3)
    assert [row.work_state for row in await copy(engine)] == ["accepted"]


@pytest.mark.parametrize(
    ("ago", "offset", "what"),
    [
        (MINUTE, 21, "written by a replica whose clock is behind"),
        (timedelta(0), 20, "of the same moment"),
        (-MINUTE, 3, "in a log that was set up anew"),
    ],
)
async def test_an_event_of_one_revision_is_older_only_if_its_time_and_its_offset_are(
    engine: AsyncEngine, ago: timedelta, offset: int, what: str
) -> None:
    await apply(engine, identified(uuid4()))
    case, now = await the_case(engine), utc_now()
    await apply(engine, of(WorkQueued, case), at=now, offset=20)
    await apply(engine, of(WorkAccepted, case), at=now - ago, offset=offset)
    assert [(row.work_state, row.agent_id) for row in await copy(engine)] == [("accepted", "amara")], what


async def test_of_two_concurrent_events_of_work_the_newer_one_stays(engine: AsyncEngine) -> None:
    await apply(engine, identified(uuid4()))
    case, now = await the_case(engine), utc_now()
    await apply(engine, of(WorkQueued, case), at=now, offset=1)
    async with engine.begin() as tx:
        await apply_in(tx, of(SlaBreached, case), at=now + 2 * MINUTE, offset=3)
        # Meanwhile a dead letter is replayed.
        late = asyncio.create_task(apply(engine, of(WorkCompleted, case), at=now + MINUTE, offset=2))
        await until(lambda: _waits(engine), what="the late event to wait")
    await late
    (row,) = await copy(engine)
    assert (row.event_at, len(row.breached)) == (now + 2 * MINUTE, 1)


async def _waits(engine: AsyncEngine) -> bool:
    query = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(await rows(engine, query))


async def test_a_note_during_an_acceptance_notifies_the_agent_who_accepts(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    await apply(engine, identified(uuid4()))
    case = await the_case(engine)
    await apply(engine, of(WorkQueued, case))
    async with engine.begin() as tx:
        await apply_in(tx, of(WorkAccepted, case))
        note = asyncio.create_task(api.post(f"/cases/{case.case_id}/notes", json={"text": "Careful"}))
        await until(lambda: _waits(engine), what="the note to wait")
    assert (await note).json()["agent_id"] == "amara"
    assert await audience(engine, case.case_id) == {"agent:amara", "queue:rates"}


async def test_a_transfer_also_notifies_the_queue_and_the_agent_that_the_case_leaves(
    engine: AsyncEngine,
) -> None:
    await apply(engine, identified(uuid4()))
    case = await the_case(engine)
    await apply(engine, of(WorkQueued, case), of(WorkAccepted, case))
    await apply(engine, of(WorkRequeued, case, state="queued", agent_id=None, queue="roads"))
    assert await audience(engine, case.case_id) == {"agent:amara", "queue:rates", "queue:roads"}


async def test_a_change_says_of_the_case_and_its_work_what_the_list_shows(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    async def agrees() -> None:
        (row,) = await rows(engine, "select data from change_log order by id desc limit 1")
        (shown,) = (await api.get("/cases")).json()["items"]
        at = {"changed_at", "awaiting_answer_since", "due_at"}
        times = {
            name: value and datetime.fromisoformat(value) for name, value in row.data.items() if name in at
        }
        assert {**row.data, **times} == {
            name: value and datetime.fromisoformat(value) if name in at else value
            for name, value in shown.items()
            if name in row.data
        }
        assert {"agent_id", "queue", "work_state", "due_at", "breached", "changed_at"} <= row.data.keys()

    await apply(engine, identified(uuid4()))
    await agrees()
    case = await the_case(engine)
    await apply(engine, of(WorkQueued, case), of(SlaBreached, case), of(WorkAccepted, case))
    await agrees()
    # The note changes the case and not its work.
    assert (await api.post(f"/cases/{case.case_id}/notes", json={"text": "Careful"})).status_code == 201
    await agrees()


async def listed(api: httpx.AsyncClient, **asked: Any) -> list[str]:
    """References of all pages, two on each."""
    found: list[str] = []
    while True:
        page = (await api.get("/cases", params={"limit": 2, **asked})).json()
        found += [case["reference"] for case in page["items"]]
        if page["next"] is None:
            return found
        asked["cursor"] = page["next"]


async def test_lists_by_queue_and_agent_have_the_newest_change_first(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    customers = [uuid4() for _ in range(6)]
    await apply(engine, *(identified(customer) for customer in customers))
    cases = await rows(engine, "select * from case_file order by number")
    names = [f"C-{case.number}" for case in cases]
    await apply(engine, *(of(WorkQueued, case, queue="rates") for case in cases[:5]))
    await apply(engine, of(WorkQueued, cases[5], queue="roads"))
    await apply(engine, *(of(WorkAccepted, case, queue="rates") for case in cases[1:4]))
    await apply(engine, of(WorkAccepted, cases[4], queue="rates", agent_id="grace"))
    await apply(engine, of(WorkCompleted, cases[3], queue="rates", state="completed"))
    # A customer writes again on the first case, which no agent has.
    await apply(engine, identified(customers[0]))
    everything = await listed(api)
    assert everything[0] == names[0]
    in_queue = [name for name in everything if name in {*names[:3], names[4]}]
    assert await listed(api, queue="rates") == in_queue
    assert await listed(api, queue="roads") == [names[5]]
    mine = [name for name in everything if name in names[1:3]]
    assert await listed(api, agent_id="me") == mine == await listed(api, agent_id="amara")
    assert await listed(api, agent_id="grace", queue="rates") == [names[4]]
    assert await listed(api, queue="rates", status="new") == [names[0]]
    assert await listed(api, agent_id="me", queue="roads") == []


async def test_the_export_has_a_case_that_changed_while_the_list_was_paged(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    for _ in range(3):
        await apply(engine, identified(uuid4()))
    first = (await api.get("/cases", params={"limit": 2})).json()
    (last,) = (await api.get("/cases", params={"limit": 2, "cursor": first["next"]})).json()["items"]
    revisions: dict[str, int] = {}
    part = (await api.get("/cases/export", params={"limit": 2})).json()
    # The list now has the case on its first page, which was read already.
    assert (await api.post(f"/cases/{last['case_id']}/notes", json={"text": "Careful"})).status_code == 201

    async def has_all() -> bool:
        nonlocal part
        revisions.update({case["case_id"]: case["revision"] for case in part["items"]})
        part = (await api.get("/cases/export", params={"limit": 2, "cursor": part["next"]})).json()
        return len(revisions) == 3 and revisions[last["case_id"]] > last["revision"]

    await until(has_all, what="the case with its note")
    assert not part["more"]


async def test_a_page_of_a_queue_or_an_agent_reads_only_the_rows_that_it_shows(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    async with engine.begin() as tx:
        await tx.execute(
            text(
                "insert into case_file (case_id, number, status, customer_id, customer, opened_at, changed_at, interactions, replies, "
                "reopened, revision, words_revision, awaiting_answer_since) select gen_random_uuid(), n, 'open', gen_random_uuid(), "
                "jsonb_build_object('customer_id', gen_random_uuid(), 'since', now()), now(), now() + n * interval '1 s', "
                "1, 0, 0, 1, 1, now() from generate_series(1, 20000) n"
            )
        )
        await tx.execute(
            text(
                "insert into case_interaction (interaction_id, case_id, interaction, reading, threaded_by, occurred_at, accepted_at) "
                'select gen_random_uuid(), case_id, \'{"automation": "none", "channel": "email", '
                '"content": {"text": "Hello"}}\', \'{"tone": "neutral"}\', \'\', opened_at, opened_at from case_file'
            )
        )
        await tx.execute(
            text(
                "insert into case_work (case_id, work_item_id, work_state, queue, agent_id, breached, event_at, event_partition, event_offset, "
                "case_changed_at) select case_id, gen_random_uuid(), 'accepted', case when number % 2 = 0 and number < 10000 then 'rates' else 'roads' end, "
                "case when number % 400 = 0 then 'amara' else 'grace' end, '{}', now(), 0, number, changed_at from case_file"
            )
        )
        await tx.execute(text("analyze"))
    for asked, index in (
        ({"queue": "rates"}, "case_work_queue_ix"),
        ({"agent_id": "me"}, "case_work_agent_id_ix"),
    ):
        with counted(engine) as statements:
            assert len((await api.get("/cases", params=asked)).json()["items"]) == 50
        (query,) = (one for one in statements if "case_file" in one)
        value = "amara" if "agent_id" in asked else "rates"
        async with engine.begin() as tx:
            await tx.execute(text(f"prepare page as {query}"))
            explained = await tx.execute(
                text(f"explain (analyze, timing off, costs off) execute page('{value}', 51)")
            )
            plan = "\n".join(row[0] for row in explained)
            await tx.execute(text("deallocate page"))
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan
        assert "Sort" not in plan, plan
        assert "Rows Removed" not in plan, plan


async def test_a_batch_of_events_of_work_takes_three_statements_however_large(engine: AsyncEngine) -> None:
    await apply(engine, *(identified(uuid4()) for _ in range(200)))
    cases = await rows(engine, "select * from case_file order by number")
    counts: list[int] = []
    for some in (cases[:2], cases[2:]):
        with counted(engine) as statements:
            await apply(
                engine, *(of(WorkQueued, case) for case in some), *(of(WorkAccepted, case) for case in some)
            )
        counts.append(len(statements))
    assert counts == [3, 3]
    assert len(await copy(engine)) == 200
