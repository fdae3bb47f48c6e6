"""A trial decides recorded cases again by a draft: it lists each decision that differs, and changes nothing live."""

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
from tests.support.routing.messages import CaseWithMessages

PLANNING = (
    "then: { queue: planning, priority: 40, skills: { planning: 3 } }",
    "then: { queue: front-desk, priority: 70, skills: { planning: 10 } }",
)


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def items(client: RoutingApi, trial_id: str, **params: Any) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await client.ask(
            "GET", f"/trials/{trial_id}/items", params={**params, **({"cursor": cursor} if cursor else {})}
        )
        assert page.status_code == 200, page.text
        listed += page.json()["items"]
        cursor = page.json()["next"]
    return listed


async def test_a_trial_lists_each_decision_that_the_draft_changes_with_both_traces(
    client: RoutingApi,
) -> None:
    departments = ["planning", "planning", "rates", "roads", "planning", None]
    await client.apply(*(case(n, d, tone="neutral") for n, d in enumerate(departments, 1)))
    before = await client.rows("select * from work_item order by work_item_id")
    draft = await client.draft(PLANNING)
    done = await client.trial(draft["draft_id"])
    result = done["result"]
    assert (done["total"], done["done"], result["decisions"], result["changed"]) == (6, 6, 6, 3)
    assert result["from_to"] == [{"from_queue": "planning", "to_queue": "front-desk", "items": 3}]
    assert result["changes"] == {"priority": 3, "queue": 3, "skills": 3}
    load = {line["queue"]: (line["before"], line["after"]) for line in result["load"]}
    assert load == {"rates": (1, 1), "roads": (1, 1), "planning": (3, 0), "front-desk": (1, 4), "hazards": (0, 0), "social-care": (0, 0)}  # fmt: skip
    assert {"queue": "front-desk", "skills": {"planning": 10}, "items": 3, "nobody": True, "nobody_on_shift": True} in result["unskilled"]  # fmt: skip
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


async def test_a_trial_of_the_active_version_changes_nothing(client: RoutingApi) -> None:
    messages = [("social", "negative"), ("email", "neutral"), ("social", "neutral")]
    await client.apply(
        *(
            case(n, ("rates", "roads", None)[n % 3], channel=messages[n % 3][0], tone=messages[n % 2][1])
            for n in range(1, 30)
        )
    )
    draft = await client.draft()
    result = (await client.trial(draft["draft_id"]))["result"]
    assert (result["decisions"], result["changed"], result["same_by_another_rule"]) == (29, 0, 0)
    assert all(line["before"] == line["after"] for line in (*result["load"], *result["rules"]))


async def test_a_trial_counts_answers_that_the_draft_would_have_made_late(client: RoutingApi) -> None:
    cases = [case(n) for n in range(1, 5)]
    await client.apply(*cases)
    # All began to wait in office hours; three were answered, after 5 minutes, 20 minutes and 5 hours.
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
    result = (await client.trial(draft["draft_id"]))["result"]
    assert result["changed"] == 0
    assert result["first_response"] == {
        "measured": 4,
        "missed_before": 2,
        "missed_after": 3,
        "newly_missed": 1,
        "no_longer_missed": 0,
        "newly_missed_by_queue": [{"queue": "planning", "items": 1}],
    }


async def test_a_rule_that_fails_is_counted_with_examples_and_does_not_end_the_trial(
    client: RoutingApi,
) -> None:
    await client.apply(*(case(n, "rates") for n in range(1, 8)))
    draft = await client.draft(
        (
            "rules:\n",
            'rules:\n  - name: Errs\n    when: interaction.topics[99] == "x"\n    then: { queue: roads }\n',
        )
    )
    result = (await client.trial(draft["draft_id"]))["result"]
    (erred,) = result["erred"]
    assert (erred["rule"], erred["items"], len(erred["examples"])) == ("Errs", 7, 5)
    assert result["changed"] == 0


async def test_a_trial_distinguishes_no_skilled_agent_from_none_on_shift(client: RoutingApi) -> None:
    await client.apply(case(1))
    draft = await client.draft()
    (gap,) = (await client.trial(draft["draft_id"]))["result"]["unskilled"]
    assert (gap["queue"], gap["nobody"], gap["nobody_on_shift"]) == ("planning", False, True)
    async with client.engine.begin() as tx:
        agents = (await client.configurations.active(tx, utc_now())).configuration.agents_by_id
        await presence.set_presence(tx, agents["elena"], Presence.BUSY, "test", utc_now())
    assert (await client.trial(draft["draft_id"]))["result"]["unskilled"] == []


