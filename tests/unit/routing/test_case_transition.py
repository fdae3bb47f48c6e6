"""What a person did is undone by no event that was under way, and work is open exactly where a case needs it."""

from collections.abc import Iterator, Sequence
from copy import copy
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.contracts.cases import CaseEvent
from antiphon.contracts.work import WorkState
from routing.domain.case_transition import needs_open_work, needs_work
from tests.support.routing.case_world import ACTS, CaseWorld

BEFORE: Sequence[Sequence[str]] = (
    (),
    ("accept",),
    ("answer",),
    ("set closed",),
    ("accept", "dismiss"),
    ("write",),
)
OF_PEOPLE = {"accept", "auto-accept", "assign", "take back", "transfer", "complete", "dismiss"}


def orders(events: Sequence[CaseEvent]) -> Iterator[list[CaseEvent]]:
    """The events in every order, each order also with one of them a second time at its end."""
    for order in permutations(events):
        yield list(order)
        for again in order:
            yield [*order, again]


def after(before: Sequence[str], *acts: str) -> CaseWorld:
    """A world after some acts whose events were read, and further acts whose events are under way. Impossible acts do nothing."""
    world = CaseWorld()
    for name in before:
        world.act(name)
        for event in world.under_way:
            world.deliver(event)
        world.under_way.clear()
    for name in acts:
        world.act(name)
    return world


@pytest.mark.parametrize("before", BEFORE, ids=lambda one: "+".join(one) or "new")
@pytest.mark.parametrize("first", list(ACTS))
def test_after_any_two_acts_and_their_events_in_any_order_work_is_where_it_must_be(
    before: Sequence[str], first: str
) -> None:
    for second in ACTS:
        begun = after(before, first, second)
        newest = max((event.case.revision for event in begun.under_way), default=begun.record.revision)
        for order in orders(begun.under_way):
            world = copy(begun)
            deliver_and_check(world, order)
            assert world.record.revision == newest, (second, order)
            assert world.record.awaits == needs_work(world.case.facts()), (second, order)


def deliver_and_check(world: CaseWorld, order: Sequence[CaseEvent]) -> None:
    """Delivers events; asserts after each that nothing is undone, and that work is open exactly where it is needed."""
    assert (world.open_work is not None) == needs_open_work(world.record)
    for event in order:
        facts, record, work, completed = event.case, world.record, world.work, world.completed
        world.deliver(event)
        assert (world.open_work is not None) == needs_open_work(world.record)
        if facts.revision <= record.revision:
            assert (world.record, world.work) == (record, work), "an older event changed something"
        if world.completed == completed and work is not None and work.state != WorkState.COMPLETED:
            assert world.work == work, "an event changed what a person did with the work"
        asks = (facts.asked_revision or 0) > record.asked_revision
        if record.is_dismissed and not asks:
            assert world.open_work is None, "an echo made work that a person had dismissed"
        if completed != world.completed:
            assert not needs_work(facts), "an event ended work that is needed"


@pytest.mark.parametrize("act", sorted(OF_PEOPLE))
@pytest.mark.parametrize("before", BEFORE, ids=lambda one: "+".join(one) or "new")
def test_no_event_that_was_published_before_an_act_of_a_person_undoes_it(
    before: Sequence[str], act: str
) -> None:
    for earlier in product(ACTS, repeat=2):
        world = after(before, *earlier)
        asked = max((event.case.asked_revision or 0 for event in world.under_way), default=0)
        if not world.act(act) or asked > world.record.asked_revision:
            continue  # what the customer or a person asked for, and routing has not read, is no echo
        work = world.work
        for event in world.under_way:
            world.deliver(event)
        assert world.work is not None
        assert work is not None
        if needs_work(world.case.facts()):
            assert world.work == work, (earlier, act)
        else:
            assert world.open_work is None, (earlier, act)


@given(st.lists(st.sampled_from(list(ACTS)), max_size=25))
def test_every_open_case_needs_work_whatever_people_and_customers_do(acts: list[str]) -> None:
    world = CaseWorld()
    for name in acts:
        acted = world.act(name)
        for event in world.under_way:
            world.deliver(event)
        world.under_way.clear()
        if acted and name in {"set open", "answer and leave open"}:
            assert world.open_work is not None, "a person wants to go on with the case, and it has no work"
        assert needs_work(world.case.facts()) == (world.case.status in {"new", "open"}), (name, world.case)
        assert (world.case.awaiting_answer_since is None) or world.case.status != "closed"
        assert (world.open_work is not None) == needs_open_work(world.record)
