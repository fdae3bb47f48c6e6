"""Work items, offers and case records as frozen values: rows become values in one place."""

import dataclasses
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table

from antiphon.contracts.work import SlaTarget, WorkState
from routing import store
from routing.domain.case_record import Answer, CaseRecord
from routing.domain.offer import OfferRecord, OfferResult
from routing.domain.time.sla_clock import Clock, Terms
from routing.domain.timer import TimerKind
from routing.domain.work_item import OrderAndSteps, WorkItem, queued_again
from routing.sla.ledger import ClockRecord
from routing.unit_of_work import StaleWorkError, UnitOfWork

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
WORK = WorkItem(
    work_item_id=UUID(int=1),
    case_id=UUID(int=2),
    case_reference="C-1",
    customer_id=UUID(int=3),
    channel="email",
    subject="Bins",
    queue="waste",
    priority=50,
    skills={"waste": 3},
    prefer_skills={"welsh": 1},
    labels=["bins"],
    queued_at=NOW,
    decision_id=UUID(int=4),
    changed_at=NOW,
    units=1,
    profiles=["written"],
    longest_wait=timedelta(days=1),
    head_start=timedelta(minutes=1),
    step=0,
    steps_from=NOW,
    next_step_at=LATER,
    steps_hash="mark",
    also_queues=[],
    overflow=None,
)
OFFER = OfferRecord(
    offer_id=UUID(int=5),
    work_item_id=WORK.work_item_id,
    agent_id="amara",
    agent_name="Amara",
    offered_at=NOW,
    expires_at=LATER,
)
SEEN = CaseRecord(
    case_id=WORK.case_id,
    revision=3,
    last_agent="amara",
    last_at=NOW,
    awaiting_since=NOW,
    answers=(Answer(None, NOW), Answer(4, LATER)),
    awaits=True,
    dismissed=None,
    reference="C-1",
    customer_id=WORK.customer_id,
    asked_revision=3,
)
TABLES = [(WORK, store.work_items.WORK), (OFFER, store.offers.OFFER), (SEEN, store.cases.CASE_RECORD)]


@pytest.mark.parametrize(("value", "table"), TABLES, ids=lambda one: getattr(one, "name", ""))
def test_a_value_has_every_column_of_its_table_that_is_not_computed(
    value: WorkItem | OfferRecord | CaseRecord, table: Table
) -> None:
    assert set(value.row()) == {
        column.name for column in table.columns if column.computed is None and column.name != "changed_xid"
    }
    assert type(value).of(value.row()) == value


def test_the_row_of_a_clock_record_has_every_column_of_its_table() -> None:
    terms = Terms("standard", "office", timedelta(hours=4), (75,), 1)
    clock = Clock(terms, NOW, ((NOW, None),), LATER)
    held = ClockRecord(UUID(int=6), WORK.case_id, WORK.work_item_id, SlaTarget.RESOLUTION, NOW, 3, clock)
    assert set(held.row()) == {column.name for column in store.clocks.CLOCK.columns}


def test_a_row_with_an_unknown_state_is_rejected() -> None:
    assert WorkItem.of({**WORK.row(), "state": "offered"}).state is WorkState.OFFERED
    assert OfferRecord.of({**OFFER.row(), "result": "taken-back"}).result is OfferResult.TAKEN_BACK
    with pytest.raises(ValueError, match="lost"):
        WorkItem.of({**WORK.row(), "state": "lost"})


@pytest.mark.parametrize("value", [WORK, OFFER, SEEN], ids=lambda one: type(one).__name__)
def test_a_value_is_frozen(value: WorkItem | OfferRecord | CaseRecord) -> None:
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)


@given(
    st.integers(0, 100), st.one_of(st.none(), st.timedeltas(timedelta(0), timedelta(days=3))), st.booleans()
)
def test_order_at_follows_from_due_time_and_priority_in_whatever_order_they_change(
    priority: int, due: timedelta | None, first: bool
) -> None:
    due_at = None if due is None else NOW + due
    one = WORK.replace(priority=priority, due_at=due_at)
    other = (
        WORK.replace(priority=priority).replace(due_at=due_at)
        if first
        else WORK.replace(due_at=due_at).replace(priority=priority)
    )
    assert one.row()["order_at"] == other.order_at == one.to_waiting(NOW).order_at
    at_the_latest = NOW + min(timedelta(days=1), due if due is not None else timedelta(days=1))
    assert one.order_at == at_the_latest - priority * timedelta(minutes=1)


def test_requeued_work_has_no_agent_and_no_offers() -> None:
    last = WORK.replace(
        state=WorkState.COMPLETED, agent_id="amara", attempts=3, completed_at=LATER, completed_by="amara",
        hold_until=LATER, due_at=LATER,
    )  # fmt: skip
    begins: OrderAndSteps = {
        "longest_wait": timedelta(hours=2), "head_start": timedelta(0), "step": 0, "steps_from": NOW, "next_step_at": None,
        "steps_hash": None, "also_queues": [],
    }  # fmt: skip
    again = queued_again(last, UUID(int=9), "roads", [], begins, LATER)
    assert again == dataclasses.replace(
        WORK,
        work_item_id=UUID(int=9),
        queue="roads",
        profiles=[],
        changed_at=LATER,
        due_at=LATER,
        revision=2,
        **begins,
    )


def test_a_change_to_an_outdated_value_raises_and_undoes_nothing() -> None:
    unit = UnitOfWork(LATER)
    raised = unit.put(WORK, priority=90)
    with pytest.raises(StaleWorkError):
        unit.put(WORK, labels=["late"])
    assert unit.current(WORK) is raised
    assert unit.put(raised, labels=["late"]).priority == 90


def test_new_work_that_is_accepted_at_once_has_no_timer_for_a_step() -> None:
    unit = UnitOfWork(NOW)
    unit.add(WORK)
    assert (TimerKind.STEP, WORK.work_item_id, LATER) in unit.timers
    work, offer = unit.offer(WORK, "amara", "Amara", LATER)
    accepted = unit.accept_at_once(work, offer)
    assert (accepted.state, accepted.agent_id, accepted.attempts) == (WorkState.ACCEPTED, "amara", 1)
    assert unit.new_work == {WORK.work_item_id: accepted}
    assert unit.work == {}
    assert [one.result for one in unit.new_offers.values()] == [OfferResult.ACCEPTED]
    assert unit.timers == []