async def test_a_trial_takes_the_newest_of_a_period_and_completes_old_rule_contexts(
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


LEAK = "There is a gas leak"
FIRST_ONLY = "  - name: Danger\n", "  - name: Danger\n    first_words_only: true\n"
WORDLESS = 'when: case.unanswered_text.contains("gas leak")', 'when: case.department == "none"'


async def with_later_words(client: RoutingApi) -> CaseWithMessages:
    """A case that goes to the front desk, and to the hazard line by a later message; further ones change nothing."""
    later = CaseWithMessages(client)
    await client.apply(later.opened, later.interaction_added(LEAK), later.interaction_added("Hello?"))
    return later


async def test_a_trial_decides_on_later_words_with_the_work_of_then(client: RoutingApi) -> None:
    await with_later_words(client)
    same = (await client.trial((await client.draft())["draft_id"]))["result"]
    assert (same["decisions"], same["changed"]) == (2, 0)
    assert same["later_words"] == {"decisions": 1, "changed": 0}
    assert "not recorded" in same["notes"][0]
    load = {line["queue"]: (line["before"], line["after"]) for line in same["load"]}
    assert (load["front-desk"], load["hazards"]) == ((1, 1), (1, 1))
    done = await client.trial((await client.draft(FIRST_ONLY))["draft_id"])
    assert done["result"]["later_words"] == {"decisions": 1, "changed": 1}
    assert done["result"]["from_to"] == [{"from_queue": "hazards", "to_queue": "front-desk", "items": 1}]
    assert {"rule": "Danger", "before": 1, "after": 0} in done["result"]["rules"]
    (item,) = await items(client, done["trial_id"])
    assert (item["later_words"], item["after"]["outcome"]["priority"]) == (True, 30)
    assert item["after"]["trace"][0] == {"rule": "Danger", "result": "not-asked", "error": None}


async def test_a_trial_names_decisions_whose_words_are_gone_and_decides_them_only_by_facts(
    client: RoutingApi,
) -> None:
    later = await with_later_words(client)
    await client.apply(later.interaction_deleted(1))
    done = (await client.trial((await client.draft(FIRST_ONLY))["draft_id"]))["result"]
    assert (done["decisions"], done["without_words"]) == (2, 0)
    reads = (await client.trial((await client.draft())["draft_id"]))["result"]
    (gone,) = await client.rows("select decision_id from decision where not has_words")
    assert (reads["decisions"], reads["changed"], reads["without_words"]) == (1, 0, 1)
    assert reads["without_words_ids"] == [str(gone.decision_id)]
    assert len(reads["notes"]) == 2
    facts = (await client.trial((await client.draft(WORDLESS))["draft_id"]))["result"]
    assert (facts["decisions"], facts["changed"], facts["without_words"]) == (2, 1, 0)


async def test_a_publication_cites_the_trial_of_its_own_text_only(client: RoutingApi) -> None:
    await client.apply(case(1))
    draft, other = await client.draft(PLANNING), await client.draft(PLANNING)
    path = f"/drafts/{draft['draft_id']}"
    trial = await client.trial(draft["draft_id"])
    other_trial = await client.trial(other["draft_id"])
    body = {"name": "x", "why": "y", "source": draft["source"] + "\n# a comment\n"}
    tag = (await client.ask("PUT", path, tag=draft["etag"], json=body)).headers["ETag"]
    for cited, status in ((other_trial, 404), (trial, 409)):
        body = {"why": "z", "trial_id": cited["trial_id"]}
        answer = await client.ask("POST", f"{path}/publish", tag=tag, json=body)
        assert answer.status_code == status, answer.text
    newer = await client.trial(draft["draft_id"])
    done = await client.ask(
        "POST", f"{path}/publish", tag=tag, json={"why": "z", "trial_id": newer["trial_id"]}
    )
    version = await client.ask("GET", f"/configuration/versions/{done.json()['configuration_version']}")
    assert version.json()["trial_id"] == newer["trial_id"]
    listed = (await client.ask("GET", f"{path}/trials")).json()["items"]
    assert [line["trial_id"] for line in listed] == [newer["trial_id"], trial["trial_id"]]


async def test_two_replicas_run_a_trial_once_and_restart_one_whose_replica_died(
    client: RoutingApi,
) -> None:
    await client.apply(*(case(n) for n in range(1, 20)))
    draft = await client.draft(PLANNING)
    path = f"/drafts/{draft['draft_id']}/trial"
    requested = (await client.ask("POST", path, json={})).json()
    has_run = await asyncio.gather(*(trials.run_next(client.engine, utc_now) for _ in range(3)))
    assert sorted(has_run) == [False, False, True]
    # As a replica leaves it that is killed during the trial.
    async with client.engine.begin() as tx:
        await tx.execute(
            text(
                "update trial set state = 'running', ended_at = null, result = null, touched_at = now() - interval '1 hour'"
            )
        )
    assert await trials.run_next(client.engine, utc_now)
    done = (await client.ask("GET", f"/trials/{requested['trial_id']}")).json()
    assert (done["state"], done["result"]["changed"]) == ("done", 19)
    assert len(await items(client, requested["trial_id"])) == 19


async def test_a_trial_that_is_stopped_stays_stopped(client: RoutingApi) -> None:
    await client.apply(case(1))
    draft = await client.draft(PLANNING)
    requested = (await client.ask("POST", f"/drafts/{draft['draft_id']}/trial", json={})).json()
    path = f"/trials/{requested['trial_id']}"
    assert (await client.ask("DELETE", path)).json()["state"] == "stopped"
    assert not await trials.run_next(client.engine, utc_now)
    assert (await client.ask("DELETE", path)).status_code == 409


async def test_pages_of_decisions_are_read_by_their_index_and_miss_none(
    client: RoutingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "PAGE", 7)
    async with client.engine.begin() as tx:
        active = await client.configurations.active(tx, utc_now())
        decision = verdict(active.configuration, complete({}))
        row = {
            "version": active.version, "rule": decision.rule, "reason": "", "context": {}, "trace": [], "outcome": decision.outcome,
        }  # fmt: skip
        # Many decisions have the same time, so that a page may end between them.
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
        parameters = {"at": utc_now(), "id": UUID(int=0), "since": None, "limit": 500}
        plan = await tx.execute(text("explain " + trials.RECORDED.text), parameters)
        lines = "\n".join(str(line[0]) for line in plan)
    assert "decision_at_ix" in lines
    assert "Seq Scan on decision" not in lines


async def test_old_trials_are_deleted_except_the_result_that_a_version_cites(
    client: RoutingApi,
) -> None:
    await client.apply(case(1, "rates"))
    draft = await client.draft(("{ queue: rates, priority: 40,", "{ queue: rates, priority: 60,"))
    old, cited, new = [(await client.trial(draft["draft_id"]))["trial_id"] for _ in range(3)]
    body = {"why": "tried", "trial_id": cited}
    answer = await client.ask("POST", f"/drafts/{draft['draft_id']}/publish", tag=draft["etag"], json=body)
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


async def test_matches_and_errors_of_each_active_rule_are_counted(client: RoutingApi) -> None:
    errs = "rules:\n  - name: Errs\n    when: interaction.topics[7] == 'x'\n    then: { queue: rates, priority: 1 }\n"
    await client.apply(case(1, "rates"))
    await client.load(COUNCIL.replace("rules:\n", errs))
    await client.apply(
        case(2, "rates", tone="neutral"),
        case(3, "rates", tone="neutral"),
        case(4, "planning", tone="neutral"),
    )
    counts = (await client.ask("GET", "/configuration/rules")).json()
    assert counts["decisions"] == 3
    rules = {rule["rule"]: rule for rule in counts["rules"]}
    assert next(iter(rules)) == "Errs"
    assert (rules["Errs"]["errored"], rules["Errs"]["matched"]) == (3, 0)
    assert "index" in rules["Errs"]["last_error"]
    assert (rules["Rates"]["matched"], rules["Rates"]["decided"]) == (2, 2)
    assert (rules["Everything else"]["matched"], rules["Everything else"]["decided"]) == (3, 0)


async def test_warnings_of_a_draft_name_a_rule_that_always_matches(client: RoutingApi) -> None:
    first_rule = "rules:\n  - name: First\n    when: 'true'\n    then: { queue: rates, priority: 1 }\n"
    draft = await client.draft(("rules:\n", first_rule))
    warnings = (await client.ask("GET", f"/drafts/{draft['draft_id']}/warnings")).json()
    assert warnings["revision"] == 1
    assert ("First", "always-true") in [(w["rule"], w["kind"]) for w in warnings["warnings"]]
    faulty = await client.draft(("queue: rates, priority", "queue: rats, priority"))
    assert (await client.ask("GET", f"/drafts/{faulty['draft_id']}/warnings")).status_code == 422
