"""A reply to a mail that a stranger wrote in a customer's name goes only to an address that its author confirmed."""

from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts.identified import IdentifiedInteractionReceived
from antiphon.contracts.interactions import Identifier, ReplyLimits, Speaker
from antiphon.contracts.replies import ReplyRequested
from antiphon.http.problem_kinds import Kind
from tests.support.case_mgmt import apply, rows, the_case
from tests.support.events import identified

MALLORY = Identifier(kind="email", value="mallory@evil.example")


def to(event: IdentifiedInteractionReceived, recipient: Identifier | None) -> IdentifiedInteractionReceived:
    update: dict[str, Any] = {"recipient": recipient}
    if recipient is None:
        update["speaker"] = Speaker(address=None)
    return event.model_copy(update={"interaction": event.interaction.model_copy(update=update)})


async def post(api: httpx.AsyncClient, case_id: UUID, key: str = "k", **fields: str) -> httpx.Response:
    revision = (await api.get(f"/cases/{case_id}")).headers["etag"]
    return await api.post(
        f"/cases/{case_id}/replies",
        json={"text": "Your pension: 1234 a month", **fields},
        headers={"If-Match": revision, "Idempotency-Key": key},
    )


async def requested(engine: AsyncEngine) -> list[ReplyRequested]:
    found = await rows(
        engine,
        "select convert_from(value, 'utf8') as v from outbox where headers like '%reply.requested%' order by id",
    )
    return [ReplyRequested.model_validate_json(row.v) for row in found]


async def everything(engine: AsyncEngine) -> list[list[Any]]:
    tables = ("case_file", "case_entry", "reply", "outbox", "change_log")
    return [await rows(engine, f"select * from {table} order by 1") for table in tables]


async def test_a_reply_to_a_forged_mail_gets_409_with_its_recipient(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    ada = uuid4()
    await apply(engine, identified(ada, text="My pension?"), to(identified(ada, text="And?"), MALLORY))
    case = await the_case(engine)  # it joins like the customer's own mail
    shown = (await api.get(f"/cases/{case.case_id}")).json()["interactions"]
    by_recipient = {one["recipient"]["value"]: one["recipient_belongs_to_customer"] for one in shown}
    assert by_recipient == {f"{ada}@mail.example": True, "mallory@evil.example": False}
    before = await everything(engine)
    forged = next(one for one in shown if not one["recipient_belongs_to_customer"])
    answers = forged["interaction"]["interaction_id"]
    for wrong in (
        {},
        {"confirm_recipient": f"{ada}@mail.example"},
        {"confirm_recipient": "MALLORY@evil.example"},
    ):
        refused = await post(api, case.case_id, answers=answers, **wrong)
        assert refused.status_code == 409
        assert refused.headers["content-type"] == "application/problem+json"
        problem = refused.json()
        assert problem["type"] == Kind.RECIPIENT_NOT_CONFIRMED.type
        assert problem["recipient"] == {"kind": "email", "value": "mallory@evil.example"}
        assert "mallory@evil.example" in problem["detail"]
    assert await everything(engine) == before


async def test_a_confirmed_reply_goes_to_that_address_and_the_record_names_who_confirmed(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    await apply(engine, to(identified(uuid4()), MALLORY))
    case = await the_case(engine)
    assert (await post(api, case.case_id)).status_code == 409
    # With the same key: the refused request did not use it.
    made = await post(api, case.case_id, confirm_recipient="mallory@evil.example")
    assert made.status_code == 201
    assert made.json()["recipient"] == {"kind": "email", "value": "mallory@evil.example"}
    again = await post(api, case.case_id, confirm_recipient="mallory@evil.example")
    assert (again.status_code, again.text) == (201, made.text)
    (request,) = await requested(engine)
    assert request.recipient == MALLORY
    whole = (await api.get(f"/cases/{case.case_id}")).json()
    assert [reply["recipient"] for reply in whole["replies"]] == [
        {"kind": "email", "value": "mallory@evil.example"}
    ]
    entry = next(one for one in whole["entries"] if one["kind"] == "reply-requested")
    assert entry["actor"]["id"] == "amara"
    assert entry["data"]["recipient"] == {"kind": "email", "value": "mallory@evil.example"}
    assert entry["data"]["recipient_confirmed"] is True


async def test_a_reply_of_too_many_public_parts_is_422_with_the_parts(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    event = identified(uuid4(), text="Why?")
    limits = ReplyLimits(parts=3, characters=300, bytes=3000)
    update = {"reply_limits": limits}
    await apply(engine, event.model_copy(update={"interaction": event.interaction.model_copy(update=update)}))
    case = await the_case(engine)
    before = await everything(engine)
    refused = await post(api, case.case_id, text="word " * 600)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:antiphon:problem:too-many-parts")
    assert len(refused.json()["parts"]) == 11
    assert refused.json()["parts"][0].endswith("(1/11)")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/text"]
    assert await everything(engine) == before
    assert (await post(api, case.case_id, text="word " * 150)).status_code == 201


async def test_a_reply_to_the_customers_own_address_needs_no_confirmation(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    ada, home = uuid4(), Identifier(kind="email", value="home@mail.example")
    event = to(identified(ada), home)
    linked = event.customer.model_copy(update={"identifiers": [*event.customer.identifiers, home]})
    await apply(engine, event.model_copy(update={"customer": linked}))
    case = await the_case(engine)
    assert (await post(api, case.case_id)).status_code == 201
    thanks = identified(ada, text="Thank you")
    await apply(engine, thanks)
    answers = str(thanks.interaction.interaction_id)
    made = await post(api, case.case_id, "k2", answers=answers)
    assert made.json()["recipient"]["value"] == f"{ada}@mail.example"
    # A confirmation that is not needed must still name the recipient.
    for confirmed, status in ((f"{ada}@mail.example", 201), ("home@mail.example", 409)):
        answered = await post(api, case.case_id, confirmed, answers=answers, confirm_recipient=confirmed)
        assert answered.status_code == status
    assert [request.recipient and request.recipient.value for request in await requested(engine)] == [
        "home@mail.example", f"{ada}@mail.example", f"{ada}@mail.example"
    ]  # fmt: skip
    entries = await rows(engine, "select data from case_entry where kind = 'reply-requested' order by id")
    assert [entry.data["recipient_confirmed"] for entry in entries] == [False, False, True]


async def test_a_reply_to_a_mail_without_an_address_gets_409(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    await apply(engine, to(identified(uuid4()), None))
    case = await the_case(engine)
    (shown,) = (await api.get(f"/cases/{case.case_id}")).json()["interactions"]
    assert (shown["recipient"], shown["recipient_belongs_to_customer"]) == (None, False)
    refused = await post(api, case.case_id, confirm_recipient="mallory@evil.example")
    assert (refused.status_code, refused.json()["type"]) == (409, Kind.NO_RECIPIENT.type)
    assert refused.json()["recipient"] is None
    assert await requested(engine) == []
