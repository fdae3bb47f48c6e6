from datetime import UTC, datetime, timedelta
from typing import Any

import libipld
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest_social.bluesky import frames, records
from ingest_social.bluesky.records import Origin, Us
from ingest_social.network import Deleted, Edited, Post, Unreadable

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
US = Us("did:plc:us", "cityofbanksia.test")
URI = "at://did:plc:jo/app.bsky.feed.post/3mdabcdefgh2a"
OURS = "at://did:plc:us/app.bsky.feed.post/3mdabcdefgh2b"
ORIGIN = Origin(URI, "bafycid", "did:plc:jo", "3rev", NOW)
PICTURE = "bafkreiapeji3sm46ulszqhtvs3vgwfnyujy5ter34sutragdjcdcrqvmya"

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


def frame(kind: str, **body: Any) -> bytes:
    fields = {"seq": 7, "time": "2026-11-23T08:59:00Z", **body}
    return libipld.encode_dag_cbor({"op": 1, "t": kind}) + libipld.encode_dag_cbor(fields)


def mention() -> dict[str, Any]:
    return {"features": [{"$type": "app.bsky.richtext.facet#mention", "did": US.did}]}


@given(st.binary(max_size=300))
def test_bytes_that_are_no_frame_are_unreadable_and_kept_whole(raw: bytes) -> None:
    read = frames.read(raw, US, NOW)
    assert all(isinstance(change, Unreadable) and change.raw == raw for change in read.changes)


# A busy machine is slow to draw; that says nothing of the code.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["text", "facets", "reply", "embed", "langs", "createdAt"]), ANYTHING))
def test_a_record_may_hold_anything(record: dict[str, Any]) -> None:
    assert records.concerns(record, US) in {True, False}
    post = records.post(ORIGIN, record)
    assert abs(post.occurred_at - NOW) <= records.LONGEST_PAST


@pytest.mark.parametrize(
    ("record", "ours"),
    [
        ({"text": "x", "facets": [mention()]}, True),
        ({"text": "x", "reply": {"parent": {"uri": OURS}, "root": {"uri": "at://did:plc:b/c/d"}}}, True),
        ({"text": "x", "reply": {"parent": {"uri": "at://did:plc:b/c/d"}, "root": {"uri": OURS}}}, True),
        ({"text": "x", "embed": {"$type": "app.bsky.embed.record", "record": {"uri": OURS}}}, True),
        ({"text": "x", "embed": {"record": {"record": {"uri": OURS}}, "media": {}}}, True),
        ({"text": "Hey @CityOfBanksia.test!"}, True),
        ({"text": "Hey @cityofbanksia.test."}, True),
        ({"text": "see cityofbanksia.test/rates"}, False),
        ({"text": "@cityofbanksia.test.example"}, False),
        ({"text": "mail x@cityofbanksia.test"}, False),
        ({"text": "@cityofbanksia"}, False),
        ({"text": "x", "reply": {"parent": {"uri": "at://did:plc:usual/app.bsky.feed.post/x"}}}, False),
        ({"text": "x", "facets": [{"features": [{"$type": "app.bsky.richtext.facet#link", "uri": OURS}]}]}, False),
    ],
)  # fmt: skip
def test_what_concerns_us(record: dict[str, Any], ours: bool) -> None:
    assert records.concerns(record, US) is ours


def test_what_it_answers_is_nearest_first() -> None:
    record = {
        "reply": {"parent": {"uri": "at://a/b/parent"}, "root": {"uri": "at://a/b/root"}},
        "embed": {"record": {"uri": "at://a/b/quoted"}},
    }
    assert records.answers(record) == ["at://a/b/parent", "at://a/b/root", "at://a/b/quoted"]


@pytest.mark.parametrize(
    ("written", "taken", "is_right"),
    [
        ("2026-11-23T08:00:00+02:00", datetime(2026, 11, 23, 6, 0, tzinfo=UTC), True),
        ("2026-11-23T09:09:00Z", NOW + timedelta(minutes=9), True),
        ("2026-11-23T10:00:00Z", NOW, False),
        ("1985-01-01T00:00:00Z", NOW, False),
        ("0001-01-01T00:00:00+14:00", NOW, False),
        ("yesterday", NOW, False),
        (None, NOW, False),
    ],
)
def test_a_time_that_cannot_be_true_is_replaced_and_noted(
    written: str | None, taken: datetime, is_right: bool
) -> None:
    post = records.post(ORIGIN, {"text": "x", "createdAt": written})
    assert (post.occurred_at, post.defects == []) == (taken, is_right)


