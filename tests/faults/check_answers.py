"""Checks the agents' ledger: each answer is on the record and reached its customer, once."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import httpx

from deploy.morning import bluesky
from deploy.services import SOCIAL_HANDLE
from deploy.stack import Stack
from tests.faults.agents import Answer
from tests.faults.mail_server import MailServer
from tests.faults.result import FaultResult
from tests.load.flow import Flow
from tests.load.traffic import Customers, address

TOKEN = re.compile(r"a[0-9]{7}x")


async def compare_answers(
    stack: Stack,
    flow: Flow,
    customers: Customers,
    ledger: Sequence[Answer],
    mail: MailServer,
    result: FaultResult,
) -> None:
    """Looks up each answer on the record and at its channel. Counts in `result` what is missing, doubled or at another customer."""
    result.answers = len(ledger)
    if not ledger:
        return
    kept = await flow.query(
        "case-mgmt",
        "select substring(requested->>'text' from 'a[0-9]{7}x') as token, state from reply",
    )
    wanted = {answer.token for answer in ledger}
    rows = [row for row in kept if row["token"] in wanted]
    recorded = _grouped((row["token"], n) for n, row in enumerate(rows))
    replies = await flow.query(
        "ingest-direct",
        "select substring(requested->>'text' from 'a[0-9]{7}x') as token, reply_id from reply",
    )
    delivered = {
        "email": _grouped((accepted.answer, accepted.message_id) for accepted in mail.accepted),
        "social": _grouped(await _posts(stack)),
    }
    direct = _grouped((row["token"], row["reply_id"]) for row in replies)
    for answer in ledger:
        _check_once(result, answer, "the record", recorded.get(answer.token, set()))
        copies = delivered.get(answer.channel, direct).get(answer.token, set())
        _check_once(result, answer, f"the channel {answer.channel}", copies)
    unsent = [row["token"] for row in rows if row["state"] == "failed"]
    if unsent:
        result.unanswered += len(unsent)
        result.notes.append(f"{len(unsent)} replies failed, e.g. {unsent[0]}")
    _compare_recipients(customers, ledger, mail, result)


def _grouped(pairs: Any) -> dict[str, set[Any]]:
    groups: dict[str, set[Any]] = defaultdict(set)
    for token, name in pairs:
        groups[token].add(name)
    return groups


def _check_once(result: FaultResult, answer: Answer, where: str, copies: set[Any]) -> None:
    if not copies:
        result.lost += 1
        result.notes.append(f"answer {answer.token} is not in {where}")
    elif len(copies) > 1:
        result.doubled += 1
        result.notes.append(f"answer {answer.token} is {len(copies)} times in {where}")


def _compare_recipients(
    customers: Customers, ledger: Sequence[Answer], mail: MailServer, result: FaultResult
) -> None:
    sender = {m.token: customer for customer, own in customers.ledger.accepted.items() for m in own}
    expected = {
        answer.token: address(customers.ledger.run, sender[answer.message])
        for answer in ledger
        if answer.channel == "email" and answer.message in sender
    }
    for accepted in mail.accepted:
        if accepted.answer in expected and accepted.recipient != expected[accepted.answer]:
            result.wrong_customer += 1
            result.notes.append(f"answer {accepted.answer} went to {accepted.recipient}")


async def _posts(stack: Stack) -> list[tuple[str, str]]:
    """The council's posts: the token of the answer in each, and its at:// URI."""
    posts: list[tuple[str, str]] = []
    async with httpx.AsyncClient(timeout=30) as http:
        council = await bluesky.did_of(http, stack.pds.url, SOCIAL_HANDLE)
        cursor: str | None = None
        while True:
            parameters = {"repo": council, "collection": "app.bsky.feed.post", "limit": 100}
            page = await http.get(
                f"{stack.pds.url}/xrpc/com.atproto.repo.listRecords",
                params=parameters | ({"cursor": cursor} if cursor else {}),
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
