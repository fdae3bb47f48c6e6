"""Cursors of paged lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.http import pages
from antiphon.http.problems import Problem


@given(st.lists(st.text() | st.integers(-(2**53), 2**53) | st.none(), max_size=4))
def test_a_cursor_decodes_to_the_values_that_it_was_made_of(place: list[str | int | None]) -> None:
    kinds = [type(part) for part in place]
    assert pages.decode_cursor(pages.encode_cursor(*place), kinds) == place


@given(st.text(max_size=60))
def test_an_invalid_cursor_is_a_problem_with_status_400(text: str) -> None:
    with pytest.raises(Problem) as refused:
        pages.decode_cursor(text, (str, str, int, int, int))
    assert refused.value.status == 400
