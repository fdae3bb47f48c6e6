"""Lists of cases: a row has what an inbox shows, in one statement, and a list has exactly the cases that it names."""

from datetime import timedelta
from uuid import uuid4

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

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
