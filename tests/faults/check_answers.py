"""The ledger of answers against where they went: each reached its customer, under one name."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import httpx

from deploy.morning import bluesky
from deploy.services import SOCIAL_HANDLE
from deploy.stack import Stack
from tests.faults.found import Found
from tests.faults.mailhost import MailHost
from tests.faults.staff import Answer
from tests.load.flow import Flow
from tests.load.traffic import Doors, address

TOKEN = re.compile(r"a[0-9]{7}x")


async def compare_answers(
    stack: Stack, flow: Flow, doors: Doors, ledger: Sequence[Answer], mail: MailHost, found: Found
) -> None:
    """Looks each answer up on the record and where its channel leads; counts what is missing, twice, or astray."""
    found.answers = len(ledger)
    if not ledger:
        return
    kept = await flow.ask(
        "case-mgmt",
        "select substring(requested->>'text' from 'a[0-9]{7}x') as token, state from reply",
    )
    wanted = {answer.token for answer in ledger}
    rows = [row for row in kept if row["token"] in wanted]
    places = {"the record": _grouped((row["token"], n) for n, row in enumerate(rows))}
    handed = await flow.ask(
        "ingest-direct",
        "select substring(requested->>'text' from 'a[0-9]{7}x') as token, reply_id from reply",
    )
    whereto = {
        "email": _grouped((taken.answer, taken.message_id) for taken in mail.taken),
        "social": _grouped(await _posts(stack)),
    }
    direct = _grouped((row["token"], row["reply_id"]) for row in handed)
    for answer in ledger:
        _once(found, answer, "the record", places["the record"].get(answer.token, set()))
        there = whereto.get(answer.channel, direct).get(answer.token, set())
        _once(found, answer, f"the world ({answer.channel})", there)
    unsent = [row["token"] for row in rows if row["state"] == "failed"]
    if unsent:
        found.unanswered += len(unsent)
        found.notes.append(f"{len(unsent)} answers failed, e.g. {unsent[0]}")
    _compare_recipients(doors, ledger, mail, found)


def _grouped(pairs: Any) -> dict[str, set[Any]]:
    groups: dict[str, set[Any]] = defaultdict(set)
    for token, name in pairs:
        groups[token].add(name)
    return groups


def _once(found: Found, answer: Answer, where: str, names: set[Any]) -> None:
    if not names:
        found.lost += 1
        found.notes.append(f"answer {answer.token} is not in {where}")
    elif len(names) > 1:
        found.doubled += 1
        found.notes.append(f"answer {answer.token} is {len(names)} times in {where}")


def _compare_recipients(doors: Doors, ledger: Sequence[Answer], mail: MailHost, found: Found) -> None:
    speaker = {m.token: customer for customer, said in doors.ledger.taken.items() for m in said}
    expected = {
        answer.token: address(doors.ledger.run, speaker[answer.message])
        for answer in ledger
        if answer.channel == "email" and answer.message in speaker
    }
    for taken in mail.taken:
        if taken.answer in expected and taken.recipient != expected[taken.answer]:
            found.wrong_customer += 1
            found.notes.append(f"answer {taken.answer} went to {taken.recipient}")


async def _posts(stack: Stack) -> list[tuple[str, str]]:
    """The council's posts: which answer each brings, and its address."""
    posts: list[tuple[str, str]] = []
    async with httpx.AsyncClient(timeout=30) as http:
        council = await bluesky.did_of(http, stack.pds.url, SOCIAL_HANDLE)
        cursor: str | None = None
        while True:
            given = {"repo": council, "collection": "app.bsky.feed.post", "limit": 100}
            page = await http.get(
                f"{stack.pds.url}/xrpc/com.atproto.repo.listRecords",
                params=given | ({"cursor": cursor} if cursor else {}),
            )
            page.raise_for_status()
            records = page.json()["records"]
            posts += [
                (match[0], record["uri"])
                for record in records
                if (match := TOKEN.search(record["value"]["text"]))
            ]
            cursor = page.json().get("cursor")
            if not records or not cursor:
                return posts
