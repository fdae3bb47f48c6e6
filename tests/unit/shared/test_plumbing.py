"""Laws of the small pure parts that everything stands on."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import PydanticSerializationError

from antiphon import identifiers, ids
from antiphon.http import pages
from antiphon.http.problems import Problem
from antiphon.organisation.document import ConfigurationError, Document, Organisation
from antiphon.postgres.query import as_json
from antiphon.process import tracing
from antiphon.text import clean, shorten
from deploy.site import EXAMPLE

ANY = st.text(st.characters(codec=None, categories=None))


@given(ANY)
def test_clean_text_can_be_kept_anywhere_and_cleaning_again_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert json.loads(json.dumps(cleaned).encode()) == cleaned
    assert cleaned.encode().decode() == cleaned
    assert "\x00" not in cleaned
    assert "\r" not in cleaned
    assert clean(cleaned) == cleaned


NAMES = st.text("ab/%25F", min_size=1, max_size=5)


@given(NAMES, NAMES, NAMES, NAMES)
@example("crm", "crm/7", "7/x", "x")
@example("crm/7", "crm%2F7", "x", "x")
def test_two_sources_never_name_the_same_partner(a: str, b: str, x: str, y: str) -> None:
    assert (identifiers.partner(a, x) == identifiers.partner(b, y)) is ((a, x) == (b, y))


def test_a_partner_identifier_that_is_too_long_is_none() -> None:
    assert identifiers.partner("s" * 200, "x" * 299) is not None
    assert identifiers.partner("s" * 201, "x" * 299) is None
    assert identifiers.partner("s", "x" * 301) is None


@given(ANY, st.integers(1, 50))
def test_shortened_text_is_never_longer(text: str, limit: int) -> None:
    assert len(shorten(text, limit)) <= limit


@given(ANY)
def test_reading_an_identifier_never_raises_and_its_value_reads_as_itself(text: str) -> None:
    for read in (identifiers.email, identifiers.did, identifiers.account):
        found = read(text)
        if found is not None:
            assert read(found.value) == found
    found = identifiers.phone(text, "AU")
    if found is not None:
        assert identifiers.phone(found.value, "NZ") == found


@pytest.mark.parametrize(
    ("given_text", "key"),
    [
        ("Jo@Mail.Example", "email:jo@mail.example"),
        (" jo@bücher.example ", "email:jo@xn--bcher-kva.example"),
        ("STRA\u00dfE@mail.example", "email:stra\u00dfe@mail.example"),
        ("\u212aate@mail.example", "email:\u212aate@mail.example"),
        ("\ufb03" * 200 + "@mail.example", "email:" + "\ufb03" * 200 + "@mail.example"),
        ("no mail", None),
        ("@mail.example", None),
    ],
)
def test_a_mailbox_address_has_a_normalised_key_or_is_none(given_text: str, key: str | None) -> None:
    found = identifiers.email(given_text)
    assert (found.key if found else None) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("straße@mail.example", "strasse@mail.example"),
        ("\ufb01ona@mail.example", "fiona@mail.example"),
        ("\u212aate@mail.example", "kate@mail.example"),
        ("\u0130nci@mail.example", "i\u0307nci@mail.example"),
    ],
)
def test_addresses_that_differ_in_more_than_their_case_are_two(one: str, other: str) -> None:
    assert identifiers.email(one) != identifiers.email(other)
    assert identifiers.email(one) == identifiers.email(one.replace("mail", "MAIL"))


@pytest.mark.parametrize("letter", ["\ufb03", "\u0130", "\u0390", "ß", "\u1e9e", "x"])
@pytest.mark.parametrize("length", [1, 64, 200, 201, 5_000])
@pytest.mark.parametrize("domain", ["mail.example", "ß" * 60 + ".example", "a." * 126 + "example", "x" * 300])
def test_an_address_of_any_length_and_script_is_read_or_is_none(
    letter: str, length: int, domain: str
) -> None:
    found = identifiers.email(f"{letter * length}@{domain}")
    assert found is None or identifiers.email(found.value) == found
    assert length <= 200 or found is None


@pytest.mark.parametrize(
    "written", ["(02) 5550 1234", "02 5550 1234", "+61 2 5550 1234", "0061255501234", "tel:+61-2-5550-1234"]
)
def test_a_phone_number_has_one_key_however_it_is_written(written: str) -> None:
    found = identifiers.phone(written.replace("0061", "+61"), "AU")
    assert found is not None
    assert found.key == "phone:+61255501234"


@given(st.lists(st.text() | st.integers(-(2**53), 2**53) | st.none(), max_size=4))
def test_a_cursor_decodes_to_the_values_that_it_was_made_of(place: list[str | int | None]) -> None:
    kinds = [type(part) for part in place]
    assert pages.decode_cursor(pages.encode_cursor(*place), kinds) == place


@given(st.text(max_size=60))
def test_an_invalid_cursor_is_a_problem_with_status_400(text: str) -> None:
    with pytest.raises(Problem) as refused:
        pages.decode_cursor(text, (str, str, int, int, int))
    assert refused.value.status == 400


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_derived_ids_are_equal_exactly_when_their_parts_are(one: list[str], other: list[str]) -> None:
    assert (ids.derived_id("k", *one) == ids.derived_id("k", *other)) == (one == other)
    assert ids.derived_id("k", *one) != ids.derived_id("other", *one)


@given(st.text())
def test_a_trace_continues_from_a_valid_parent_and_begins_anew_from_any_other(text: str) -> None:
    parent = tracing.new()
    assert tracing.trace_id(tracing.child(parent)) == tracing.trace_id(parent)
    assert tracing.child(parent) != parent
    assert tracing.trace_id(tracing.child(text)) is not None


def test_rows_become_json_that_postgresql_reads() -> None:
    row = {
        "id": UUID(int=1),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "list": [uuid4()],
        "none": None,
    }
    (found,) = json.loads(as_json([row]))
    assert found["at"] == "2026-01-01T00:00:00Z"
    with pytest.raises(PydanticSerializationError):
        as_json([{"x": object()}])


def test_every_fault_of_a_document_is_reported_with_its_line() -> None:
    source = EXAMPLE.read_text().replace("region: AU", "region: Australia").replace("domain: ", "domian: ")
    with pytest.raises(ConfigurationError) as refused:
        Document(source, "council.yaml").read(Organisation)
    lines = source.split("\n")
    told = {fault.line for fault in refused.value.faults}
    assert next(n for n, line in enumerate(lines, 1) if "region:" in line) in told
    assert next(n for n, line in enumerate(lines, 1) if "domian:" in line) in told


@pytest.mark.parametrize(
    "source", ["a: [1", "- just\n- a list", "", "a: !!python/object:os.system {}", "\t- x"]
)
def test_a_document_that_is_no_mapping_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Document(source, "x.yaml")
    assert str(refused.value).startswith("x.yaml:")
