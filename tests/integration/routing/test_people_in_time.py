"""People who come, move, leave or are away: it takes effect at its time, without a new version of the document."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import text

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.http.changes import ChangeFeed
from antiphon.process.clock import utc_now
from deploy import keys
from routing import api
from routing.work import review
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.harness import opened
from tests.support.routing.organisation import Change, agent, organisation_yaml
from tests.support.routing.presence import heartbeat

SYDNEY = ZoneInfo("Australia/Sydney")


class Past(NamedTuple):
    """Routing in the past: what is due at `change` is not yet applied, though the database's clock has passed it."""

    pool: AgentPool
    http: httpx.AsyncClient
    folder: Path
    change: datetime

    async def organise(self, *changes: Change) -> None:
        async with self.pool.engine.begin() as tx:
            source = organisation_yaml(*changes)
            await self.pool.configurations.load(tx, source, "council.yaml", "test", self.pool.now)
        await self.apply()

    async def apply(self) -> None:
        """Runs the review at the time of the test; the service's timer does that by the database's clock."""
        async with self.pool.engine.begin() as tx:
            await tx.execute(text("delete from timer where kind = 'review'"))
        while True:
            async with self.pool.engine.begin() as tx:
                if not await review.review(tx, self.pool.configurations, self.pool.now):
                    return
                await tx.execute(text("delete from timer where kind = 'review'"))

    async def pass_the_change(self) -> None:
        """The time goes on past the change, and the timers fire."""
        assert await self.timers() == [self.change]
        self.pool.now = self.change + timedelta(minutes=10)
        while await self.pool.rows("select 1 from timer where kind = 'review' and due_at <= now()"):
            await self.pool.fire()

    async def timers(self) -> list[datetime]:
        return [row.due_at for row in await self.pool.rows("select due_at from timer where kind = 'review'")]

    async def ask(
        self, verb: str, path: str, who: str, role: Role = Role.AGENT, **options: Any
    ) -> httpx.Response:
        token = keys.token(self.folder, role=role, name=who, now=utc_now())
        return await self.http.request(verb, path, headers={"Authorization": f"Bearer {token}"}, **options)

    async def states(self) -> dict[str, tuple[str, str | None]]:
        return {key: (row.state, row.agent_id) for key, row in (await self.pool.works()).items()}

    async def candidate(self, reference: str, who: str) -> tuple[str | None, str | None]:
        (found,) = [each for each in (await self.pool.why(reference))["candidates"] if each.agent_id == who]
        return found.why_not_kind, found.why_not


