"""Whether a customer gets a queue's set words at once, while it is closed. Source: RFC 3834."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.cases import CaseStatus
from antiphon.contracts.interactions import Channel, Interaction
from case_mgmt.domain.case import Case
from case_mgmt.domain.recipients import automatic_recipient_of, is_handed_over

AGAIN_AFTER = timedelta(hours=24)
# An automaton that does not say so may take our words for a new message and open case upon case.
MOST_TO_A_CUSTOMER = 3
# Who writes in ever new names must not have us write to one address again and again.
MOST_TO_AN_ADDRESS = 3
# What an employee noted on these is answered by a person too, as calls, letters and visits always are.
_SENT_TO = (Channel.EMAIL, Channel.SOCIAL, Channel.WEB, Channel.CHAT, Channel.PARTNER)


class NotAcknowledged(StrEnum):
    """Why the customer gets no set words."""

    NO_WORDS_OF_A_PERSON = "no-words-of-a-person"
    NO_ANSWER_AWAITED = "no-answer-awaited"
    ANSWERED_BY_A_PERSON = "answered-by-a-person"
    NO_ADDRESS = "no-address"
    QUEUE_OPENED = "queue-opened"
    SAID_FOR_THIS_OPENING = "said-for-this-opening"
    SAID_ON_THIS_CASE = "said-on-this-case"
    NOTHING_SAID_SINCE = "nothing-said-since"
    SAID_TO_THE_CUSTOMER = "said-to-the-customer"
    SAID_TO_THE_ADDRESS = "said-to-the-address"


_WORDS = {
    NotAcknowledged.NO_WORDS_OF_A_PERSON: "there are no words of a person",
    NotAcknowledged.NO_ANSWER_AWAITED: "no answer is awaited any more",
    NotAcknowledged.ANSWERED_BY_A_PERSON: "what was said on this channel is answered by a person",
    NotAcknowledged.NO_ADDRESS: "there is no address for words that nobody wrote",
    NotAcknowledged.QUEUE_OPENED: "the queue has opened",
    NotAcknowledged.SAID_FOR_THIS_OPENING: "they were said for this opening",
    NotAcknowledged.SAID_ON_THIS_CASE: "they were said on this case within 24 hours",
    NotAcknowledged.NOTHING_SAID_SINCE: "nothing was said since they were",
    NotAcknowledged.SAID_TO_THE_CUSTOMER: "they were said to the customer often enough within 24 hours",
    NotAcknowledged.SAID_TO_THE_ADDRESS: "they were said to this address often enough within 24 hours",
}


class Acknowledged(NamedTuple):
    """Set words that were said before: on which case, to whom, when, for the time until which opening, to which address."""

    case_id: UUID
    customer_id: UUID
    at: datetime
    opens_at: datetime | None
    recipient: str | None = None


def in_words(why: NotAcknowledged) -> str:
    """Why the customer gets no set words, for people to read."""
    return _WORDS[why]


def why_not(
    case: Case,
    spoken: Interaction | None,
    opens_at: datetime | None,
    earlier: Sequence[Acknowledged],
    now: datetime,
) -> NotAcknowledged | None:
    """Why the customer gets no set words, or None if they do.

    `spoken` is the newest that a person said on the case and did not take back; `earlier` what was said to this
    customer or address within AGAIN_AFTER, and ever on this case.
    """
    if spoken is None:
        return NotAcknowledged.NO_WORDS_OF_A_PERSON
    before = [one for one in earlier if one.case_id == case.case_id]
    recent = [one for one in earlier if one.at > now - AGAIN_AFTER]
    lately = [one for one in recent if one.customer_id == case.customer_id]
    recipient = automatic_recipient_of(spoken)
    there = [one for one in recent if recipient and one.recipient == recipient.key]
    for is_so, reason in (
        (not _waits(case), NotAcknowledged.NO_ANSWER_AWAITED),
        (not _is_sent_to(spoken), NotAcknowledged.ANSWERED_BY_A_PERSON),
        (recipient is None and not is_handed_over(spoken), NotAcknowledged.NO_ADDRESS),
        (opens_at is not None and opens_at <= now, NotAcknowledged.QUEUE_OPENED),
        (any(one.opens_at == opens_at for one in before if opens_at), NotAcknowledged.SAID_FOR_THIS_OPENING),
        (any(one in lately for one in before), NotAcknowledged.SAID_ON_THIS_CASE),
        (any(one.at >= spoken.accepted_at for one in before), NotAcknowledged.NOTHING_SAID_SINCE),
        (len(lately) >= MOST_TO_A_CUSTOMER, NotAcknowledged.SAID_TO_THE_CUSTOMER),
        (len(there) >= MOST_TO_AN_ADDRESS, NotAcknowledged.SAID_TO_THE_ADDRESS),
    ):
        if is_so:
            return reason
    return None


def _waits(case: Case) -> bool:
    return case.awaiting_answer_since is not None and case.status in {CaseStatus.NEW, CaseStatus.OPEN}


def _is_sent_to(spoken: Interaction) -> bool:
    return spoken.channel in _SENT_TO and spoken.noted_by is None
