"""A draft is tried on what was really decided: nothing live changes, and every item that would go elsewhere is listed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.postgres.writes import insert_rows
from antiphon.process.clock import utc_now
from routing import store
from routing.agents import presence
from routing.configuration import trials
from routing.domain.decisions.verdict import verdict
from routing.domain.rules.conditions import complete
from tests.conftest import NewDatabase
from tests.support.routing.api import COUNCIL, RoutingApi, case, opened_api

PLANNING = (
    "then: { queue: planning, priority: 40, skills: { planning: 3 } }",
    "then: { queue: front-desk, priority: 70, skills: { planning: 10 } }",
)


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def items(client: RoutingApi, trial_id: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await client.ask(
            "GET", f"/trials/{trial_id}/items", params={**params, **({"cursor": cursor} if cursor else {})}
        )
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next"]
    return found


async def test_a_draft_is_tried_on_what_was_decided_and_every_changed_item_is_told_with_both_traces(
    client: RoutingApi,
) -> None:
    departments = ["planning", "planning", "rates", "roads", "planning", None]
    await client.apply(*(case(n, d, tone="neutral") for n, d in enumerate(departments, 1)))
    before = await client.rows("select * from work_item order by work_item_id")
    draft = await client.draft(PLANNING)
    done = await client.trial(draft["draft_id"])
    found = done["result"]
    assert (done["total"], done["done"], found["decisions"], found["changed"]) == (6, 6, 6, 3)
    assert found["from_to"] == [{"from_queue": "planning", "to_queue": "front-desk", "items": 3}]
    assert found["changes"] == {"priority": 3, "queue": 3, "skills": 3}
    load = {line["queue"]: (line["before"], line["after"]) for line in found["load"]}
    assert load == {"rates": (1, 1), "roads": (1, 1), "planning": (3, 0), "front-desk": (1, 4), "hazards": (0, 0), "social-care": (0, 0)}  # fmt: skip
    assert {"queue": "front-desk", "skills": {"planning": 10}, "items": 3, "nobody": True, "nobody_on_shift": True} in found["unskilled"]  # fmt: skip
    listed = await items(client, done["trial_id"], limit=2)
    assert len({item["decision_id"] for item in listed}) == 3
    first = listed[0]
    assert first["before"]["outcome"]["queue"] == "planning"
    assert first["after"]["outcome"] == {
        "queue": "front-desk",
        "priority": 70,
        "skills": {"planning": 10},
        "sla_policy": "standard",
        "labels": [],
        "prefer_skills": {},
        "prefer_agent": None,
    }
    assert [outcome["result"] for outcome in first["after"]["trace"]] == ["false"] * 6 + ["true", "true"]
    assert first["before"]["trace"] == first["after"]["trace"]
    assert await items(client, done["trial_id"], to_queue="rates") == []
    assert await client.rows("select * from work_item order by work_item_id") == before


async def test_the_version_in_force_tried_on_its_own_decisions_changes_nothing(client: RoutingApi) -> None:
    said = [("social", "negative"), ("email", "neutral"), ("social", "neutral")]
    await client.apply(
        *(
            case(n, ("rates", "roads", None)[n % 3], channel=said[n % 3][0], tone=said[n % 2][1])
            for n in range(1, 30)
        )
    )
    draft = await client.draft()
    found = (await client.trial(draft["draft_id"]))["result"]
    assert (found["decisions"], found["changed"], found["same_by_another_rule"]) == (29, 0, 0)
    assert all(line["before"] == line["after"] for line in (*found["load"], *found["rules"]))


async def test_an_answer_that_came_in_time_would_have_been_late_by_the_draft(client: RoutingApi) -> None:
    cases = [case(n) for n in range(1, 5)]
    await client.apply(*cases)
    # All began to wait at one open moment; they were answered after 5 and 20 minutes, 5 hours, and not at all.
    async with client.engine.begin() as tx:
        for number, minutes in ((1, 5), (2, 20), (3, 300), (4, None)):
            await tx.execute(
                text(
                    "update clock set started_at = '2026-11-10 00:00Z', due_at = '2026-11-10 04:00Z', "
                    "met_at = timestamptz '2026-11-10 00:00Z' + make_interval(mins => :m) where case_id = :c"
                ),
                {"m": minutes, "c": UUID(int=number)},
            )
    draft = await client.draft(("{ within: 4h, calendar: office }", "{ within: 10m, calendar: always }"))
    found = (await client.trial(draft["draft_id"]))["result"]
    assert found["changed"] == 0
    assert found["first_response"] == {
        "measured": 4,
        "missed_before": 2,
        "missed_after": 3,
        "newly_missed": 1,
        "no_longer_missed": 0,
        "newly_missed_by_queue": [{"queue": "planning", "items": 1}],
    }


async def test_a_rule_that_errs_is_counted_with_examples_and_stops_nothing(client: RoutingApi) -> None:
    await client.apply(*(case(n, "rates") for n in range(1, 8)))
    draft = await client.draft(
        (
            "rules:\n",
            'rules:\n  - name: Errs\n    when: interaction.topics[99] == "x"\n    then: { queue: roads }\n',
        )
    )
    found = (await client.trial(draft["draft_id"]))["result"]
    (erred,) = found["erred"]
    assert (erred["rule"], erred["items"], len(erred["examples"])) == ("Errs", 7, 5)
    assert found["changed"] == 0


async def test_who_is_on_shift_is_told_apart_from_who_could_at_all(client: RoutingApi) -> None:
    await client.apply(case(1))
    draft = await client.draft()
    (gap,) = (await client.trial(draft["draft_id"]))["result"]["unskilled"]
    assert (gap["queue"], gap["nobody"], gap["nobody_on_shift"]) == ("planning", False, True)
    async with client.engine.begin() as tx:
        known = (await client.configurations.active(tx)).configuration.agents_by_id
        await presence.set_presence(tx, known["elena"], Presence.BUSY, "test", utc_now())
    assert (await client.trial(draft["draft_id"]))["result"]["unskilled"] == []


async def test_the_newest_of_a_period_are_tried_and_a_context_of_long_ago_has_defaults(
    client: RoutingApi,
) -> None:
    await client.apply(*(case(n) for n in range(1, 6)))
    async with client.engine.begin() as tx:
        await tx.execute(
            text(
                "update decision set at = at - interval '2 days', context = context - 'case.replies' - 'customer.labels' "
                "|| jsonb_build_object('case.gone', 1) where case_id = any(:ids)"
            ),
            {"ids": [UUID(int=1), UUID(int=2)]},
        )
    draft = await client.draft(
        ("rules:\n", "rules:\n  - name: New\n    when: case.replies == -1\n    then: { queue: roads }\n")
    )
    yesterday = (await client.rows("select now() - interval '1 day' as at"))[0].at.isoformat()
    old = await client.trial(draft["draft_id"], until=yesterday)
    assert old["result"]["from_to"] == [{"from_queue": "planning", "to_queue": "roads", "items": 2}]
    new = await client.trial(draft["draft_id"], since=yesterday)
    assert (new["result"]["decisions"], new["result"]["changed"]) == (3, 0)
    assert (await client.trial(draft["draft_id"], last=4))["result"]["decisions"] == 4


async def test_a_publication_cites_the_trial_of_its_own_text_only(client: RoutingApi) -> None:
    await client.apply(case(1))
    draft, other = await client.draft(PLANNING), await client.draft(PLANNING)
    path = f"/drafts/{draft['draft_id']}"
    trial = await client.trial(draft["draft_id"])
    theirs = await client.trial(other["draft_id"])
    body = {"name": "x", "why": "y", "source": draft["source"] + "\n# a word\n"}
    tag = (await client.ask("PUT", path, tag=draft["etag"], json=body)).headers["ETag"]
    for cited, status in ((theirs, 404), (trial, 409)):
        given = {"why": "z", "trial_id": cited["trial_id"]}
        answer = await client.ask("POST", f"{path}/publish", tag=tag, json=given)
        assert answer.status_code == status, answer.text
    again = await client.trial(draft["draft_id"])
    done = await client.ask(
        "POST", f"{path}/publish", tag=tag, json={"why": "z", "trial_id": again["trial_id"]}
    )
    version = await client.ask("GET", f"/configuration/versions/{done.json()['version']}")
    assert version.json()["trial_id"] == again["trial_id"]
    listed = (await client.ask("GET", f"{path}/trials")).json()["items"]
    assert [line["trial_id"] for line in listed] == [again["trial_id"], trial["trial_id"]]


async def test_two_replicas_run_a_trial_once_and_one_whose_replica_died_is_begun_anew(
    client: RoutingApi,
) -> None:
    await client.apply(*(case(n) for n in range(1, 20)))
    draft = await client.draft(PLANNING)
    path = f"/drafts/{draft['draft_id']}/trial"
    asked = (await client.ask("POST", path, json={})).json()
    ran = await asyncio.gather(*(trials.run_next(client.engine, utc_now) for _ in range(3)))
    assert sorted(ran) == [False, False, True]
    # As a replica leaves it that was killed in the middle.
    async with client.engine.begin() as tx:
        await tx.execute(
            text(
                "update trial set state = 'running', ended_at = null, result = null, touched_at = now() - interval '1 hour'"
            )
        )
    assert await trials.run_next(client.engine, utc_now)
    done = (await client.ask("GET", f"/trials/{asked['trial_id']}")).json()
    assert (done["state"], done["result"]["changed"]) == ("done", 19)
    assert len(await items(client, asked["trial_id"])) == 19


async def test_a_trial_that_is_stopped_stays_stopped(client: RoutingApi) -> None:
    await client.apply(case(1))
    draft = await client.draft(PLANNING)
    asked = (await client.ask("POST", f"/drafts/{draft['draft_id']}/trial", json={})).json()
    path = f"/trials/{asked['trial_id']}"
    assert (await client.ask("DELETE", path)).json()["state"] == "stopped"
    assert not await trials.run_next(client.engine, utc_now)
    assert (await client.ask("DELETE", path)).status_code == 409


async def test_pages_of_decisions_are_read_by_their_index_and_miss_none(
    client: RoutingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "PAGE", 7)
    async with client.engine.begin() as tx:
        active = await client.configurations.active(tx)
        found = verdict(active.configuration, complete({}))
        row = {
            "version": active.version, "rule": found.rule, "reason": "", "context": {}, "trace": [], "outcome": found.outcome,
        }  # fmt: skip
        # Many of one moment: the place of a page's end is not the time alone.
        rows: list[dict[str, Any]] = [
            {"decision_id": uuid4(), "work_item_id": uuid4(), "case_id": uuid4(), "at": utc_now().replace(minute=n // 20, second=0, microsecond=0), **row}
            for n in range(100)
        ]  # fmt: skip
        await insert_rows(tx, store.decisions.DECISION, rows)
    draft = await client.draft()
    until = max(row["at"] for row in rows).replace(minute=59).isoformat()
    done = await client.trial(draft["draft_id"], until=until)
    assert (done["result"]["decisions"], done["result"]["changed"]) == (100, 0)
    async with client.engine.begin() as tx:
        await tx.execute(
            text(
                "insert into decision (decision_id, work_item_id, case_id, version, rule, reason, context, trace, at, outcome) select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), version, rule, reason, "
                "context, trace, at - k * interval '1 minute', outcome from decision cross join generate_series(1, 200) k"
            )
        )
        await tx.execute(text("analyze decision"))
        asked = {"at": utc_now(), "id": UUID(int=0), "since": None, "limit": 500}
        plan = await tx.execute(text("explain " + trials.RECORDED.text), asked)
        told = "\n".join(str(line[0]) for line in plan)
    assert "decision_at_ix" in told
    assert "Seq Scan on decision" not in told


async def test_trials_are_forgotten_after_their_days_but_for_the_result_that_a_version_cites(
    client: RoutingApi,
) -> None:
    await client.apply(case(1, "rates"))
    draft = await client.draft(("{ queue: rates, priority: 40,", "{ queue: rates, priority: 60,"))
    old, cited, new = [(await client.trial(draft["draft_id"]))["trial_id"] for _ in range(3)]
    given = {"why": "tried", "trial_id": cited}
    answer = await client.ask("POST", f"/drafts/{draft['draft_id']}/publish", tag=draft["etag"], json=given)
    assert answer.status_code == 200
    async with client.engine.begin() as tx:
        await tx.execute(
            text("update trial set ended_at = now() - interval '91 days' where trial_id in (:a, :b)"),
            {"a": old, "b": cited},
        )
        assert await trials.forget(tx, timedelta(days=90)) == 1
    kept = {str(row.trial_id) for row in await client.rows("select trial_id from trial")}
    assert kept == {cited, new}
    items = {str(row.trial_id) for row in await client.rows("select trial_id from trial_item")}
    assert items == {new}


async def test_what_each_rule_in_force_did_is_counted_with_its_errors(client: RoutingApi) -> None:
    errs = "rules:\n  - name: Errs\n    when: interaction.topics[7] == 'x'\n    then: { queue: rates, priority: 1 }\n"
    await client.apply(case(1, "rates"))
    await client.load(COUNCIL.replace("rules:\n", errs))
    await client.apply(
        case(2, "rates", tone="neutral"),
        case(3, "rates", tone="neutral"),
        case(4, "planning", tone="neutral"),
    )
    told = (await client.ask("GET", "/configuration/rules")).json()
    assert told["decisions"] == 3
    rules = {rule["rule"]: rule for rule in told["rules"]}
    assert next(iter(rules)) == "Errs"
    assert (rules["Errs"]["errored"], rules["Errs"]["matched"]) == (3, 0)
    assert "index" in rules["Errs"]["last_error"]
    assert (rules["Rates"]["matched"], rules["Rates"]["decided"]) == (2, 2)
    assert (rules["Everything else"]["matched"], rules["Everything else"]["decided"]) == (3, 0)


async def test_a_draft_is_told_which_of_its_rules_never_match(client: RoutingApi) -> None:
    twice = "rules:\n  - name: First\n    when: 'true'\n    then: { queue: rates, priority: 1 }\n"
    draft = await client.draft(("rules:\n", twice))
    told = (await client.ask("GET", f"/drafts/{draft['draft_id']}/warnings")).json()
    assert told["revision"] == 1
    assert ("First", "always-true") in [(w["rule"], w["kind"]) for w in told["warnings"]]
    faulty = await client.draft(("queue: rates, priority", "queue: rats, priority"))
    assert (await client.ask("GET", f"/drafts/{faulty['draft_id']}/warnings")).status_code == 422
