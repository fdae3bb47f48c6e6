"""The property of `tests/unit/routing/test_case_transition.py` on PostgreSQL: acts of people, and events late, twice, out of order."""

import asyncio
import itertools

from hypothesis import HealthCheck, Phase, given, settings

from tests.conftest import NewDatabase
from tests.support.routing.case_steps import CaseSteps, Step, prepared, steps

EXAMPLES = 200


async def test_no_event_undoes_what_people_did_and_work_is_open_where_it_is_needed(
    new_database: NewDatabase,
) -> None:
    pool = await prepared(await new_database("routing"))
    loop, numbers = asyncio.get_running_loop(), itertools.count(1)

    # A failing example is not shrunk: that would take hundreds of examples.
    @settings(
        max_examples=EXAMPLES, deadline=None, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(steps())
    def holds(played: list[Step]) -> None:
        case = CaseSteps(pool, next(numbers))
        asyncio.run_coroutine_threadsafe(case.play(played), loop).result()

    await asyncio.to_thread(holds)