@pytest.fixture
async def past(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[Past]:
    pool = AgentPool(await new_database("routing"))
    change = pool.now - timedelta(minutes=10)
    pool.now = change - timedelta(minutes=10)
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    app = api.application(pool.engine, access, ChangeFeed(pool.engine), lambda: pool.now, pool.configurations)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Past(pool, http, tmp_path, change)


async def test_who_joins_is_an_agent_from_their_first_moment(past: Past) -> None:
    pool, begins = past.pool, past.change.isoformat()
    await past.organise(agent("farid", **{"from": begins}), agent("elena", queues=["rates"]))
    await pool.apply(opened(1, pool.now))
    refused = await past.ask("PUT", "/agents/me/presence", "farid", json={"presence": "available"})
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("Farid Haddad begins at ")
    assert (await pool.why("C-1"))["waiting_because"] == "the queue has no agents"

    await past.pass_the_change()
    changed = await pool.rows(
        "select key, convert_from(value, 'utf8')::json->'agent'->>'queues' as queues from outbox where topic = 'agents'"
    )
    assert {(row.key, row.queues) for row in changed} == {("farid", '["planning","front-desk"]')}
    joined = await past.ask("PUT", "/agents/me/presence", "farid", json={"presence": "available"})
    assert (joined.status_code, joined.json()["queues"]) == (200, ["planning", "front-desk"])
    assert await pool.assign() == 1
    assert await past.timers() == []


async def test_who_moves_keeps_accepted_work_and_gets_offers_of_the_new_queue_only(past: Past) -> None:
    pool, at = past.pool, past.change.isoformat()
    queues = [{"queue": "planning", "until": at}, {"queue": "roads", "from": at}]
    await past.organise(agent("elena", queues=queues, skills={"planning": 9, "roads": 9}))
    await pool.present("elena")
    await pool.apply(opened(1, pool.now, waited=2))
    assert await pool.assign() == 1
    await pool.accept_all()
    await pool.apply(opened(2, pool.now), opened(3, pool.now, department="roads"))
    assert await pool.assign() == 1
    assert (await past.states())["C-2"] == (OFFERED, "elena")

    await past.pass_the_change()
    states = await past.states()
    assert (states["C-1"], states["C-2"]) == ((ACCEPTED, "elena"), (QUEUED, None))
    assert [row.reason for row in await pool.rows("select reason from offer where result = 'withdrawn'")] == [
        "Elena Marino left its queue"
    ]
    assert await pool.assign() == 1
    assert (await past.states())["C-3"] == (OFFERED, "elena")


async def test_who_leaves_goes_offline_and_has_neither_work_nor_access(past: Past) -> None:
    pool = past.pool
    await past.organise(agent("elena", until=past.change.isoformat()))
    await pool.present("elena")
    await pool.apply(opened(1, pool.now, waited=2))
    assert await pool.assign() == 1
    await pool.accept_all()
    await pool.apply(opened(2, pool.now))
    assert await pool.assign() == 1

    await past.pass_the_change()
    assert await past.states() == {"C-1": (QUEUED, None), "C-2": (QUEUED, None)}
    (row,) = await pool.rows("select presence from agent where agent_id = 'elena'")
    assert row.presence == "offline"
    assert await pool.rows(
        "select 1 from outbox where convert_from(value, 'utf8') like '%\"reason\":\"left\"%'"
    )
    assert await heartbeat(pool, "elena") is None
    for verb, path, body in (
        ("POST", "/agents/me/heartbeat", None),
        ("PUT", "/agents/me/presence", {"presence": "available"}),
        ("GET", "/agents/me", None),
        ("POST", "/agents/me/next", None),
        ("GET", "/offers/me", None),
        ("GET", "/work", None),
        ("GET", "/changes", None),
    ):
        refused = await past.ask(verb, path, "elena", json=body)
        assert refused.status_code == 403, (path, refused.text)
        assert refused.json()["detail"].startswith("Elena Marino left at ")
    set_by_others = await past.ask(
        "PUT", "/agents/elena/presence", "sam", Role.SUPERVISOR, json={"presence": "available"}
    )
    assert set_by_others.status_code == 409
    assert await pool.assign() == 0


async def test_who_is_absent_keeps_accepted_work_and_is_offered_nothing_until_they_are_back(
    past: Past,
) -> None:
    pool = past.pool
    ends = (past.change + timedelta(days=2)).replace(microsecond=0)
    await past.organise(
        agent("elena", absences=[{"from": past.change.isoformat(), "until": ends.isoformat()}])
    )
    await pool.present("elena")
    await pool.apply(opened(1, pool.now, waited=2))
    assert await pool.assign() == 1
    await pool.accept_all()
    await pool.apply(opened(2, pool.now))
    assert await pool.assign() == 1

    await past.pass_the_change()
    because = f"absent until {ends.astimezone(SYDNEY):%Y-%m-%d %H:%M}"
    assert await past.states() == {"C-1": (ACCEPTED, "elena"), "C-2": (QUEUED, None)}
    await pool.apply(opened(3, pool.now), at_once=True)
    assert await pool.assign() == 0
    assert await past.candidate("C-2", "elena") == ("absent", because)
    assert (await pool.why("C-3"))[
        "waiting_because"
    ] == f"nobody of the queue is available ({because}, offline)"
    me = (await past.ask("GET", "/agents/me", "elena")).json()
    assert (me["presence"], me["away"]["kind"], me["away"]["because"]) == ("available", "absent", because)
    shown = await pool.rows("select subject, data from change_log where kind = 'availability'")
    assert [(row.subject, row.data["away"]["because"]) for row in shown] == [("elena", because)]

    assert await past.timers() == [ends]
    pool.now = ends
    assert (await past.candidate("C-2", "elena"))[0] is None
    assert await pool.assign() == 1


async def test_outside_their_shift_an_agent_is_offered_nothing(past: Past) -> None:
    pool, begins = past.pool, datetime(2027, 1, 4, 8, 30, tzinfo=SYDNEY)
    pool.now = begins - timedelta(minutes=30)
    await past.organise(agent("elena", shifts="office"))
    await pool.present("elena")
    await pool.apply(opened(1, pool.now), at_once=True)
    assert await pool.assign() == 0
    assert await past.candidate("C-1", "elena") == (
        "outside-shift",
        "outside the shift until 2027-01-04 08:30",
    )
    assert await past.timers() == [begins]

    pool.now = begins
    await past.apply()
    assert await pool.assign() == 1
    assert (await past.states())["C-1"] == (OFFERED, "elena")
    pool.now = begins + timedelta(hours=4)  # lunch
    await past.apply()
    assert (await past.states())["C-1"] == (QUEUED, None)
    assert await pool.assign() == 0


async def test_a_published_absence_or_leave_that_has_begun_takes_effect_at_once(past: Past) -> None:
    pool, begun = past.pool, (past.pool.now - timedelta(hours=1)).isoformat()
    await past.organise()
    for who in ("elena", "farid"):
        await pool.present(who)
    await pool.apply(opened(1, pool.now), opened(2, pool.now))
    assert await pool.assign() == 2
    await past.organise(agent("elena", absences=[{"from": begun}]), agent("farid", until=begun))
    assert await past.states() == {"C-1": (QUEUED, None), "C-2": (QUEUED, None)}
    presences = await pool.rows("select agent_id, presence from agent order by agent_id")
    assert [tuple(row) for row in presences] == [("elena", "available"), ("farid", "offline")]
    assert (await past.candidate("C-1", "elena")) == ("absent", "absent")


async def test_colleagues_of_a_queue_include_those_who_are_away_and_may_be_nobody(past: Past) -> None:
    begun = (past.pool.now - timedelta(hours=1)).isoformat()
    await past.organise(*(agent(who, absences=[{"from": begun}]) for who in ("elena", "farid")))

    async def colleagues(queue: str) -> list[tuple[str, str | None]]:
        answered = await past.ask("GET", "/colleagues", "elena", params={"queue": queue})
        assert answered.status_code == 200, answered.text
        return [(one["agent_id"], one["why_not"]) for one in answered.json()["items"]]

    assert await colleagues("planning") == [("farid", "absent")]
    assert await colleagues("hazards") == []


async def test_a_publication_that_moves_an_agent_withdraws_their_offers_but_not_directed_ones(
    past: Past,
) -> None:
    pool = past.pool
    await past.organise(agent("elena", capacity=5))
    await pool.present("elena")
    await pool.apply(opened(1, pool.now))
    assert await pool.assign() == 1
    await pool.apply(opened(2, pool.now, department="rates"), opened(3, pool.now))
    for reference in ("C-2", "C-3"):
        work = (await pool.works())[reference]
        assert await pool.offer_to("elena", work.work_item_id) == 200
    assert set((await past.states()).values()) == {(OFFERED, "elena")}
    await past.organise(agent("elena", queues=["roads"], capacity=5))
    assert await past.states() == {
        "C-1": (QUEUED, None), "C-2": (OFFERED, "elena"), "C-3": (OFFERED, "elena"),
    }  # fmt: skip
    assert [row.reason for row in await pool.rows("select reason from offer where result = 'withdrawn'")] == [
        "Elena Marino left its queue"
    ]


async def test_who_is_removed_from_the_document_goes_offline_and_their_work_returns(past: Past) -> None:
    pool = past.pool
    await past.organise()
    for who in ("elena", "farid"):
        await pool.present(who)
    await pool.apply(opened(1, pool.now))
    assert await pool.assign() == 1

    def without_both(organisation: dict[str, Any]) -> None:
        people = organisation["people"]
        organisation["people"] = [person for person in people if person["id"] not in {"elena", "farid"}]

    await past.organise(without_both)
    assert await past.states() == {"C-1": (QUEUED, None)}
    presences = await pool.rows("select agent_id, presence from agent order by agent_id")
    assert [tuple(row) for row in presences] == [("elena", "offline"), ("farid", "offline")]
    events = await pool.rows(
        "select key, convert_from(value, 'utf8')::json->>'reason' as reason from outbox "
        "where topic = 'agents' and headers like '%presence-changed%' order by id desc limit 2"
    )
    assert {tuple(row) for row in events} == {("elena", "removed"), ("farid", "removed")}


async def test_a_lost_change_of_people_is_applied_when_routing_runs_again(past: Past) -> None:
    pool, change = past.pool, past.change
    back = change + timedelta(minutes=5)
    await past.organise(
        agent("farid", queues=[{"queue": "planning", "until": change.isoformat()}, "roads"]),
        agent("elena", **{"from": back.isoformat()}),
    )
    pool.now = back + timedelta(minutes=5)
    await past.apply()
    events = await pool.rows(
        "select key, convert_from(value, 'utf8')::json->'agent'->>'queues' as queues from outbox "
        "where topic = 'agents' and headers like '%skills-changed%' order by key"
    )
    assert [tuple(row) for row in events] == [("elena", '["planning"]'), ("farid", '["roads"]')]
