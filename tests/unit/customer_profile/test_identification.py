"""Exactly one identifier of a message decides who speaks and is linked; whatever else it states is a claim."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.contracts import generate
from antiphon.contracts.interactions import (
    Channel,
    Identifier,
    Interaction,
    Speaker,
    StatedBy,
    StatedIdentifier,
)
from customer_profile.domain.identification import MOST_CLAIMS, Conflict, Decision, decide

EXAMPLE = Interaction.model_validate(generate.example("interaction.received.v1")["data"]["interaction"])
VICTIM, OTHER = UUID(int=1_000_001), UUID(int=1_000_002)
NOTES = {"phone", "visit", "letter"}
KEYS = (
    "email:v@mail.example",
    "email:m@evil.example",
    "phone:+61255501234",
    "account:R-1",
    "did:did:plc:x",
    "handle:bluesky/x.example",
    "partner:crm/7",
)


def identifier(key: str) -> Identifier:
    kind, _, value = key.partition(":")
    return Identifier(kind=kind, value=value)


def message(
    address: str | None,
    *also: tuple[str, StatedBy],
    channel: str = "email",
    noted_by: str | None = None,
    identity: UUID | None = None,
) -> Interaction:
    speaker = Speaker(
        address=identifier(address) if address else None,
        also=[StatedIdentifier(**dict(identifier(key)), stated_by=by) for key, by in also],
    )
    changes = {"interaction_id": identity or uuid4(), "speaker": speaker}
    return EXAMPLE.model_copy(update=changes | {"channel": channel, "noted_by": noted_by})


def new_ids() -> Iterator[UUID]:
    return (UUID(int=n) for n in count(1))


def one(
    interaction: Interaction, owners: dict[str, UUID], removed: dict[str, set[UUID]] | None = None
) -> Decision:
    (decision,) = decide([interaction], owners, removed or {}, new_ids())
    return decision


def linked(decision: Decision) -> dict[str, UUID]:
    return {link.key: link.customer_id for link in decision.links}


@pytest.mark.parametrize("by", StatedBy)
@pytest.mark.parametrize("channel", [c for c in Channel if c not in NOTES])
@pytest.mark.parametrize("noted_by", [None, "bruno"])
def test_a_claim_beside_an_address_neither_decides_nor_links_and_is_a_conflict(
    by: StatedBy, channel: str, noted_by: str | None
) -> None:
    form = message(
        "email:m@evil.example", ("account:R-1", by), ("phone:+1", by), channel=channel, noted_by=noted_by
    )
    decision = one(form, {"account:R-1": VICTIM})
    assert (decision.customer_id, decision.identified_by) == (UUID(int=1), None)
    assert linked(decision) == {"email:m@evil.example": UUID(int=1)}
    assert [(c.identifier.key, c.customer_id, c.other_customer_id) for c in decision.conflicts] == [
        ("account:R-1", UUID(int=1), VICTIM)
    ]


@pytest.mark.parametrize("channel", sorted(NOTES))
@pytest.mark.parametrize("by", [StatedBy.CUSTOMER, StatedBy.CHANNEL, StatedBy.AGENT])
def test_of_a_systems_call_visit_or_letter_no_claim_decides_or_links(channel: str, by: StatedBy) -> None:
    decision = one(message(None, ("account:R-1", by), channel=channel), {"account:R-1": VICTIM})
    assert decision.customer_id != VICTIM
    assert linked(decision) == {}
    assert [c.other_customer_id for c in decision.conflicts] == [VICTIM]


@pytest.mark.parametrize("channel", sorted(NOTES))
def test_of_an_agents_note_the_first_known_identifier_decides_and_unknown_ones_link(
    channel: str,
) -> None:
    agent = StatedBy.AGENT
    note = message(
        "phone:+1", ("account:R-1", agent), ("email:o@mail.example", agent), channel=channel, noted_by="bruno"
    )
    decision = one(note, {"account:R-1": VICTIM, "email:o@mail.example": OTHER})
    assert (decision.customer_id, decision.identified_by) == (VICTIM, "account:R-1")
    assert [(link.key, link.customer_id, link.stated_by) for link in decision.links] == [
        ("phone:+1", VICTIM, "agent")
    ]
    assert [(c.identifier.key, c.other_customer_id) for c in decision.conflicts] == [
        ("email:o@mail.example", OTHER)
    ]


def test_in_an_agents_note_what_the_customer_states_is_a_claim() -> None:
    note = message("phone:+1", ("account:R-1", StatedBy.CUSTOMER), channel="phone", noted_by="bruno")
    decision = one(note, {"account:R-1": VICTIM})
    assert decision.customer_id != VICTIM
    assert set(linked(decision)) == {"phone:+1"}


@pytest.mark.parametrize("noted_by", [None, "bruno"])
def test_a_handle_never_decides_and_never_links(noted_by: str | None) -> None:
    handle = "handle:bluesky/x.example"
    post = message("did:did:plc:x", (handle, StatedBy.CHANNEL), channel="social", noted_by=noted_by)
    assert set(linked(one(post, {}))) == {"did:did:plc:x"}
    as_address = one(message(handle, channel="phone", noted_by=noted_by), {handle: VICTIM})
    assert as_address.customer_id != VICTIM
    assert linked(as_address) == {}
    assert [c.other_customer_id for c in one(post, {handle: VICTIM}).conflicts] == [VICTIM]


def test_a_removed_link_is_not_made_again_by_any_statement() -> None:
    removed = {"phone:+1": {VICTIM}}
    agent = StatedBy.AGENT
    note = message("phone:+1", ("account:R-1", agent), channel="phone", noted_by="somebody else")
    decision = one(note, {"account:R-1": VICTIM}, removed)
    assert (decision.customer_id, linked(decision)) == (VICTIM, {})
    alone = one(message("phone:+1", channel="phone", noted_by="bruno"), {}, removed)
    assert linked(alone) == {"phone:+1": alone.customer_id}
    assert alone.customer_id != VICTIM
    elsewhere = one(note, {"account:R-1": OTHER}, removed)
    assert linked(elsewhere) == {"phone:+1": OTHER}


def test_a_link_later_in_the_batch_does_not_change_an_earlier_decision() -> None:
    first = message("phone:+1", ("account:R-1", StatedBy.AGENT), channel="phone", noted_by="bruno")
    call = message("phone:+1", channel="phone")
    decisions = decide([first, call], {"account:R-1": VICTIM}, {"phone:+1": {VICTIM}}, new_ids())
    assert [decision.customer_id for decision in decisions] == [VICTIM, UUID(int=1)]


def test_only_the_first_twenty_claims_are_compared() -> None:
    owners = {f"account:R-{n}": VICTIM for n in range(1000)}
    also = [(key, StatedBy.CUSTOMER) for key in owners]
    decision = one(message("email:m@evil.example", *also, *also), owners)
    assert len(decision.conflicts) == MOST_CLAIMS


class Play(NamedTuple):
    """Messages in batches, and links that a supervisor removed before."""

    batches: Sequence[Sequence[Interaction]]
    removed: dict[str, set[UUID]]


def _message(
    address: str | None, also: list[tuple[str, StatedBy]], channel: Channel, noted_by: str | None
) -> Interaction:
    return message(address, *also, channel=channel, noted_by=noted_by)


MESSAGES = st.builds(
    _message,
    st.sampled_from((None, *KEYS)),
    st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(StatedBy)), max_size=4),
    st.sampled_from(Channel),
    st.sampled_from((None, "bruno")),
)
PLAYS = st.builds(
    Play,
    st.lists(st.lists(MESSAGES, max_size=5), max_size=5),
    # The ids of the customers to come are counted, so a link can have been removed from them.
    st.dictionaries(st.sampled_from(KEYS), st.sets(st.integers(1, 4).map(lambda n: UUID(int=n)), max_size=3)),
)


def played(play: Play) -> list[tuple[Interaction, Decision]]:
    ids, owners = new_ids(), dict[str, UUID]()
    done: list[tuple[Interaction, Decision]] = []
    for batch in play.batches:
        decisions = decide(batch, owners, play.removed, ids)
        owners |= {link.key: link.customer_id for decision in decisions for link in decision.links}
        done += zip(batch, decisions, strict=True)
    return done


@given(PLAYS)
def test_an_identifier_is_linked_only_as_the_address_or_by_an_agents_note(play: Play) -> None:
    for interaction, decision in played(play):
        address = interaction.speaker.address
        for key, customer in linked(decision).items():
            assert customer == decision.customer_id
            assert customer not in play.removed.get(key, ())
            assert not key.startswith("handle:")
            noted = (
                interaction.noted_by is not None
                and interaction.channel in NOTES
                and any(also.key == key and also.stated_by == "agent" for also in interaction.speaker.also)
            )
            assert noted or (address is not None and address.key == key)


@given(PLAYS)
def test_no_identifier_has_two_customers_and_a_known_address_always_decides(play: Play) -> None:
    owners: dict[str, UUID] = {}
    for interaction, decision in played(play):
        address = interaction.speaker.address
        if address and address.key in owners:
            assert (decision.customer_id, decision.identified_by) == (owners[address.key], address.key)
        for key, customer in linked(decision).items():
            assert owners.setdefault(key, customer) == customer
        stated = {i.key: i for i in (*interaction.speaker.also, *([address] if address else []))}
        wrong = {key for key in stated if owners.get(key, decision.customer_id) != decision.customer_id}
        assert {c.identifier.key for c in decision.conflicts} == wrong
        assert all(
            c == Conflict(c.identifier, decision.customer_id, owners[c.identifier.key], c.source)
            for c in decision.conflicts
        )


@given(PLAYS)
def test_how_messages_are_batched_changes_nothing(play: Play) -> None:
    batches_of_one = Play([[message] for batch in play.batches for message in batch], play.removed)
    assert played(play) == played(batches_of_one)
