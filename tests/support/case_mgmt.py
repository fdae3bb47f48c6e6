"""What tests of case-mgmt do to it: apply a batch, answer as an agent, read the tables and what was published."""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.access.roles import Identity, Role
from antiphon.contracts import generate
from antiphon.contracts.base import Event
from antiphon.contracts.identified import (
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
)
from antiphon.http.preconditions import Seen
from antiphon.process.clock import utc_now
from case_mgmt.domain import tokens
from case_mgmt.domain.replies import Reply, ReplyDraft
from case_mgmt.intake import batch as intake
from case_mgmt.replies import request_reply
from tests.support.events import identified, received

SECRET = "a secret of the tests"
AMARA = Identity("amara", "Amara", frozenset({Role.AGENT}))
GRACE = Identity("grace", "Grace", frozenset({Role.AGENT}))


async def apply(
    engine: AsyncEngine,
    *events: Event,
    now: datetime | None = None,
    at: datetime | None = None,
    offset: int | None = None,
) -> None:
    """Applies one batch. `at` and `offset`: when its events were written, and where they are in the log."""
    async with engine.begin() as tx:
        await apply_in(tx, *events, now=now, at=at, offset=offset)


async def apply_in(
    tx: AsyncConnection,
    *events: Event,
    now: datetime | None = None,
    at: datetime | None = None,
    offset: int | None = None,
) -> None:
    await intake.apply(
        tx, received(events, at, offset), read_token=partial(tokens.read, secrets=[SECRET]),
        make_token=partial(tokens.make, secret=SECRET), reopen_closed_within=timedelta(days=14),
        now=now or utc_now(),
    )  # fmt: skip


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(query))).all())


async def the_case(engine: AsyncEngine) -> Any:
    (case,) = await rows(engine, "select * from case_file left join case_work using (case_id)")
    return case


async def answer(
    engine: AsyncEngine,
    case_id: UUID,
    seen_revision: int,
    *,
    who: Identity = AMARA,
    key: str = "k",
    words: str = "Yes.",
    confirm: str | None = None,
) -> Reply:
    draft = ReplyDraft(words, confirm_recipient=confirm)
    async with engine.begin() as tx:
        return await request_reply(
            tx,
            case_id,
            draft,
            key=key,
            seen=Seen(frozenset({seen_revision})),
            who=who,
            secret=SECRET,
            now=utc_now(),
        )


def message(customer: UUID, words: str, at: datetime, **changes: Any) -> IdentifiedInteractionReceived:
    """A message of a customer that was accepted at `at`."""
    event = identified(customer, text=words, department=None)
    interaction = event.interaction.model_copy(update={"accepted_at": at, "occurred_at": at, **changes})
    return event.model_copy(update={"interaction": interaction})


def edited(of: IdentifiedInteractionReceived, words: str, at: datetime) -> IdentifiedInteractionEdited:
    """The edit of a message, which was accepted at `at`."""
    event = IdentifiedInteractionEdited.model_validate(
        generate.example("identified-interaction.edited.v1")["data"]
    )
    content = of.interaction.content.model_copy(update={"text": words})
    changes = {
        "interaction_id": of.interaction.interaction_id,
        "content": content,
        "accepted_at": at,
        "revision": f"{words} {at}",
    }
    edit = event.edit.model_copy(update=changes)
    return event.model_copy(update={"edit": edit, "customer": of.customer})


def deleted(of: IdentifiedInteractionReceived) -> IdentifiedInteractionDeleted:
    """The deletion of a message."""
    event = IdentifiedInteractionDeleted.model_validate(
        generate.example("identified-interaction.deleted.v1")["data"]
    )
    deletion = event.deletion.model_copy(update={"interaction_id": of.interaction.interaction_id})
    return event.model_copy(update={"deletion": deletion, "customer": of.customer})


async def published(engine: AsyncEngine, kind: str) -> list[dict[str, Any]]:
    """The data of the events of a type in the outbox, in order."""
    query = "select value from outbox where headers::json ->> 'ce_type' = '{}' order by id"
    return [json.loads(bytes(row.value)) for row in await rows(engine, query.format(kind))]


def texts(event: dict[str, Any]) -> list[str]:
    """The texts of the unanswered messages that an event carries."""
    return [one["text"] for one in event["unanswered"]]
