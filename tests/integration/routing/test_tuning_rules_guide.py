"""The examples of docs/guides/tuning-rules.md, run in their order."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.site import PROJECT
from tests.conftest import NewDatabase
from tests.support.routing.api import RoutingApi, case, opened_api
from tests.support.routing.guides import BLOCK, Reader, find_difference

GUIDE = PROJECT / "docs" / "guides" / "tuning-rules.md"


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def test_the_examples_of_the_guide_do_what_it_says(client: RoutingApi) -> None:
    topics = {3: ["objection"], 4: ["tree"], 5: ["objection"], 7: ["objection"]}
    departments = {1: "rates", 2: "roads", 6: "rates"}
    await client.apply(
        *(
            case(n, departments.get(n, "planning"), topics=topics.get(n, []), tone="neutral")
            for n in range(1, 8)
        )
    )
    reader = Reader(client)
    blocks = BLOCK.findall(GUIDE.read_text())
    assert len(blocks) > 20
    for kind, content in blocks:
        await reader.run(kind, content)


@pytest.mark.parametrize(
    ("shown", "answer"),
    [({"a": 1}, {"a": 2}), ({"a": 1}, {}), ([1], [1, 2]), ([1, 2], [1]), ([1, "…"], [2, 1]), ({"a": {"b": []}}, {"a": {"b": [1]}})],
)  # fmt: skip
def test_an_answer_that_differs_from_the_guide_is_found(shown: Any, answer: Any) -> None:
    assert find_difference(shown, answer)
