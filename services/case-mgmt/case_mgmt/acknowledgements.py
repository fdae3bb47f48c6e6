"""The words that a customer gets at once while a queue is closed: asked for like an answer, and not one."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import ids
from antiphon.contracts.base import Event
from antiphon.contracts.interactions import Automation, Interaction
from antiphon.contracts.work import WorkHeld
from antiphon.postgres.writes import Writes
from case_mgmt import store
from case_mgmt.domain import reply
from case_mgmt.domain.acknowledging import AGAIN_AFTER, Acknowledged, NotAcknowledged, why_not
from case_mgmt.domain.case import Case
from case_mgmt.domain.recipients import automatic_recipient_of
from case_mgmt.domain.record import EntryKind, Reply
from case_mgmt.unit import SYSTEM, Unit


def with_words(events: Sequence[Event]) -> list[WorkHeld]:
    """Those of the events that hold words for the customer."""
    return [event for event in events if isinstance(event, WorkHeld) and event.acknowledge]


@dataclass
class Acknowledgements:
    """What a batch knows of words that were said before, and what it adds to them."""

    spoken: dict[UUID, Interaction]
    earlier: list[Acknowledged]
    token_of: Callable[[int], str]
    replies: list[Reply] = field(default_factory=list[Reply])
    added: dict[UUID, Acknowledged] = field(default_factory=dict[UUID, Acknowledged])

    def why_not(self, event: WorkHeld, case: Case, now: datetime) -> NotAcknowledged | None:
        """Why nothing is to be said, or None if the words are."""
        return why_not(case, self.spoken.get(case.case_id), event.opens_at, self.earlier, now)

    def say(self, event: WorkHeld, case: Case, unit: Unit, key: str, trace: str | None) -> None:
        """Asks for the words to be sent, and records it. The case goes on to await its answer."""
        now, opens_at = unit.now, event.opens_at
        queue, words = event.meant_for or event.work.queue, event.acknowledge or ""
        # Of one case and one opening there is one reply, however often it is told.
        per = opens_at.astimezone(UTC).isoformat() if opens_at else key
        reply_id = ids.derived_id("acknowledgement", str(case.case_id), per)
        spoken = self.spoken[case.case_id]
        recipient = automatic_recipient_of(spoken)
        address = recipient.key if recipient else None
        asked = reply.asked(
            case,
            spoken,
            recipient,
            reply_id=reply_id,
            text=words,
            author=SYSTEM,
            case_token=self.token_of(case.number),
            now=now,
            automation=Automation.AUTO_REPLY,
            occasion=queue,
        )
        digest = hashlib.sha256(words.encode()).hexdigest()
        self.replies.append(reply.kept(asked, case, key=str(reply_id), digest=digest))
        self.added[reply_id] = Acknowledged(case.case_id, case.customer_id, now, opens_at, address)
        self.earlier.append(self.added[reply_id])
        told = {
            "reply_id": str(reply_id),
            "answers": str(asked.answers),
            "automatic": True,
            "reason": queue,
        }
        unit.record(
            case.case_id,
            f"acknowledgement:{reply_id}",
            EntryKind.ACKNOWLEDGEMENT_REQUESTED,
            now,
            SYSTEM,
            told,
        )
        unit.tell(asked, trace)

    def put_down(self, writes: Writes) -> None:
        """All of it."""
        store.add_acknowledgements(writes, self.replies, self.added)


async def look(
    tx: AsyncConnection, held: Sequence[WorkHeld], token_of: Callable[[int], str], now: datetime
) -> Acknowledgements:
    """What must be known to say the words of `held` or not to. Their customers are held already; their addresses are here."""
    cases = list({event.work.case_id for event in held})
    customers = list({event.work.customer_id for event in held})
    spoken = await store.spoken_last(tx, cases)
    found = [automatic_recipient_of(one) for one in spoken.values()]
    recipients = list({one.key for one in found if one})
    await store.hold_recipients(tx, recipients)
    earlier = await store.acknowledged(tx, cases, customers, recipients, now - AGAIN_AFTER)
    return Acknowledgements(spoken, earlier, token_of)
