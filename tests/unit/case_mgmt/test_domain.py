from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.contracts.cases import CaseStatus, ThreadedBy
from antiphon.contracts.identified import Reading
from antiphon.contracts.interactions import Automation, Interaction
from case_mgmt.domain import tokens
from case_mgmt.domain.cases import Case, joined, opened
from case_mgmt.domain.states import SETTERS, TRANSITIONS, Trigger, diagram, in_words
from case_mgmt.domain.threading import CaseIndex, Threaded, thread
from deploy.site import PROJECT
from tests.support.cases import MINE, NOW, OTHER, RATES, a_case, customer, interaction

ROADS = Reading(topics=["pothole"], department="roads")
WORDLESS = Reading()


def find(message: Interaction, reading: Reading, *cases: Case, references: dict[str, list[int]] | None = None,
         conversations: dict[str, list[int]] | None = None, customer_id: UUID = MINE) -> Threaded:  # fmt: skip
    index = CaseIndex(
        {case.case_id: case for case in cases},
        {case.number: case.case_id for case in cases},
        {ref: [UUID(int=100 + n) for n in numbers] for ref, numbers in (references or {}).items()},
        {name: [UUID(int=100 + n) for n in numbers] for name, numbers in (conversations or {}).items()},
        {whose: [case.case_id for case in cases if case.customer_id == whose] for whose in (MINE, OTHER)},
    )
    return thread(
        message,
        reading,
        customer_id,
        index,
        lambda token: tokens.read(token, ["secret"]),
        NOW,
        timedelta(days=14),
    )


TOKEN_7 = tokens.make(7, "secret")
OPEN_7, ROADS_8, THEIRS_7 = a_case(7), a_case(8, department="roads"), a_case(7, of=OTHER)
OLD = NOW - timedelta(days=15)

CASES: list[tuple[str, Threaded, Threaded]] = [
    ("its token", find(interaction(case_token=TOKEN_7), ROADS, OPEN_7, ROADS_8), Threaded(OPEN_7.case_id, ThreadedBy.CASE_TOKEN)),
    ("its token in capitals", find(interaction(case_token=TOKEN_7.upper()), ROADS, OPEN_7), Threaded(OPEN_7.case_id, ThreadedBy.CASE_TOKEN)),
    ("a forged token", find(interaction(case_token="c-7-" + "0" * 24), ROADS, OPEN_7), Threaded(None, ThreadedBy.NEW_CASE)),
    ("a token of another customer's case", find(interaction(case_token=TOKEN_7), RATES, THEIRS_7), Threaded(None, ThreadedBy.NEW_CASE, THEIRS_7.case_id)),
    ("a reference, with another subject", find(interaction(answers=["<m>"]), ROADS, OPEN_7, references={"<m>": [7]}), Threaded(OPEN_7.case_id, ThreadedBy.REFERENCE)),
    ("a reference to another customer's case", find(interaction(answers=["<m>"]), RATES, THEIRS_7, references={"<m>": [7]}), Threaded(None, ThreadedBy.NEW_CASE, THEIRS_7.case_id)),
    ("the open case on the department", find(interaction(), RATES, OPEN_7, ROADS_8), Threaded(OPEN_7.case_id, ThreadedBy.OPEN_CASE)),
    ("another department", find(interaction(), ROADS, OPEN_7), Threaded(None, ThreadedBy.NEW_CASE)),
    ("no subject and one open case", find(interaction(), WORDLESS, OPEN_7), Threaded(OPEN_7.case_id, ThreadedBy.OPEN_CASE)),
    ("no subject and two open cases", find(interaction(), WORDLESS, OPEN_7, ROADS_8), Threaded(None, ThreadedBy.NEW_CASE)),
    ("a resolved case on the department", find(interaction(), RATES, a_case(7, status=CaseStatus.RESOLVED)), Threaded(None, ThreadedBy.NEW_CASE)),
    ("a late reply by reference", find(interaction(answers=["<m>"]), RATES, a_case(7, status=CaseStatus.RESOLVED, changed=OLD), references={"<m>": [7]}), Threaded(OPEN_7.case_id, ThreadedBy.REFERENCE)),
    ("a reply to what was closed long ago", find(interaction(answers=["<m>"]), RATES, a_case(7, status=CaseStatus.CLOSED, changed=OLD), references={"<m>": [7]}), Threaded(None, ThreadedBy.NEW_CASE, OPEN_7.case_id)),
    ("what continues a conversation", find(interaction(conversation="bot:1"), ROADS, OPEN_7, conversations={"bot:1": [7]}), Threaded(OPEN_7.case_id, ThreadedBy.REFERENCE)),
    ("a conversation that is on two cases", find(interaction(conversation="bot:1"), WORDLESS, ROADS_8, a_case(7, changed=OLD), conversations={"bot:1": [7, 8]}), Threaded(ROADS_8.case_id, ThreadedBy.REFERENCE)),
    ("a conversation of another customer's", find(interaction(conversation="bot:1"), RATES, THEIRS_7, conversations={"bot:1": [7]}), Threaded(None, ThreadedBy.NEW_CASE, THEIRS_7.case_id)),
    ("a reference named like a conversation", find(interaction(answers=["bot:1"]), ROADS, OPEN_7, conversations={"bot:1": [7]}), Threaded(None, ThreadedBy.NEW_CASE)),
    ("an automatic mail by reference", find(interaction(answers=["<m>"], automation=Automation.AUTO_REPLY), RATES, OPEN_7, references={"<m>": [7]}), Threaded(OPEN_7.case_id, ThreadedBy.REFERENCE)),
    ("an automatic mail on the subject", find(interaction(automation=Automation.AUTO_REPLY), RATES, OPEN_7), Threaded(None, ThreadedBy.NEW_CASE)),
]  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_interaction_is_threaded_by_token_reference_or_open_case(
    found: Threaded, expected: Threaded
) -> None:
    assert found == expected


