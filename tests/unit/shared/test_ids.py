"""Ids that are derived from other values."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon import ids


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_derived_ids_are_equal_exactly_when_their_parts_are(one: list[str], other: list[str]) -> None:
    assert (ids.derived_id("k", *one) == ids.derived_id("k", *other)) == (one == other)
    assert ids.derived_id("k", *one) != ids.derived_id("other", *one)
