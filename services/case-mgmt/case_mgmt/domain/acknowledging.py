"""Whether a customer gets a queue's set words at once, while it is closed. Source: RFC 3834."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.cases import CaseStatus
from antiphon.contracts.interactions import Channel, Interaction
from case_mgmt.domain.case import Case

AGAIN_AFTER = timedelta(hours=24)
# An automaton that does not say so may take our words for a new message and open case upon case.
MOST_TO_A_CUSTOMER = 3
# What an employee noted on these is answered by a person too, as calls, letters and visits always are.
_SENT_TO = (Channel.EMAIL, Channel.SOCIAL, Channel.WEB, Channel.CHAT, Channel.PARTNER)


class Acknowledged(NamedTuple):
    """Set words that were said before: on which case, to whom, when, and for the time until which opening."""

    case_id: UUID
    customer_id: UUID
    at: datetime
    opens_at: datetime | None


def why_not(
    case: Case,
    spoken: Interaction | None,
    opens_at: datetime | None,
    earlier: Sequence[Acknowledged],
    now: datetime,
) -> str | None:
    """Why the customer gets no set words, or None if they do.

    `spoken` is the newest that a person said on the case and did not take back; `earlier` what was said to this
    customer within AGAIN_AFTER, and ever on this case.
    """
    if spoken is None:
        return "there are no words of a person"
    before = [one for one in earlier if one.case_id == case.case_id]
    lately = [one for one in earlier if one.customer_id == case.customer_id and one.at > now - AGAIN_AFTER]
    for is_so, reason in (
        (not _waits(case), "no answer is awaited any more"),
        (not _is_sent_to(spoken), "what was said on this channel is answered by a person"),
        (opens_at is not None and opens_at <= now, "the queue has opened"),
        (any(one.opens_at == opens_at for one in before if opens_at), "they were said for this opening"),
        (any(one in lately for one in before), "they were said on this case within 24 hours"),
        (any(one.at >= spoken.accepted_at for one in before), "nothing was said since they were"),
        (len(lately) >= MOST_TO_A_CUSTOMER, "they were said to the customer often enough within 24 hours"),
    ):
        if is_so:
            return reason
    return None


def _waits(case: Case) -> bool:
    return case.awaiting_answer_since is not None and case.status in {CaseStatus.NEW, CaseStatus.OPEN}


def _is_sent_to(spoken: Interaction) -> bool:
    return spoken.channel in _SENT_TO and spoken.noted_by is None
