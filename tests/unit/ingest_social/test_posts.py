from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from antiphon.contracts.interactions import InteractionKind, Visibility
from ingest_social.domain.posts import Delete, Edit, Plan, Receive, StoredPost, plan
from ingest_social.network import Change, Deleted, Edited, Post, Unreadable

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def published(post: str, order: int | None, words: str = "a") -> Post:
    position = None if order is None else f"{order:05}"
    return Post(
        post, f"cid-{words}", position, "jo", words, [], None, NOW, {"text": words}, InteractionKind.POST,
        Visibility.PRIVATE,
    )  # fmt: skip


def edited(post: str, order: int, words: str, *, ours: bool = True) -> Edited:
    return Edited(published(post, order, words), ours)


def deleted(post: str | None, order: int | None) -> Deleted:
    return Deleted(post, "jo", None if order is None else f"{order:05}", NOW)


def steps(planned: Plan) -> list[str]:
    return [
        f"delete {step.native_id}"
        if isinstance(step, Delete)
        else f"{'receive' if isinstance(step, Receive) else 'edit'} {step.post.native_id} {step.post.text}"
        for step in planned.steps
    ]


def stored_after(planned: Plan) -> list[StoredPost]:
    posts: dict[str, StoredPost] = {}
    for step in planned.steps:
        match step:
            case Receive(post) | Edit(post):
                posts[post.native_id] = StoredPost(
                    post.native_id, post.author, post.revision, post.order, is_deleted=False
                )
            case Delete():
                former = posts[step.native_id]
                posts[step.native_id] = StoredPost(
                    former.native_id, former.author, former.revision, step.order, is_deleted=True
                )
    return list(posts.values())


def test_a_post_published_edited_and_deleted_in_one_batch_makes_steps_in_order() -> None:
    planned = plan([], [published("p", 1), edited("p", 2, "b"), edited("p", 3, "c"), deleted("p", 4)])
    assert steps(planned) == ["receive p a", "edit p b", "edit p c", "delete p"]


def test_a_post_that_mentions_us_only_after_an_edit_is_received_then() -> None:
    assert steps(plan([], [edited("p", 2, "b")])) == ["receive p b"]
    assert steps(plan([], [edited("p", 2, "b", ours=False)])) == []


def test_an_edit_that_no_longer_mentions_us_is_still_an_edit_of_what_we_have() -> None:
    assert steps(plan([], [published("p", 1), edited("p", 2, "b", ours=False)])) == [
        "receive p a",
        "edit p b",
    ]


def test_an_edit_back_to_the_first_text_is_an_edit() -> None:
    planned = plan([], [published("p", 1, "a"), edited("p", 2, "b"), edited("p", 3, "a")])
    assert steps(planned) == ["receive p a", "edit p b", "edit p a"]


def test_a_deleted_author_deletes_every_post_once() -> None:
    planned = plan([], [published("p", 1), published("q", 2), deleted("q", 3), deleted(None, None)])
    assert steps(planned) == ["receive p a", "receive q a", "delete q", "delete p"]


def test_a_post_found_by_catching_up_is_new_only_if_its_text_is() -> None:
    stored = stored_after(plan([], [published("p", 5)]))
    assert plan(stored, [published("p", None)]).repeats == ["p"]
    assert steps(plan(stored, [published("p", None, "b")])) == ["edit p b"]


def test_a_deletion_of_what_we_do_not_have_is_nothing() -> None:
    assert steps(plan([], [deleted("p", 1), deleted(None, None)])) == []


def test_what_cannot_be_read_is_kept() -> None:
    assert plan([], [Unreadable(b"x", "no")]).unreadable == [Unreadable(b"x", "no")]


@st.composite
def streams(draw: st.DrawFn) -> list[Change]:
    changes: list[Change] = []
    for order in range(draw(st.integers(0, 25))):
        post = draw(st.sampled_from("pqr"))
        words = draw(st.sampled_from("abc"))
        kind = draw(st.sampled_from(["published", "edited", "deleted"]))
        changes.append(
            published(post, order, words)
            if kind == "published"
            else edited(post, order, words, ours=draw(st.booleans()))
            if kind == "edited"
            else deleted(post, order)
        )
    return changes


@given(streams(), st.data())
def test_a_stream_read_again_from_any_place_changes_nothing(
    changes: list[Change], data: st.DataObject
) -> None:
    stored = stored_after(plan([], changes))
    again = changes[data.draw(st.integers(0, len(changes))) :]
    assert plan(stored, again).steps == []


@given(streams(), st.data())
def test_batches_may_be_cut_anywhere(changes: list[Change], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(changes)))
    first = plan([], changes[:cut])
    second = plan(stored_after(first), changes[cut:])
    assert steps(first) + steps(second) == steps(plan([], changes))