def test_an_image_is_known_by_its_digest_before_it_is_fetched() -> None:
    blob = {"$type": "blob", "ref": {"$link": PICTURE}, "mimeType": "image/png", "size": 123}
    (file,) = records.post(ORIGIN, {"embed": {"images": [{"image": blob, "alt": "A hole"}]}}).files
    assert (file.native_id, file.name, file.size_bytes, file.description) == (
        PICTURE,
        "image-1.png",
        123,
        "A hole",
    )
    assert len(file.sha256 or "") == 64


def test_a_deleted_account_deletes_its_posts_and_a_deactivated_one_does_not() -> None:
    deleted = frames.read(frame("#account", did="did:plc:jo", active=False, status="deleted"), US, NOW)
    (change,) = deleted.changes
    assert isinstance(change, Deleted)
    assert (change.native_id, change.author) == (None, "did:plc:jo")
    deactivated = frames.read(
        frame("#account", did="did:plc:jo", active=False, status="deactivated"), US, NOW
    )
    assert (deactivated.seq, deactivated.changes) == (7, [])


@pytest.mark.parametrize("kind", ["#sync", "#commit"])
def test_what_a_frame_does_not_show_is_looked_up(kind: str) -> None:
    body = {"repo": "did:plc:jo", "did": "did:plc:jo", "tooBig": True, "ops": [], "blocks": b"", "rev": "3a"}
    assert frames.read(frame(kind, **body), US, NOW).look_up == "did:plc:jo"
    assert frames.read(frame(kind, **body | {"repo": US.did, "did": US.did}), US, NOW).look_up is None


def test_a_commit_with_broken_blocks_is_unreadable_and_its_number_counts() -> None:
    op = {"action": "create", "path": "app.bsky.feed.post/3mdabcdefgh2a", "cid": b"x"}
    broken = frames.read(frame("#commit", repo="did:plc:jo", rev="3a", ops=[op], blocks=b"\x00"), US, NOW)
    (change,) = broken.changes
    assert isinstance(change, Unreadable)
    assert broken.seq == 7


def test_errors_of_the_stream_are_reported() -> None:
    raw = libipld.encode_dag_cbor({"op": -1}) + libipld.encode_dag_cbor({"error": "FutureCursor"})
    assert frames.read(raw, US, NOW).info == "FutureCursor"
    raw = libipld.encode_dag_cbor({"op": 1, "t": "#info"}) + libipld.encode_dag_cbor(
        {"name": "OutdatedCursor"}
    )
    assert frames.read(raw, US, NOW).info == "OutdatedCursor"


def test_an_update_is_a_change_even_when_it_does_not_concern_us() -> None:
    (change,) = frames.of_record(ORIGIN, {"text": "x"}, US, update=True)
    assert isinstance(change, Edited)
    assert not change.concerns_us
    assert frames.of_record(ORIGIN, {"text": "x"}, US, update=False) == []
    (post,) = frames.of_record(ORIGIN, {"text": "x", "facets": [mention()]}, US, update=False)
    assert isinstance(post, Post)


PARENT, ROOT = (
    {"uri": "at://did:plc:us/app.bsky.feed.post/2"},
    {"uri": "at://did:plc:us/app.bsky.feed.post/1"},
)


@pytest.mark.parametrize(
    ("record", "kind", "conversation"),
    [
        ({"reply": {"parent": PARENT, "root": ROOT}}, "reply", ROOT["uri"]),
        ({"embed": {"record": PARENT}}, "quote", URI),
        ({"embed": {"record": {"record": PARENT}}}, "quote", URI),
        ({"reply": {"parent": 7, "root": None}}, "mention", URI),
        ({}, "mention", URI),
    ],
)
def test_a_post_says_what_it_is_and_on_which_thread(
    record: dict[str, Any], kind: str, conversation: str
) -> None:
    post = records.post(ORIGIN, record)
    assert (post.kind, post.visibility, post.conversation) == (kind, "public", conversation)
