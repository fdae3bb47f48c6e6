"""Secrets of API keys: what they look like, and what a typing error does to one."""

import re

from hypothesis import given
from hypothesis import strategies as st

from desktop.domain.api_secrets import RANDOM_BYTES, digest_of, is_well_formed, secret_of

FORM = re.compile(r"antiphon_[0-9A-Za-z]{49}")
randoms = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(randoms)
def test_a_secret_has_the_form_that_scanners_look_for(random: bytes) -> None:
    secret = secret_of(random)
    assert FORM.fullmatch(secret)
    assert is_well_formed(secret)


@given(st.sets(randoms, min_size=2, max_size=2))
def test_different_random_bytes_make_different_secrets(pair: set[bytes]) -> None:
    assert len({secret_of(random) for random in pair}) == 2
    assert len({digest_of(secret_of(random)) for random in pair}) == 2


@given(randoms, st.integers(0, 57), st.sampled_from("09AZaz_- "))
def test_one_wrong_character_is_found_without_a_look_into_the_database(
    random: bytes, place: int, other: str
) -> None:
    secret = secret_of(random)
    wrong = secret[:place] + other + secret[place + 1 :]
    assert is_well_formed(wrong) == (wrong == secret)


def test_what_is_cut_off_prolonged_or_empty_is_no_secret() -> None:
    secret = secret_of(b"\xff" * RANDOM_BYTES)
    others = ["", "antiphon_", secret[:-1], secret + "0", secret.removeprefix("antiphon_"), secret.upper()]
    assert not any(is_well_formed(other) for other in others)
