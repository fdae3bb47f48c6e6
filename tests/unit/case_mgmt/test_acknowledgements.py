"""Which customers get a queue's acknowledgement while it is closed."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from antiphon.contracts.cases import CaseStatus
from antiphon.contracts.interactions import Interaction, Speaker
from case_mgmt.domain.acknowledgements import Acknowledgement, NotAcknowledged, in_words, why_not
from tests.support.cases import MINE, NOW, OTHER, a_case, interaction

CASE = a_case(1, status=CaseStatus.NEW)
OPENS = NOW + timedelta(hours=12)
HOUR = timedelta(hours=1)


def earlier(
    ago: timedelta,
    *,
    opens_at: datetime | None = None,
    of: UUID = MINE,
    case: UUID = CASE.case_id,
    to: str | None = None,
) -> Acknowledgement:
    return Acknowledgement(case, of, NOW - ago, opens_at, to)


def why(
    newest: Interaction | None,
    *acknowledgements: Acknowledgement,
    opens_at: datetime | None = OPENS,
    **changes: Any,
) -> NotAcknowledged | None:
    return why_not(CASE.changed(NOW, **changes), newest, opens_at, acknowledgements, NOW)


@pytest.mark.parametrize("channel", ["email", "social", "web", "chat", "partner"])
def test_a_message_on_a_channel_that_sends_replies_is_acknowledged(channel: str) -> None:
    spoken = interaction(channel=channel)
    assert why(spoken) is None
    assert why(spoken, opens_at=None) is None
    assert why(spoken, status=CaseStatus.OPEN) is None
    assert why(spoken.model_copy(update={"noted_by": "grace"})) is not None


@pytest.mark.parametrize("channel", ["phone", "letter", "visit", "carrier pigeon"])
def test_a_message_that_a_person_answers_is_not_acknowledged(channel: str) -> None:
    assert why(interaction(channel=channel)) == NotAcknowledged.ANSWERED_BY_A_PERSON


@pytest.mark.parametrize(
    ("reason", "spoken", "opens_at", "changes"),
    [
        (NotAcknowledged.NO_MESSAGE_OF_A_PERSON, None, OPENS, {}),
        (NotAcknowledged.QUEUE_OPENED, interaction(), NOW, {}),
        (NotAcknowledged.NO_ADDRESS, interaction(return_path=None), OPENS, {}),
        (
            NotAcknowledged.NO_ADDRESS,
            interaction(channel="social", recipient=None, speaker=Speaker(address=None)),
            OPENS,
            {},
        ),
        (NotAcknowledged.NO_ANSWER_AWAITED, interaction(), OPENS, {"awaiting_answer_since": None}),
        (NotAcknowledged.NO_ANSWER_AWAITED, interaction(), OPENS, {"status": CaseStatus.PENDING}),
    ],
)
def test_an_acknowledgement_without_a_purpose_is_not_sent(
    reason: NotAcknowledged, spoken: Interaction | None, opens_at: datetime, changes: dict[str, Any]
) -> None:
    assert why(spoken, opens_at=opens_at, **changes) == reason


@pytest.mark.parametrize(
    ("reason", "spoken_ago", "acknowledgements"),
    [
        # A queue is closed for days; an agent answered, and the customer wrote again.
        (NotAcknowledged.SENT_FOR_THIS_OPENING, HOUR, [earlier(30 * HOUR, opens_at=OPENS)]),
        (NotAcknowledged.SENT_ON_THIS_CASE, HOUR, [earlier(23 * HOUR)]),
        (None, HOUR, [earlier(24 * HOUR)]),
        (None, HOUR, [earlier(30 * HOUR, opens_at=NOW - 20 * HOUR)]),
        (NotAcknowledged.NO_MESSAGE_SINCE, 31 * HOUR, [earlier(30 * HOUR, opens_at=NOW - 20 * HOUR)]),
        (None, HOUR, [earlier(HOUR, case=UUID(int=7))] * 2),
        (
            NotAcknowledged.CUSTOMER_LIMIT,
            HOUR,
            [earlier(HOUR, case=UUID(int=7))] * 3,
        ),
        (None, HOUR, [earlier(24 * HOUR, case=UUID(int=7))] * 3),
        (None, HOUR, [earlier(HOUR, case=UUID(int=7), of=OTHER)] * 3),
        (
            NotAcknowledged.ADDRESS_LIMIT,
            HOUR,
            [earlier(HOUR, case=UUID(int=7), of=OTHER, to="email:jo@mail.example")] * 3,
        ),
        (None, HOUR, [earlier(24 * HOUR, case=UUID(int=7), of=OTHER, to="email:jo@mail.example")] * 3),
        (None, HOUR, [earlier(HOUR, case=UUID(int=7), of=OTHER, to="email:other@mail.example")] * 3),
    ],
)
def test_acknowledgements_are_limited_by_opening_case_customer_and_address(
    reason: NotAcknowledged | None, spoken_ago: timedelta, acknowledgements: list[Acknowledgement]
) -> None:
    assert why(interaction(accepted_at=NOW - spoken_ago), *acknowledgements) == reason


def test_every_reason_has_words_of_its_own() -> None:
    assert len({in_words(why) for why in NotAcknowledged}) == len(NotAcknowledged)
