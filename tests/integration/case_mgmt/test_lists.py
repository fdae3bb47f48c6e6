"""Lists of cases: a row has what an inbox shows, in one statement, and a list has exactly the cases that it names."""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.work import WorkAccepted
from antiphon.process.clock import utc_now
from tests.support.case_mgmt import answer, apply, deleted, message, rows
from tests.support.events import identified
from tests.support.statements import counted

WORDS = ("first_words", "tone", "channel")


async def test_a_row_has_the_first_words_that_nobody_answered_in_one_statement(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    now, jo, kim = utc_now(), uuid4(), uuid4()
    first = message(jo, "The first", now)
    second = message(jo, "The street\n\n is " + "very " * 40, now + timedelta(seconds=1))
    third = message(jo, "Taken back", now + timedelta(seconds=2))
    await apply(engine, first, second, third, message(kim, "Other", now), identified(uuid4()))
    await apply(engine, deleted(third))
    of_jo, of_kim, _ = [row.case_id for row in await rows(engine, "select * from case_file order by number")]
    asked = {"case_id": [str(of_jo), str(of_kim), str(uuid4())], "limit": 100}
    with counted(engine) as statements:
        listed = (await api.get("/cases", params=asked)).json()["items"]
    assert len(statements) == 1
    found = {row["case_id"]: row for row in listed}
    assert found.keys() == {str(of_jo), str(of_kim)}
    words = found[str(of_jo)]["first_words"]
    assert words.startswith("The street is very very")
    assert len(words) == 140
    assert [found[str(of_kim)][name] for name in WORDS] == ["Other", "neutral", "email"]
    assert found[str(of_kim)]["customer"]["name"] == "Jo"
    await answer(engine, of_kim, found[str(of_kim)]["revision"])
    answered = (await api.get(f"/cases/{of_kim}")).json()["case"]
    assert [answered[name] for name in WORDS] == [None, None, None]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("C-1", {1, 10, 12, 104, 1042}),
        ("c-10", {10, 104, 1042}),
        ("104", {104, 1042}),
        ("1042 ", {1042}),
        ("C-", set[int]()),
        ("pergola", set[int]()),
        ("0", set[int]()),
    ],
)
async def test_cases_are_found_by_the_beginning_of_their_reference(
    engine: AsyncEngine, api: httpx.AsyncClient, words: str, found: set[int]
) -> None:
    await apply(engine, *(identified(uuid4()) for _ in range(6)))
    numbers = "array[1, 10, 12, 104, 1042, 2001]"
    async with engine.begin() as tx:
        await tx.execute(text(f"update case_file set number = ({numbers})[number - 1000]"))
    listed = (await api.get("/cases", params={"q": words})).json()["items"]
    assert {int(row["reference"][2:]) for row in listed} == found


async def test_a_closed_case_is_listed_and_counted_until_a_person_has_seen_it(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    now = utc_now()
    bulk, again = (message(uuid4(), words, now, automation="bulk") for words in ("Sale", "An offer"))
    taken_back, accepted = message(uuid4(), "Forget it", now), message(uuid4(), "Really forget it", now)
    await apply(engine, bulk, again, taken_back, accepted)
    of_bulk, of_again, of_deleted, of_accepted = [
        row.case_id for row in await rows(engine, "select * from case_file order by number")
    ]
    taken = WorkAccepted.model_validate(generate.example("work.accepted.v1")["data"])
    ids = {"case_id": of_accepted, "customer_id": accepted.customer.customer_id}
    await apply(engine, taken.model_copy(update={"work": taken.work.model_copy(update=ids)}))
    await apply(engine, deleted(taken_back), deleted(accepted), now=now + timedelta(minutes=1))
    assert {row.status for row in await rows(engine, "select status from case_file")} == {"closed"}

    async def unseen() -> list[str]:
        listed = (await api.get("/cases", params={"closed_unseen": True})).json()["items"]
        assert (await api.get("/counts")).json()["closed_unseen"] == len(listed)
        return [row["case_id"] for row in listed]

    assert (await unseen())[0] == str(of_deleted)
    assert set(await unseen()) == {str(of_deleted), str(of_bulk), str(of_again)}
    await api.post(f"/cases/{of_bulk}/notes", json={"text": "Seen."})
    await api.post(f"/cases/{of_again}/status", json={"status": "open", "reason": "It is a customer."})
    await api.post(f"/cases/{of_again}/status", json={"status": "closed", "reason": "It was not."})
    assert await unseen() == [str(of_deleted)]


async def test_closed_cases_that_nobody_saw_are_found_by_their_index(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    async with engine.begin() as tx:
        await tx.execute(
            text(
                "insert into case_file (case_id, number, status, customer_id, customer, opened_at, changed_at, interactions, replies, "
                "reopened, revision, words_revision, is_seen) select gen_random_uuid(), n, 'closed', gen_random_uuid(), "
                "jsonb_build_object('customer_id', gen_random_uuid(), 'since', now()), now(), now() + n * interval '1 s', "
                "1, 0, 0, 1, 1, n % 100 > 0 from generate_series(1, 10000) n"
            )
        )
        await tx.execute(text("analyze"))
    with counted(engine) as statements:
        assert len((await api.get("/cases", params={"closed_unseen": True})).json()["items"]) == 50
    async with engine.begin() as tx:
        await tx.execute(text("set plan_cache_mode = force_generic_plan"))
        await tx.execute(text(f"prepare page as {statements[0]}"))
        plan = "\n".join(row[0] for row in await tx.execute(text("explain execute page(51)")))
        await tx.execute(text("deallocate page"))
    assert "case_file_closed_unseen_ix" in plan
    assert "Sort Key: case_file" not in plan
