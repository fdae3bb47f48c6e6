"""Cleaning and shortening of texts."""

import json

from hypothesis import given
from hypothesis import strategies as st

from antiphon.text import clean, shorten

ANY = st.text(st.characters(codec=None, categories=None))


@given(ANY)
def test_clean_text_can_be_kept_anywhere_and_cleaning_again_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert json.loads(json.dumps(cleaned).encode()) == cleaned
    assert cleaned.encode().decode() == cleaned
    assert "\x00" not in cleaned
    assert "\r" not in cleaned
    assert clean(cleaned) == cleaned


@given(ANY, st.integers(1, 50))
def test_shortened_text_is_never_longer(text: str, limit: int) -> None:
    assert len(shorten(text, limit)) <= limit
