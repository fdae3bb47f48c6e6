"""Calendars by HTTP: those of the active version and of a draft."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewDatabase
from tests.support.routing.api import RoutingApi, opened_api

OFFICE = "/configuration/calendars/office"
THURSDAY = {"from": "2026-12-17T00:00:00Z", "within": "8h"}


@pytest.fixture
async def api(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def test_a_year_of_a_calendar_shows_days_holidays_and_clock_changes(api: RoutingApi) -> None:
    year: dict[str, Any] = (await api.ask("GET", OFFICE, params={"year": 2026})).json()
    days = {day["day"]: day for day in year["days"]}
    assert days["2026-12-25"] == {"day": "2026-12-25", "holiday": "Christmas Day", "open": []}
    assert days["2026-12-17"]["open"][0] == {
        "opens_at": "2026-12-17T08:30:00+11:00", "closes_at": "2026-12-17T12:30:00+11:00",
    }  # fmt: skip
    assert [change["offset_minutes_after"] for change in year["clock_changes"]] == [600, 660]


async def test_a_due_time_is_counted_by_the_calendar_of_a_draft_before_it_is_active(api: RoutingApi) -> None:
    draft = await api.draft(('thursday: ["08:30-12:30", "13:00-19:00"]', 'thursday: ["08:30-20:00"]'))
    before = (await api.ask("POST", f"{OFFICE}/due", json=THURSDAY)).json()
    after = await api.ask("POST", f"{OFFICE}/due", json=THURSDAY, params={"draft_id": draft["draft_id"]})
    assert before["due_at"] == "2026-12-18T09:00:00+11:00"
    assert after.json()["due_at"] == "2026-12-17T19:00:00+11:00"
    assert [period["opens_at"][:10] for period in before["periods"]] == ["2026-12-17"] * 2 + ["2026-12-18"]


async def test_a_calendar_that_is_not_there_or_faulty_is_refused(api: RoutingApi) -> None:
    draft = await api.draft(('thursday: ["08:30-12:30", "13:00-19:00"]', 'thursday: ["noon-12:30"]'))
    faulty = await api.ask("GET", OFFICE, params={"year": 2026, "draft_id": draft["draft_id"]})
    assert (faulty.status_code, faulty.json()["errors"][0]["pointer"]) == (
        422,
        "calendars.office.hours.thursday.0",
    )
    assert (await api.ask("GET", "/configuration/calendars/none", params={"year": 2026})).status_code == 404
