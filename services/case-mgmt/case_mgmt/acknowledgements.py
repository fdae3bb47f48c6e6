"""The acknowledgement that a customer gets at once while a queue is closed. It is sent like a reply and answers nothing."""

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
from case_mgmt.case_unit import SYSTEM, CaseUnit
from case_mgmt.domain import acknowledgements, replies
from case_mgmt.domain.acknowledgements import Acknowledgement, NotAcknowledged
from case_mgmt.domain.cases import Case
from case_mgmt.domain.recipients import automatic_recipient_of
from case_mgmt.domain.record import EntryKind
from case_mgmt.domain.replies import Reply


def with_text(events: Sequence[Event]) -> list[WorkHeld]:
    """The events that carry an acknowledgement's text."""
    return [event for event in events if isinstance(event, WorkHeld) and event.acknowledge]


@dataclass
class Acknowledgements:
    """The earlier acknowledgements that concern a batch, and those that the batch adds."""

    newest: dict[UUID, Interaction]
    earlier: list[Acknowledgement]
    make_token: Callable[[int], str]
    replies: list[Reply] = field(default_factory=list[Reply])
    added: dict[UUID, Acknowledgement] = field(default_factory=dict[UUID, Acknowledgement])

    def why_not(self, event: WorkHeld, case: Case, now: datetime) -> NotAcknowledged | None:
        """Why the customer gets no acknowledgement, or None if they get one."""
        return acknowledgements.why_not(
            case, self.newest.get(case.case_id), event.opens_at, self.earlier, now
        )

    def request(self, event: WorkHeld, case: Case, unit: CaseUnit, key: str, trace: str | None) -> None:
        """Requests that the acknowledgement is sent, and records that. The case still awaits its answer.

        `key` is the natural key of the event.
        """
        now, opens_at = unit.now, event.opens_at
        queue, text = event.meant_for or event.work.queue, event.acknowledge or ""
        # A case has one reply for an opening, however often routing reports that the work is held.
        occasion = opens_at.astimezone(UTC).isoformat() if opens_at else key
        reply_id = ids.derived_id("acknowledgement", str(case.case_id), occasion)
        newest = self.newest[case.case_id]
        recipient = automatic_recipient_of(newest)
        requested = replies.request(
            case,
            newest,
            recipient,
            reply_id=reply_id,
            text=text,
            author=SYSTEM,
            case_token=self.make_token(case.number),
            now=now,
            automation=Automation.AUTO_REPLY,
            occasion=queue,
        )
        self.replies.append(replies.requested_reply(requested, case, key=str(reply_id)))
        address = recipient.key if recipient else None
        self.added[reply_id] = Acknowledgement(case.case_id, case.customer_id, now, opens_at, address)
        self.earlier.append(self.added[reply_id])
        data = {
            "reply_id": str(reply_id),
            "answers": str(requested.answers),
            "automatic": True,
            "reason": queue,
        }
        unit.record(
            case.case_id,
            f"acknowledgement:{reply_id}",
            EntryKind.ACKNOWLEDGEMENT_REQUESTED,
            now,
            SYSTEM,
            data,
        )
        unit.publish(requested, trace)

    def add_to(self, writes: Writes) -> None:
        """Adds everything to the writes of the transaction."""
        store.replies.add_automatic(writes, self.replies)
        store.acknowledgements.add(writes, self.added)


async def load(
    tx: AsyncConnection, held: Sequence[WorkHeld], make_token: Callable[[int], str], now: datetime
) -> Acknowledgements:
    """Reads what decides whether the events `held` are acknowledged.

    The caller has locked their customers. This function locks the addresses of their acknowledgements.
    """
    case_ids = list({event.work.case_id for event in held})
    customer_ids = list({event.work.customer_id for event in held})
    newest = await store.interactions.newest_of_people(tx, case_ids)
    addresses = [automatic_recipient_of(interaction) for interaction in newest.values()]
    recipients = list({address.key for address in addresses if address})
    await store.locks.lock_recipients(tx, recipients)
    earlier = await store.acknowledgements.earlier(
        tx, case_ids, customer_ids, recipients, now - acknowledgements.PERIOD
    )
    return Acknowledgements(newest, earlier, make_token)
