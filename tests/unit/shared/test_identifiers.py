"""Identifiers of customers: what is read as one, and its normalised form."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from antiphon import identifiers

ANY = st.text(st.characters(codec=None, categories=None))
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
    ("address", "key"),
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
def test_a_mailbox_address_has_a_normalised_key_or_is_none(address: str, key: str | None) -> None:
    identifier = identifiers.email(address)
    assert (identifier.key if identifier else None) == key


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
