from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ingest_social.bluesky import frames
from ingest_social.bluesky.texts import MAX_BYTES, MAX_GRAPHEMES, graphemes, record_key, split
from ingest_social.network import Unreadable

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FAMILY = "👨‍👩‍👧‍👦"


def without_number(part: str) -> str:
    return part.rpartition(" (")[0]


def test_a_short_text_is_one_post_as_it_is() -> None:
    assert split(" Thank you, Tom. ") == ["Thank you, Tom."]
    assert split(FAMILY * 100) == [FAMILY * 100]


def test_a_long_text_is_numbered_and_cut_between_words() -> None:
    parts = split("word " * 200)
    assert parts[0].endswith(f"(1/{len(parts)})")
    assert all(without_number(part).split() == ["word"] * len(without_number(part).split()) for part in parts)


@given(
    st.lists(st.sampled_from(["a", "é", " ", "\n", FAMILY, "🇦🇺", "漢", "word "]), max_size=700).map("".join)
)
def test_no_part_is_too_long_no_grapheme_is_cut_and_no_word_is_lost(text: str) -> None:
    parts = split(text)
    for part in parts:
        assert len(graphemes(part)) <= MAX_GRAPHEMES
        assert len(part.encode()) <= MAX_BYTES
    joined = "".join(without_number(part) if len(parts) > 1 else part for part in parts)
    assert "".join(joined.split()) == "".join(text.split())
    assert set(graphemes("".join(joined.split()))) <= set(graphemes("".join(text.split()))) | {""}


def test_record_keys_are_the_same_each_time_and_differ_by_part_and_reply() -> None:
    keys = [record_key(reply, part, NOW) for reply in ("a", "b") for part in range(3)]
    assert keys == [record_key(reply, part, NOW) for reply in ("a", "b") for part in range(3)]
    assert len(set(keys)) == 6
    assert all(len(key) == 13 and key[0] in "234567abcdefghij" for key in keys)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_frame_are_kept_whole_and_raise_nothing(raw: bytes) -> None:
    read = frames.read(raw, "did:plc:us", NOW)
    assert all(isinstance(change, Unreadable) and change.raw == raw for change in read.changes)
