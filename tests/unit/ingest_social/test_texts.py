from datetime import UTC, datetime, timedelta

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.delivery.parts import graphemes
from ingest_social.bluesky import texts

FAMILY = "👩‍👩‍👧‍👦"
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NUMBER = regex.compile(r" \(\d+/\d+\)$")
CHARACTERS = st.one_of(
    st.sampled_from([" ", "\n", "a", "é", "e\u0301", FAMILY, "🇦🇺", "漢", "word ", "\u200d", "\r\n"]),
    st.text(max_size=12),
)


def words_of(parts: list[str]) -> str:
    bare = [NUMBER.sub("", part) for part in parts] if len(parts) > 1 else parts
    return "".join("".join(bare).split())


# A busy machine is slow to draw; that says nothing of the code.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CHARACTERS, max_size=900).map("".join))
def test_every_part_fits_and_together_they_say_all(text: str) -> None:
    parts = texts.split(text)
    assert all(len(graphemes(part)) <= 300 and len(part.encode()) <= 3000 for part in parts)
    assert words_of(parts) == "".join(text.split())


@settings(deadline=None)
@given(st.integers(1, 700))
def test_an_emoji_of_several_code_points_is_never_cut(number: int) -> None:
    parts = texts.split(FAMILY * number)
    assert all(NUMBER.sub("", part).replace(FAMILY, "") == "" for part in parts)


def test_what_fits_stays_one_post() -> None:
    assert texts.split("x" * 300) == ["x" * 300]
    assert texts.split(FAMILY * 100) == [FAMILY * 100]


def test_a_longer_answer_is_cut_between_words_and_numbered() -> None:
    parts = texts.split("road " * 100)
    assert [part[-6:] for part in parts] == [" (1/2)", " (2/2)"]
    assert all(NUMBER.sub("", part).split() == ["road"] * 50 or part for part in parts)
    assert words_of(parts) == "road" * 100


def test_more_than_nine_parts_are_numbered_too() -> None:
    parts = texts.split("w " * 2000)
    assert parts[-1].endswith(f"({len(parts)}/{len(parts)})")
    assert len(parts) > 9


def test_a_grapheme_larger_than_a_post_is_cut_all_the_same() -> None:
    parts = texts.split("a" + "\u0301" * 4000)
    assert all(len(part.encode()) <= 3000 for part in parts)


def test_links_and_mentions_are_marked_by_their_bytes() -> None:
    text = "Grüße 👋 @jo.test: see https://banksia.example/ä?x=1, and @nobody.test"
    facets = texts.facets(text, {"jo.test": "did:plc:jo"})
    marked = {
        text.encode()[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode(): f["features"][0]
        for f in facets
    }
    assert marked["@jo.test"]["did"] == "did:plc:jo"
    assert marked["https://banksia.example/ä?x=1"]["uri"] == "https://banksia.example/ä?x=1"
    assert len(marked) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@Jo.Test hello", ["jo.test"]),
        ("mail jo@mail.example", []),
        ("(@a.b.test) @a.b.test", ["a.b.test"]),
        ("@alone", []),
        ("https://x.test/@jo.test", []),
    ],
)
def test_handles_in_a_text(text: str, found: list[str]) -> None:
    assert texts.handles(text) == found


@given(st.uuids(), st.integers(0, 50), st.timedeltas(timedelta(0), timedelta(days=3650)))
def test_a_record_key_is_a_tid_the_same_each_time(key: object, part: int, later: timedelta) -> None:
    tid = texts.record_key(str(key), part, AT + later)
    assert regex.fullmatch(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}", tid)
    assert tid == texts.record_key(str(key), part, AT + later)
    assert tid < texts.record_key(str(key), part + 1, AT + later)


def test_answers_of_one_moment_have_keys_of_their_own() -> None:
    keys = [texts.record_key(f"reply-{number}", 0, AT) for number in range(5000)]
    assert len(set(keys)) == len(keys)
