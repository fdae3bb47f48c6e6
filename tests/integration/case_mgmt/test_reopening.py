"""A person opens a case again: it asks for work, until it is answered or a person ends that."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Identity
from antiphon.contracts import generate
from antiphon.contracts.work import WorkAccepted, WorkCompleted, WorkEvent, WorkQueued
from antiphon.http.preconditions import Seen
from antiphon.process.clock import utc_now
from case_mgmt.domain.replies import ReplyDraft
from case_mgmt.replies import request_reply
from tests.support.case_mgmt import AMARA, SECRET, answer, apply, message, published, texts, the_case


async def set_status(api: httpx.AsyncClient, case_id: UUID, status: str, **more: Any) -> httpx.Response:
    return await api.post(f"/cases/{case_id}/status", json={"status": status, "reason": "a call", **more})


async def answer_and_choose(engine: AsyncEngine, status: str, who: Identity = AMARA) -> None:
    case = await the_case(engine)
    async with engine.begin() as tx:
        await request_reply(
            tx, case.case_id, ReplyDraft("Yes.", status=status), key=str(uuid4()), seen=Seen(frozenset({case.revision})),
            who=who, secret=SECRET, now=utc_now(),
        )  # fmt: skip


@pytest.mark.parametrize("ended", ["pending", "resolved", "closed"])
async def test_a_case_that_a_person_opens_again_names_its_newest_words_and_queue(
    engine: AsyncEngine, api: httpx.AsyncClient, ended: str
) -> None:
    customer, now = uuid4(), utc_now()
    await apply(engine, message(customer, "one", now), message(customer, "two", now))
    case = await the_case(engine)
    await answer(engine, case.case_id, case.revision)
    if ended != "pending":
        assert (await set_status(api, case.case_id, ended)).status_code == 200
    opened = (await set_status(api, case.case_id, "open", queue="rates")).json()
    assert (opened["status"], opened["opened_in_queue"]) == ("open", "rates")
    event = (await published(engine, "case.status-changed.v1"))[-1]
    assert event["newest"]["text"] in {"one", "two"}
    assert event["case"]["opened_by_person_at"] is not None
    assert event["case"]["asked_revision"] == event["case"]["revision"]
    again = await set_status(api, case.case_id, "open", queue="rates")
    assert (again.status_code, again.json()["revision"]) == (200, opened["revision"])


@pytest.mark.parametrize("end", ["pending", "resolved", "closed", "answer"])
async def test_an_answer_or_another_status_ends_the_need_for_work(
    engine: AsyncEngine, api: httpx.AsyncClient, end: str
) -> None:
    await apply(engine, message(uuid4(), "one", utc_now()))
    case = await the_case(engine)
    await answer(engine, case.case_id, 1)
    await set_status(api, case.case_id, "open", queue="rates")
    if end == "answer":
        await answer_and_choose(engine, "pending")
    else:
        assert (await set_status(api, case.case_id, end)).status_code == 200
    facts = (await published(engine, "case.status-changed.v1"))[-1]["case"]
    assert (facts["opened_by_person_at"], facts["opened_in_queue"]) == (None, None)


async def test_who_answers_and_leaves_the_case_open_keeps_its_work_and_says_so(engine: AsyncEngine) -> None:
    await apply(engine, message(uuid4(), "one", utc_now()))
    await answer_and_choose(engine, "open")
    await answer_and_choose(engine, "open")
    events = await published(engine, "case.status-changed.v1")
    assert [(one["previous"], one["case"]["status"], one["trigger"]) for one in events] == [
        ("new", "open", "reply-requested"), ("open", "open", "reply-requested"),
    ]  # fmt: skip
    assert all(one["case"]["awaiting_answer_since"] is None for one in events)
    assert all(one["case"]["opened_by_person_at"] is not None for one in events)
    assert {one["case"]["asked_revision"] for one in events} == {1}


async def work(engine: AsyncEngine, kind: type[WorkEvent], state: str, revision: int) -> None:
    """Routing's work on the case changes."""
    case, event = await the_case(engine), kind.model_validate(generate.example(kind.type)["data"])
    facts = {"case_id": case.case_id, "customer_id": case.customer_id, "state": state, "revision": revision}
    await apply(engine, event.model_copy(update={"work": event.work.model_copy(update=facts)}))


@pytest.mark.parametrize("status", ["new", "open"])
@pytest.mark.parametrize("queue", [None, "rates"])
async def test_who_opens_an_open_case_whose_work_was_dismissed_asks_for_work_once(
    engine: AsyncEngine, api: httpx.AsyncClient, status: str, queue: str | None
) -> None:
    await apply(engine, message(uuid4(), "one", utc_now()))
    case = await the_case(engine)
    await work(engine, WorkAccepted if status == "open" else WorkQueued, "queued", 1)
    assert (await set_status(api, case.case_id, "open", queue="rates")).status_code == 409
    await work(engine, WorkCompleted, "completed", 2)
    before = await the_case(engine)
    assert before.status == status
    opened = await set_status(api, case.case_id, "open", queue=queue)
    assert opened.status_code == 200
    event = (await published(engine, "case.status-changed.v1"))[-1]
    assert (event["previous"], event["case"]["status"], event["trigger"]) == (status, "open", "set-by-person")
    assert event["case"]["asked_revision"] == event["case"]["revision"] == before.revision + 1
    assert event["case"]["opened_by_person_at"] is not None
    assert event["case"]["opened_in_queue"] == queue
    assert texts(event) == ["one"]
    again = await set_status(api, case.case_id, "open", queue=queue)
    assert again.json()["revision"] == opened.json()["revision"]
    assert (await set_status(api, case.case_id, "open", queue="roads")).status_code == 409


async def test_who_answers_a_case_whose_work_was_dismissed_and_leaves_it_open_asks_for_work(
    engine: AsyncEngine,
) -> None:
    await apply(engine, message(uuid4(), "one", utc_now()))
    await work(engine, WorkAccepted, "accepted", 1)
    await answer_and_choose(engine, "open")
    assert (await the_case(engine)).asked_revision == 1
    await work(engine, WorkCompleted, "completed", 2)
    await answer_and_choose(engine, "open")
    event = (await published(engine, "case.status-changed.v1"))[-1]
    assert event["case"]["asked_revision"] == event["case"]["revision"]


@pytest.mark.parametrize(
    ("status", "queue", "refused"), [("pending", "rates", 422), ("open", "", 422), ("open", "rates", 409)]
)
async def test_a_queue_is_refused_where_it_would_have_no_effect(
    engine: AsyncEngine, api: httpx.AsyncClient, status: str, queue: str, refused: int
) -> None:
    await apply(engine, message(uuid4(), "one", utc_now()))
    case = await the_case(engine)
    answered = await set_status(api, case.case_id, status, queue=queue)
    assert answered.status_code == refused
    if refused == 422:
        assert answered.json()["errors"][0]["pointer"] == "/queue"
    assert (await the_case(engine)).revision == case.revision
