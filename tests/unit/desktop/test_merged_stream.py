"""The form of the merged stream: each source resumes from its own place in the joined id."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.domain.merged_stream import Event, EventReader, merged_id, places_in, written

STREAM = (
    b'event: begin\nid: 7-0\ndata: {}\n\n: still here\n\nevent: work\nid: 7-118\ndata: {"a":\ndata: "\xc3\xa4"}\n\n'
    b"event: live\ndata: {}\n\n"
)
EVENTS = [Event("begin", "7-0", "{}"), Event("work", "7-118", '{"a":\n"ä"}'), Event("live", "", "{}")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_are_read_whole_however_their_bytes_come(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    reader = EventReader()
    pieces = [STREAM[start:end] for start, end in itertools.pairwise(places)]
    assert [event for piece in pieces for event in reader.read(piece)] == EVENTS


def test_an_event_has_the_places_of_all_sources_as_its_id() -> None:
    places = {"routing": "7-118", "case-mgmt": "81-3"}
    assert written("routing", EVENTS[0], places) == (
        b"event: routing.begin\nid: routing=7-118;case-mgmt=81-3\ndata: {}\n\n"
    )


def test_an_event_before_any_place_has_no_id() -> None:
    assert written("live", EVENTS[2], {}) == b"event: live.live\ndata: {}\n\n"


SOURCES = st.sampled_from(["routing", "case-mgmt", "customer-profile"])
PLACES = st.tuples(st.integers(0, 2**63), st.integers(0, 2**63)).map(lambda pair: f"{pair[0]}-{pair[1]}")


@given(st.dictionaries(SOURCES, PLACES))
def test_the_places_in_an_id_are_those_that_it_was_made_of(places: dict[str, str]) -> None:
    assert places_in(merged_id(places)) == places


@pytest.mark.parametrize("given_id", [None, "", ";", "routing", "routing=x", "routing=7-1-2", "=7-1", "7-1"])
def test_what_is_malformed_in_an_id_is_no_place(given_id: str | None) -> None:
    assert places_in(given_id) == {}
