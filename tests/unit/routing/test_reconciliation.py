"""What is wrong with how a case and its work stand."""

from uuid import UUID

import pytest

from routing.domain.reconciliation import CaseSnapshot, FindingKind, OpenWork, findings

CASE = UUID(int=7)


def piece(
    state: str = "queued", *, agent: str | None = None, offer: int | None = None, **given: object
) -> OpenWork:
    offered = UUID(int=offer) if offer else None
    made = OpenWork(
        UUID(int=1),
        state,
        "rates",
        agent,
        "available" if agent else None,
        offered,
        agent if offer else None,
        has_offer_timer=True,
    )
    return made._replace(**given)


def wrong(*work: OpenWork, awaits: bool | None = True, dismissed: str | None = None) -> list[str]:
    return [one.kind for one in findings(CaseSnapshot(CASE, awaits, dismissed, work), {"rates"}, {"amara"})]


@pytest.mark.parametrize(
    "stands",
    [
        piece(),
        piece("offered", agent="amara", offer=3),
        piece("accepted", agent="amara"),
        piece("accepted", agent="amara", presence="away"),
        piece("offered", agent="amara", offer=3, presence="offline"),
    ],
)
def test_a_case_that_awaits_and_has_one_open_item_that_is_whole_is_right(stands: OpenWork) -> None:
    assert wrong(stands) == []


def test_a_case_that_awaits_nothing_or_was_set_aside_needs_no_work() -> None:
    assert wrong(awaits=False) == []
    assert wrong(awaits=None) == []
    assert wrong(dismissed="agent amara: a double") == []
    assert wrong() == [FindingKind.NO_WORK]


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        (piece(queue="gone"), [FindingKind.QUEUE_UNKNOWN]),
        (piece("accepted", agent="gone"), [FindingKind.AGENT_GONE]),
        (piece("accepted", agent="amara", presence="offline"), [FindingKind.AGENT_GONE]),
        (piece("accepted", agent="amara", presence=None), [FindingKind.AGENT_GONE]),
        (piece("offered", agent="amara"), [FindingKind.OFFER_MISSING]),
        (piece(offer=3), [FindingKind.OFFER_STRAY]),
        (piece("offered", agent="amara", offer=3, offered_to="bruno"), [FindingKind.OFFER_STRAY]),
        (piece("offered", agent="amara", offer=3, has_offer_timer=False), [FindingKind.OFFER_TIMER_MISSING]),
        (piece("accepted", agent="gone", queue="gone"), [FindingKind.QUEUE_UNKNOWN, FindingKind.AGENT_GONE]),
    ],
)
def test_what_stands_wrong_is_found(stands: OpenWork, told: list[FindingKind]) -> None:
    assert wrong(stands) == told


def test_of_several_open_items_the_one_in_hand_stays() -> None:
    held = piece("accepted", agent="amara", work_item_id=UUID(int=9))
    (found,) = findings(CaseSnapshot(CASE, True, None, [piece(), held]), {"rates"}, {"amara"})
    assert (found.kind, found.work) == (FindingKind.SECOND_WORK, piece())


def test_work_that_nobody_asked_for_and_work_on_a_case_that_was_never_heard_of() -> None:
    assert wrong(piece(queue="gone"), awaits=False) == [FindingKind.NOT_ASKED]
    assert wrong(piece(), awaits=None) == [FindingKind.CASE_UNKNOWN]
