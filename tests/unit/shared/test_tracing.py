"""Trace contexts of requests and events."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.process import tracing


@given(st.text())
def test_a_trace_continues_from_a_valid_parent_and_begins_anew_from_any_other(text: str) -> None:
    parent = tracing.new()
    assert tracing.trace_id(tracing.child(parent)) == tracing.trace_id(parent)
    assert tracing.child(parent) != parent
    assert tracing.trace_id(tracing.child(text)) is not None
