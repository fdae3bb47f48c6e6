from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from antiphon.contracts.interactions import InteractionKind, Visibility
from ingest_social.domain import Changed, Gone, Kept, Outcome, Received, follow
from ingest_social.network import Change, Edited, Said, TakenBack, Unreadable

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def said(post: str, order: int | None, words: str = "a") -> Said:
    position = None if order is None else f"{order:05}"
    return Said(
        post, f"cid-{words}", position, "jo", words, [], None, NOW, {"text": words}, InteractionKind.POST,
        Visibility.PRIVATE,
    )  # fmt: skip


def edited(post: str, order: int, words: str, *, ours: bool = True) -> Edited:
    return Edited(said(post, order, words), ours)


def gone(post: str | None, order: int | None) -> TakenBack:
    return TakenBack(post, "jo", None if order is None else f"{order:05}", NOW)


def story(outcome: Outcome) -> list[str]:
    return [
        f"gone {step.native_id}"
        if isinstance(step, Gone)
        else f"{'new' if isinstance(step, Received) else 'edit'} {step.said.native_id} {step.said.text}"
        for step in outcome.steps
    ]


def kept_after(outcome: Outcome) -> list[Kept]:
    posts: dict[str, Kept] = {}
    for step in outcome.steps:
        match step:
            case Received(one) | Changed(one):
                posts[one.native_id] = Kept(one.native_id, one.author, one.revision, one.order, gone=False)
            case Gone():
                former = posts[step.native_id]
                posts[step.native_id] = Kept(
                    former.native_id, former.author, former.revision, step.order, gone=True
                )
    return list(posts.values())


def test_a_post_published_edited_and_deleted_in_one_batch_makes_steps_in_order() -> None:
    outcome = follow([], [said("p", 1), edited("p", 2, "b"), edited("p", 3, "c"), gone("p", 4)])
    assert story(outcome) == ["new p a", "edit p b", "edit p c", "gone p"]


def test_a_post_that_mentions_us_only_after_an_edit_is_received_then() -> None:
    assert story(follow([], [edited("p", 2, "b")])) == ["new p b"]
    assert story(follow([], [edited("p", 2, "b", ours=False)])) == []


def test_an_edit_that_no_longer_mentions_us_is_still_an_edit_of_what_we_have() -> None:
    assert story(follow([], [said("p", 1), edited("p", 2, "b", ours=False)])) == ["new p a", "edit p b"]


def test_an_edit_back_to_the_first_text_is_an_edit() -> None:
    outcome = follow([], [said("p", 1, "a"), edited("p", 2, "b"), edited("p", 3, "a")])
    assert story(outcome) == ["new p a", "edit p b", "edit p a"]


def test_a_deleted_author_deletes_every_post_once() -> None:
    outcome = follow([], [said("p", 1), said("q", 2), gone("q", 3), gone(None, None)])
    assert story(outcome) == ["new p a", "new q a", "gone q", "gone p"]


def test_a_post_found_by_catching_up_is_new_only_if_its_text_is() -> None:
    had = kept_after(follow([], [said("p", 5)]))
    assert follow(had, [said("p", None)]).repeats == ["p"]
    assert story(follow(had, [said("p", None, "b")])) == ["edit p b"]


def test_a_deletion_of_what_we_do_not_have_is_nothing() -> None:
    assert story(follow([], [gone("p", 1), gone(None, None)])) == []


def test_what_cannot_be_read_is_kept() -> None:
    assert follow([], [Unreadable(b"x", "no")]).unreadable == [Unreadable(b"x", "no")]


@st.composite
def streams(draw: st.DrawFn) -> list[Change]:
    changes: list[Change] = []
    for order in range(draw(st.integers(0, 25))):
        post = draw(st.sampled_from("pqr"))
        words = draw(st.sampled_from("abc"))
        kind = draw(st.sampled_from(["said", "edited", "gone"]))
        changes.append(
            said(post, order, words)
            if kind == "said"
            else edited(post, order, words, ours=draw(st.booleans()))
            if kind == "edited"
            else gone(post, order)
        )
    return changes


@given(streams(), st.data())
def test_a_stream_read_again_from_any_place_changes_nothing(
    changes: list[Change], data: st.DataObject
) -> None:
    had = kept_after(follow([], changes))
    again = changes[data.draw(st.integers(0, len(changes))) :]
    assert follow(had, again).steps == []


@given(streams(), st.data())
def test_batches_may_be_cut_anywhere(changes: list[Change], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(changes)))
    first = follow([], changes[:cut])
    second = follow(kept_after(first), changes[cut:])
    assert story(first) + story(second) == story(follow([], changes))
