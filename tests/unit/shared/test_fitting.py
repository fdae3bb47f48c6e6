"""Any interaction fits into its event, and into every event that later services make of it."""

from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from antiphon.contracts import generate
from antiphon.contracts.base import Event
from antiphon.contracts.cases import CaseFacts, CaseInteractionAdded, CaseInteractionEdited
from antiphon.contracts.envelope import MAX_EVENT_BYTES, encode
from antiphon.contracts.fitting import MAX_INTERACTION_BYTES, fitted, fitted_edit
from antiphon.contracts.identified import (
    CustomerFacts,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
    Reading,
)
from antiphon.contracts.interactions import (
    Attachment,
    Content,
    Identifier,
    Interaction,
    InteractionEdited,
    InteractionReceived,
    Speaker,
    StatedIdentifier,
    Thread,
)
from case_mgmt.domain.cases import interaction_facts
from customer_profile.actions.events import MOST_IDENTIFIERS

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ORDINARY = InteractionReceived.model_validate(generate.example("interaction.received.v1")["data"]).interaction
EDITED = InteractionEdited.model_validate(generate.example("interaction.edited.v1")["data"])
CONTROL, EMOJI = "\x01", "\N{PILE OF POO}"


_Item = TypeVar("_Item")


def texts(most: int) -> st.SearchStrategy[str]:
    """Texts of up to `most` characters, also of control characters and of four-byte characters."""

    def grow(text: str, length: int) -> str:
        return (text * (length // len(text) + 1))[:length]

    some = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
    same = st.sampled_from([CONTROL, EMOJI, '"', "\\", "\n", "\x7f"])
    return some | st.builds(grow, some, st.integers(0, most)) | st.builds(grow, same, st.just(most))


def lists(items: st.SearchStrategy[_Item], most: int) -> st.SearchStrategy[list[_Item]]:
    """Up to three items, or one item up to `most` times."""

    def repeat(item: _Item, count: int) -> list[_Item]:
        return [item] * count

    return st.lists(items, max_size=3) | st.builds(repeat, items, st.integers(0, most))


identifiers = st.builds(Identifier, kind=st.just("email"), value=texts(500).filter(bool))
also = st.builds(
    StatedIdentifier, kind=st.just("phone"), value=texts(500).filter(bool), stated_by=st.just("customer")
)
files = st.builds(
    Attachment, attachment_id=st.uuids(), filename=texts(2000), media_type=texts(300), size_bytes=st.integers(0, 2**40),
    sha256=texts(64),
)  # fmt: skip
contents = st.builds(
    Content, subject=st.none() | texts(20_000), text=texts(300_000), quoted=st.none() | texts(300_000),
    signature=st.none() | texts(100_000), html=st.none() | texts(500_000), language=st.none() | texts(2000),
)  # fmt: skip
interactions = st.builds(
    Interaction,
    interaction_id=st.uuids(), channel=st.just("email") | texts(1000), network=st.none() | texts(2000), account=texts(2000),
    visibility=st.just("private") | texts(1000),
    speaker=st.builds(
        Speaker, address=st.none() | identifiers, name=st.none() | texts(200_000),
        also=lists(also, 2000),
    ),
    content=contents,
    attachments=lists(files, 1000),
    thread=st.builds(
        Thread, native_id=texts(200_000), answers=lists(texts(2000), 1000), case_token=st.none() | texts(100_000),
        conversation=st.none() | texts(100_000),
    ),
    occurred_at=st.just(NOW), accepted_at=st.just(NOW), automation=st.just("none") | texts(1000),
    defects=lists(texts(300), 1000), link=st.none() | texts(100_000), noted_by=st.none() | texts(100_000),
    raw_sha256=st.none() | texts(1000),
)  # fmt: skip


def size(event: Event) -> int:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    return encode(event, source="customer-profile", time=NOW, traceparent=trace).size


# The largest customer that customer-profile writes into events, and the largest subject of a case.
CUSTOMER = CustomerFacts(
    customer_id=uuid4(),
    name=CONTROL * 300,
    identifiers=[Identifier(kind="partner", value=CONTROL * 500)] * MOST_IDENTIFIERS,
    labels=[CONTROL * 300] * 50,
    since=NOW,
)
READING = Reading(topics=["a topic of the organisation"] * 100, department="rates")
CASE = CaseFacts(
    case_id=uuid4(), reference="C-1", status="open", subject=CONTROL * 1000, customer=CUSTOMER, opened_at=NOW,
    interactions=1, replies=0, revision=1,
)  # fmt: skip


@given(interactions)
@example(ORDINARY.model_copy(update={"content": Content(text=CONTROL * 200_000, html="<p>" * 7_000_000)}))
def test_any_interaction_fits_into_its_event_and_the_events_made_of_it(interaction: Interaction) -> None:
    fit = fitted(interaction)
    assert len(fit.model_dump_json().encode()) <= MAX_INTERACTION_BYTES
    identified = IdentifiedInteractionReceived(
        interaction=fit, customer=CUSTOMER, reading=READING, identified_by="partner:" + CONTROL * 500
    )
    added = CaseInteractionAdded(
        case=CASE, interaction=interaction_facts(fit, READING), threaded_by="reference"
    )
    assert max(size(InteractionReceived(interaction=fit)), size(identified), size(added)) <= MAX_EVENT_BYTES
    assert (fit.interaction_id, fit.speaker.address) == (
        interaction.interaction_id,
        interaction.speaker.address,
    )
    if len(interaction.model_dump_json().encode()) <= MAX_INTERACTION_BYTES:
        assert fit is interaction
    else:
        assert len(fit.defects) > 0
        assert any(defect.endswith("-cut") for defect in fit.defects)


@given(contents)
def test_any_edit_fits_into_its_event_and_the_events_made_of_it(content: Content) -> None:
    edited = EDITED.model_copy(update={"content": content})
    fit = fitted_edit(edited)
    identified = IdentifiedInteractionEdited(edit=fit, customer=CUSTOMER, reading=READING)
    facts = interaction_facts(ORDINARY.model_copy(update={"content": fit.content}), READING)
    on_case = CaseInteractionEdited(case=CASE, interaction=facts)
    assert max(size(fit), size(identified), size(on_case)) <= MAX_EVENT_BYTES
    if len(edited.model_dump_json().encode()) <= MAX_INTERACTION_BYTES:
        assert fit is edited


@pytest.mark.parametrize(
    ("content", "defects", "kept"),
    [
        ({"html": "h" * 800_000, "quoted": "q", "text": "t"}, ["html-cut"], {"quoted": "q", "text": "t"}),
        (
            {"html": "h", "quoted": "q" * 800_000, "signature": "s", "text": "t"},
            ["html-cut", "quoted-cut"],
            {"html": None, "quoted": None, "signature": "s", "text": "t"},
        ),
        (
            {"signature": "s" * 800_000, "text": "t", "subject": "x" * 1000},
            ["signature-cut"],
            {"signature": None, "text": "t", "subject": "x" * 1000},
        ),
    ],
)
def test_the_least_important_content_is_cut_first_and_named_in_defects(
    content: dict[str, str], defects: list[str], kept: dict[str, str | None]
) -> None:
    interaction = ORDINARY.model_copy(update={"content": Content.model_validate(content)})
    fit = fitted(interaction)
    assert fit.defects == [*ORDINARY.defects, *defects]
    assert fit.content.model_dump(include=set(kept)) == kept


@pytest.mark.parametrize("character", ["a", CONTROL, EMOJI, "\N{CJK UNIFIED IDEOGRAPH-65E5}", '"'])
def test_a_text_that_is_too_long_is_cut_to_the_largest_size_that_fits(character: str) -> None:
    interaction = ORDINARY.model_copy(
        update={"content": Content(text=character * 800_000), "attachments": []}
    )
    fit = fitted(interaction)
    assert fit.defects[-1] == "text-cut"
    assert fit.content.text == character * len(fit.content.text)
    spare = MAX_INTERACTION_BYTES - len(fit.model_dump_json().encode())
    assert 0 <= spare < 6


def test_the_longest_text_of_a_mail_fits_whole_with_three_bytes_a_character() -> None:
    interaction = ORDINARY.model_copy(
        update={"content": Content(text="\N{CJK UNIFIED IDEOGRAPH-65E5}" * 200_000)}
    )
    assert fitted(interaction) is interaction
