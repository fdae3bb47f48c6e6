"""Queues on a real PostgreSQL: their members, their hours and states, and the reasons why their work waits."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from antiphon.access.roles import Role
from antiphon.contracts.queues import QueueState
from antiphon.organisation.document import ConfigurationError
from routing.domain.configuration.document import read
from routing.queues import live
from routing.work import handling
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, QUEUED, SUPERVISOR, AgentPool
from tests.support.routing.api import RoutingApi, case, opened_api
from tests.support.routing.harness import opened
from tests.support.routing.organisation import Json, agent, organisation_yaml, queue, section
from tests.support.routing.queues import closed_now, put_state

SKILLS = {"tone": "Finds the right tone", "network": "Knows the networks", "planning": "Planning"}


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


def add_skills(organisation: Json) -> None:
    organisation["skills"] |= SKILLS


async def test_members_are_those_named_and_all_who_have_the_skills_at_their_levels(pool: AgentPool) -> None:
    await pool.organise(
        add_skills,
        agent("amara", queues=[], skills={"tone": 3, "network": 2}),
        agent("bruno", queues=[], skills={"tone": 3}),
        agent("chloe", queues=[], skills={"tone": 7}),
        queue("planning", members={"people": ["dev"], "skills": [{"tone": 3, "network": 1}, {"tone": 6}]}),
    )
    async with pool.engine.begin() as tx:
        agents = (await pool.active(tx)).configuration.agents_by_id
    members = {each.id for each in agents.values() if "planning" in each.queues}
    assert members == {"elena", "farid", "dev", "amara", "chloe", "grace", "hugo"}
    # Membership by skills does not give the skills that the work needs.
    await pool.apply(opened(1, pool.now))
    await pool.present("amara")
    assert await pool.assign() == 0
    await pool.organise(
        add_skills,
        agent("amara", queues=[], skills={"tone": 3, "planning": 3}),
        queue("planning", members={"skills": {"tone": 3}}),
    )
    assert await pool.assign() == 1


async def test_13_work_of_social_care_is_offered_to_its_members_only(pool: AgentPool) -> None:
    await pool.organise(
        add_skills,
        queue("social-care", members={"skills": {"tone": 3, "network": 2}}),
        agent("grace", queues=[], skills={"tone": 8, "network": 5, "public-reply": 9}),
        agent("hugo", queues=["front-desk"], skills={"tone": 2, "network": 9, "public-reply": 9}),
    )
    post = opened(1, pool.now, department="rates")
    social = {"channel": "social", "tone": "negative"}
    await pool.apply(post.model_copy(update={"interaction": post.interaction.model_copy(update=social)}))
    for outsider in ("amara", "bruno", "hugo"):
        await pool.present(outsider)
    assert await pool.assign() == 0
    why = await pool.why("C-1")
    assert [candidate.agent_id for candidate in why["candidates"]] == ["grace"]
    assert await pool.pick("hugo", (await pool.works())["C-1"].work_item_id) == 404
    await pool.present("grace")
    assert await pool.assign() == 1
    assert list(await pool.pending()) == ["grace"]


async def test_a_paused_queue_offers_no_work_and_says_who_paused_it_and_why(pool: AgentPool) -> None:
    await pool.organise(queue("planning", may_pick=True))
    await pool.apply(opened(1, pool.now))
    await put_state(pool, "planning", QueueState.PAUSED)
    await pool.present("elena")
    item = (await pool.works())["C-1"].work_item_id
    assert (await pool.assign(), await pool.take_next("elena"), await pool.pick("elena", item)) == (
        0,
        None,
        409,
    )
    why = f"Planning is paused by Sam Okafor since {pool.now:%H:%M:%S}: a fire drill"
    assert (await pool.why("C-1"))["waiting_because"] == why
    async with pool.engine.begin() as tx:
        live_state = await live.read_state(tx, await pool.active(tx), pool.now, {})
    states = {each.queue: (each.state, each.open, each.not_open_because) for each in live_state.queues}
    assert states["planning"] == ("paused", False, why)
    assert states["rates"] == ("open", True, None)
    await put_state(pool, "planning", QueueState.OPEN)
    assert await pool.assign() == 1


async def test_a_supervisor_may_assign_the_work_of_a_paused_queue(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    await put_state(pool, "planning", QueueState.PAUSED)
    await pool.present("elena")
    assert await pool.assign_to("elena", (await pool.works())["C-1"].work_item_id) == 200


async def test_outside_its_hours_a_queue_holds_its_work_until_they_begin(pool: AgentPool) -> None:
    await pool.organise(*closed_now(pool))
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    assert await pool.assign() == 0
    opens = (pool.now + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    assert (await pool.why("C-1"))["waiting_because"] == (
        f"Planning is outside its hours until {opens:%A %d %B %H:%M} (UTC)"
    )
    async with pool.engine.begin() as tx:
        live_state = await live.read_state(tx, await pool.active(tx), pool.now, {})
    assert next(each.opens_at for each in live_state.queues if each.queue == "planning") == opens
    pool.now = opens - timedelta(seconds=1)
    assert await pool.assign() == 0
    pool.now = opens
    assert await pool.assign() == 1


async def test_agents_of_several_queues_get_the_work_of_those_that_are_open(pool: AgentPool) -> None:
    await pool.organise(agent("elena", queues=["planning", "front-desk"]))
    await pool.apply(opened(1, pool.now, waited=9), opened(2, pool.now, department="parks"))
    await put_state(pool, "planning", QueueState.CLOSED)
    await pool.present("elena")
    assert await pool.assign() == 1
    assert (await pool.works())["C-1"].state == QUEUED


async def test_work_of_a_removed_queue_can_be_assigned_and_transferred(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now), opened(2, pool.now))
    await pool.present("grace")

    def without_planning(organisation: Json) -> None:
        del organisation["queues"]["planning"]
        organisation["people"] = [
            each for each in organisation["people"] if "planning" not in each.get("queues", [])
        ]
        organisation["rules"] = [r for r in organisation["rules"] if r["then"]["queue"] != "planning"]

    await pool.organise(without_planning, section("fallback_queue", "front-desk"))
    works = await pool.works()
    assert await pool.assign_to("grace", works["C-1"].work_item_id) == 200
    async with pool.engine.begin() as tx:
        active = await pool.active(tx)
        await handling.transfer(
            tx, works["C-2"].work_item_id, SUPERVISOR, active, queue=None,
            agent=active.configuration.agents_by_id["grace"], note=None, anyones=True, now=pool.now,
        )  # fmt: skip
    works = await pool.works()
    assert (works["C-1"].queue, works["C-1"].state) == ("front-desk", ACCEPTED)
    assert (works["C-2"].queue, works["C-2"].agent_id) == ("front-desk", "grace")


async def test_a_queue_state_that_is_set_twice_is_published_once(
    client: RoutingApi,
) -> None:
    body = {"state": "paused", "reason": "training"}
    path = "/queues/planning/state"
    first = await client.ask("PUT", path, role=Role.SUPERVISOR, name="sam", json=body)
    assert first.status_code == 200, first.text
    assert first.json() | {"since": ""} == body | {"queue": "planning", "since": "", "by": "sam"}
    again = await client.ask("PUT", path, json=body | {"reason": "again"})
    assert again.json() == first.json()
    (event,) = await client.rows(
        "select convert_from(value, 'utf8') as v from outbox where headers like '%queue.state%'"
    )
    assert '"previous":"open"' in event.v
    (change,) = await client.rows("select audience, data from change_log where kind = 'queue-state'")
    assert (change.audience, change.data) == (["queue:planning"], {"state": "paused", "reason": "training"})
    await client.apply(case(1))
    listed = (await client.ask("GET", "/queues", role=Role.AGENT, name="elena")).json()["items"]
    assert next(q["state"] for q in listed if q["queue"] == "planning") == "paused"


@pytest.mark.parametrize(
    ("path", "role", "body", "status"),
    [
        ("/queues/plannin/state", Role.OPERATIONS, {"state": "open", "reason": "x"}, 404),
        ("/queues/planning/state", Role.OPERATIONS, {"state": "asleep", "reason": "x"}, 422),
        ("/queues/planning/state", Role.OPERATIONS, {"state": "open"}, 422),
        ("/queues/planning/state", Role.AGENT, {"state": "open", "reason": "x"}, 403),
        ("/queues/planning/state", Role.MANAGER, {"state": "open", "reason": "x"}, 403),
    ],
)
async def test_a_queue_state_that_is_invalid_or_forbidden_is_refused(
    client: RoutingApi, path: str, role: Role, body: Json, status: int
) -> None:
    assert (await client.ask("PUT", path, role=role, json=body)).status_code == status


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (queue("planning", hours="offise"), "unknown calendar 'offise', did you mean 'office'?"),
        (queue("planning", members={"people": ["elen"]}), "unknown person 'elen', did you mean 'elena'?"),
        (
            queue("planning", members={"skills": {"plannig": 3}}),
            "unknown skill 'plannig', did you mean 'planning'?",
        ),
        (queue("planning", members={"skills": {}}), "at least 1 item"),
        (
            section("fallback_queue", "front-dask"),
            "unknown queue 'front-dask', did you mean 'front-desk'?",
        ),
        (section("queues", {}), "at least 1 item"),
    ],
)
def test_faults_in_queue_settings_are_reported_with_their_line(change: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(organisation_yaml(change))
    fault = next(fault for fault in refused.value.faults if message in fault.message)
    assert fault.line > 1
