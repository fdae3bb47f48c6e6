"""The findings of the reconciliation, as a table of cases."""

from uuid import UUID

import pytest

from routing.domain.reconciliation import CaseSnapshot, FindingKind, OpenWork, findings

CASE = UUID(int=7)


def open_work(
    state: str = "queued", *, agent: str | None = None, offer: int | None = None, **changed: object
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
    return made._replace(**changed)


def kinds_of(*work: OpenWork, awaits: bool | None = True, dismissed: str | None = None) -> list[str]:
    return [one.kind for one in findings(CaseSnapshot(CASE, awaits, dismissed, work), {"rates"}, {"amara"})]


@pytest.mark.parametrize(
    "work_item",
    [
        open_work(),
        open_work("offered", agent="amara", offer=3),
        open_work("accepted", agent="amara"),
        open_work("accepted", agent="amara", presence="away"),
        open_work("offered", agent="amara", offer=3, presence="offline"),
    ],
)
def test_a_case_that_awaits_an_answer_and_has_one_consistent_item_has_no_finding(work_item: OpenWork) -> None:
    assert kinds_of(work_item) == []


def test_a_case_that_awaits_no_answer_or_was_dismissed_needs_no_work() -> None:
    assert kinds_of(awaits=False) == []
    assert kinds_of(awaits=None) == []
    assert kinds_of(dismissed="agent amara: a double") == []
    assert kinds_of() == [FindingKind.NO_WORK]


@pytest.mark.parametrize(
    ("work_item", "kinds"),
    [
        (open_work(queue="gone"), [FindingKind.QUEUE_UNKNOWN]),
        (open_work(handed_to="gone"), [FindingKind.HAND_OVER_GONE]),
        (open_work(handed_to="amara"), []),
        (open_work("accepted", agent="gone"), [FindingKind.AGENT_GONE]),
        (open_work("accepted", agent="amara", presence="offline"), [FindingKind.AGENT_GONE]),
        (open_work("accepted", agent="amara", presence=None), [FindingKind.AGENT_GONE]),
        (open_work("offered", agent="amara"), [FindingKind.OFFER_MISSING]),
        (open_work(offer=3), [FindingKind.OFFER_STRAY]),
        (open_work("offered", agent="amara", offer=3, offered_to="bruno"), [FindingKind.OFFER_STRAY]),
        (
            open_work("offered", agent="amara", offer=3, has_offer_timer=False),
            [FindingKind.OFFER_TIMER_MISSING],
        ),
        (
            open_work("accepted", agent="gone", queue="gone"),
            [FindingKind.QUEUE_UNKNOWN, FindingKind.AGENT_GONE],
        ),
    ],
)
def test_an_inconsistent_work_item_is_a_finding(work_item: OpenWork, kinds: list[FindingKind]) -> None:
    assert kinds_of(work_item) == kinds


def test_of_several_open_items_the_accepted_one_stays() -> None:
    held = open_work("accepted", agent="amara", work_item_id=UUID(int=9))
    (found,) = findings(CaseSnapshot(CASE, True, None, [open_work(), held]), {"rates"}, {"amara"})
    assert (found.kind, found.work) == (FindingKind.SECOND_WORK, open_work())


def test_work_on_a_case_that_awaits_no_answer_or_is_unknown_is_a_finding() -> None:
    assert kinds_of(open_work(queue="gone"), awaits=False) == [FindingKind.NOT_ASKED]
    assert kinds_of(open_work(), awaits=None) == [FindingKind.CASE_UNKNOWN]