def test_a_late_reply_reopens_and_an_automatic_one_changes_nothing() -> None:
    resolved = a_case(7, status=CaseStatus.RESOLVED).changed(NOW, awaiting_answer_since=None)
    reopened = joined(resolved, interaction(), customer(), RATES, NOW)
    assert (reopened.status, reopened.reopened, reopened.awaiting_answer_since) == (CaseStatus.OPEN, 1, NOW)
    away = joined(resolved, interaction(automation=Automation.AUTO_REPLY), customer(), RATES, NOW)
    assert (away.status, away.reopened, away.awaiting_answer_since) == (CaseStatus.RESOLVED, 0, None)
    assert away.interactions == resolved.interactions + 1


def test_an_automatic_message_opens_a_closed_case() -> None:
    case = opened(uuid4(), 1, interaction(automation=Automation.BULK), customer(), RATES, None, NOW)
    assert (case.status, case.awaiting_answer_since) == (CaseStatus.CLOSED, None)


@given(st.lists(st.sampled_from(list(Trigger)), max_size=30))
def test_a_case_moves_only_as_the_table_says_and_its_revision_always_grows(triggers: list[Trigger]) -> None:
    case = a_case(1, status=CaseStatus.NEW)
    for trigger in triggers:
        after = case.moved(trigger, NOW)
        assert after.revision == case.revision + 1
        key = (CaseStatus(case.status), trigger)
        assert after.status == TRANSITIONS.get(key, case.status)
        case = after


def test_every_status_can_be_left_and_every_setter_is_in_the_table() -> None:
    assert {before for before, _ in TRANSITIONS} == set(CaseStatus)
    assert set(SETTERS.values()) <= {trigger for _, trigger in TRANSITIONS}


def test_every_trigger_has_words_of_its_own() -> None:
    assert len({in_words(trigger) for trigger in Trigger}) == len(Trigger)


def test_the_diagram_in_the_docs_is_drawn_from_the_table() -> None:
    assert diagram() in (PROJECT / "docs" / "case-states.md").read_text()


@given(st.integers(1, 10**17), st.text(max_size=40))
def test_only_a_token_of_this_service_has_a_case_number(number: int, other: str) -> None:
    token = tokens.make(number, "secret")
    assert tokens.read(token, ["new", "secret"]) == number
    assert tokens.read(token, ["new"]) is None
    assert tokens.read(other, ["secret"]) is None


@given(st.integers(1, 10**6), st.integers(0, 23), st.sampled_from("0123456789abcdef"))
def test_a_token_with_one_letter_changed_is_rejected(number: int, place: int, letter: str) -> None:
    token = tokens.make(number, "secret")
    at = len(token) - 24 + place
    forged = token[:at] + letter + token[at + 1 :]
    assert tokens.read(forged, ["secret"]) == (number if forged == token else None)
