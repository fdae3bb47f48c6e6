"""Whether a customer gets a queue's acknowledgement while the queue is closed. Source: RFC 3834."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.cases import CaseStatus
from antiphon.contracts.interactions import Channel, Interaction
from case_mgmt.domain.cases import Case
from case_mgmt.domain.recipients import automatic_recipient_of, is_handed_over

PERIOD = timedelta(hours=24)
# A program that does not state that it is one may take our text for a new message and open case upon case.
MOST_TO_A_CUSTOMER = 3
# A stranger who writes under ever new names must not make us write to one address again and again.
MOST_TO_AN_ADDRESS = 3
# A person answers calls, letters and visits, and what an employee noted on the channels below.
_SENT_TO = (Channel.EMAIL, Channel.SOCIAL, Channel.WEB, Channel.CHAT, Channel.PARTNER)


class NotAcknowledged(StrEnum):
    """Why the customer gets no acknowledgement."""

    NO_MESSAGE_OF_A_PERSON = "no-message-of-a-person"
    NO_ANSWER_AWAITED = "no-answer-awaited"
    ANSWERED_BY_A_PERSON = "answered-by-a-person"
    NO_ADDRESS = "no-address"
    QUEUE_OPENED = "queue-opened"
    SENT_FOR_THIS_OPENING = "sent-for-this-opening"
    SENT_ON_THIS_CASE = "sent-on-this-case"
    NO_MESSAGE_SINCE = "no-message-since"
    CUSTOMER_LIMIT = "customer-limit"
    ADDRESS_LIMIT = "address-limit"


_WORDS = {
    NotAcknowledged.NO_MESSAGE_OF_A_PERSON: "the case has no message that a person wrote",
    NotAcknowledged.NO_ANSWER_AWAITED: "the case no longer awaits an answer",
    NotAcknowledged.ANSWERED_BY_A_PERSON: "a person answers what is said on this channel",
    NotAcknowledged.NO_ADDRESS: "there is no address to which an automatic message may go",
    NotAcknowledged.QUEUE_OPENED: "the queue has opened",
    NotAcknowledged.SENT_FOR_THIS_OPENING: "the customer got an acknowledgement for this opening",
    NotAcknowledged.SENT_ON_THIS_CASE: "the customer got an acknowledgement on this case within 24 hours",
    NotAcknowledged.NO_MESSAGE_SINCE: "the customer has not written since the last acknowledgement",
    NotAcknowledged.CUSTOMER_LIMIT: "the customer got as many acknowledgements as allowed within 24 hours",
    NotAcknowledged.ADDRESS_LIMIT: "this address got as many acknowledgements as allowed within 24 hours",
}


class Acknowledgement(NamedTuple):
    """An acknowledgement that was requested: on which case, for whom, when, until which opening, to which address."""

    case_id: UUID
    customer_id: UUID
    requested_at: datetime
    opens_at: datetime | None
    recipient: str | None = None


def in_words(reason: NotAcknowledged) -> str:
    """Why the customer gets no acknowledgement, for people to read."""
    return _WORDS[reason]


def why_not(
    case: Case,
    newest: Interaction | None,
    opens_at: datetime | None,
    earlier: Sequence[Acknowledgement],
    now: datetime,
) -> NotAcknowledged | None:
    """Why the customer gets no acknowledgement, or None if they get one.

    `newest` is the newest interaction of a person on the case that its speaker did not delete. `earlier` are the
    acknowledgements to this customer or address within PERIOD, and all on this case.
    """
    if newest is None:
        return NotAcknowledged.NO_MESSAGE_OF_A_PERSON
    on_case = [one for one in earlier if one.case_id == case.case_id]
    recent = [one for one in earlier if one.requested_at > now - PERIOD]
    to_customer = [one for one in recent if one.customer_id == case.customer_id]
    recipient = automatic_recipient_of(newest)
    to_address = [one for one in recent if recipient and one.recipient == recipient.key]
    for holds, reason in (
        (not _awaits_answer(case), NotAcknowledged.NO_ANSWER_AWAITED),
        (not _can_be_sent(newest), NotAcknowledged.ANSWERED_BY_A_PERSON),
        (recipient is None and not is_handed_over(newest), NotAcknowledged.NO_ADDRESS),
        (opens_at is not None and opens_at <= now, NotAcknowledged.QUEUE_OPENED),
        (any(one.opens_at == opens_at for one in on_case if opens_at), NotAcknowledged.SENT_FOR_THIS_OPENING),
        (any(one in to_customer for one in on_case), NotAcknowledged.SENT_ON_THIS_CASE),
        (any(one.requested_at >= newest.accepted_at for one in on_case), NotAcknowledged.NO_MESSAGE_SINCE),
        (len(to_customer) >= MOST_TO_A_CUSTOMER, NotAcknowledged.CUSTOMER_LIMIT),
        (len(to_address) >= MOST_TO_AN_ADDRESS, NotAcknowledged.ADDRESS_LIMIT),
    ):
        if holds:
            return reason
    return None


def _awaits_answer(case: Case) -> bool:
    return case.awaiting_answer_since is not None and case.status in {CaseStatus.NEW, CaseStatus.OPEN}


def _can_be_sent(interaction: Interaction) -> bool:
    return interaction.channel in _SENT_TO and interaction.noted_by is None
