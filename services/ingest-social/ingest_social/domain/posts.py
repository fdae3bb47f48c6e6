"""Decides what changes on a network do to the posts that we have."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ingest_social.network import Change, Deleted, Edited, Post, Unreadable


@dataclass(frozen=True)
class StoredPost:
    """The state of a post that we have."""

    native_id: str
    author: str
    revision: str
    order: str | None
    is_deleted: bool


@dataclass(frozen=True)
class Receive:
    """Take a post that we do not have."""

    post: Post


@dataclass(frozen=True)
class Edit:
    """Take a new version of a post that we have."""

    post: Post


@dataclass(frozen=True)
class Delete:
    """Mark a post that we have as deleted."""

    native_id: str
    author: str
    order: str | None
    occurred_at: datetime


Step = Receive | Edit | Delete


@dataclass
class Plan:
    """What to do for a batch of changes, in its order. `repeats` are the native ids of posts that came again unchanged."""

    steps: list[Step] = field(default_factory=list[Step])
    repeats: list[str] = field(default_factory=list[str])
    unreadable: list[Unreadable] = field(default_factory=list[Unreadable])


def plan(stored: Iterable[StoredPost], changes: Sequence[Change]) -> Plan:
    """Applies the changes one after another. A change that was applied before makes no step, however often it comes."""
    posts = {post.native_id: post for post in stored}
    planned = Plan()
    for change in changes:
        match change:
            case Unreadable():
                planned.unreadable.append(change)
            case Deleted():
                _delete(posts, change, planned)
            case Post():
                _publish(posts, change, planned)
            case Edited() if change.post.native_id in posts or change.concerns_us:
                _publish(posts, change.post, planned)
            case Edited():
                pass
    return planned


def _publish(posts: dict[str, StoredPost], post: Post, planned: Plan) -> None:
    stored = posts.get(post.native_id)
    if stored is not None and not _is_new_version(stored, post):
        planned.repeats.append(post.native_id)
        return
    planned.steps.append(Receive(post) if stored is None else Edit(post))
    posts[post.native_id] = StoredPost(
        post.native_id, post.author, post.revision, post.order, is_deleted=False
    )


def _is_new_version(stored: StoredPost, post: Post) -> bool:
    if post.order is not None and stored.order is not None and post.order <= stored.order:
        return False
    return post.revision != stored.revision or (stored.is_deleted and post.order is not None)


def _delete(posts: dict[str, StoredPost], change: Deleted, planned: Plan) -> None:
    for stored in list(posts.values()):
        if (
            stored.is_deleted
            or stored.author != change.author
            or change.native_id not in {None, stored.native_id}
        ):
            continue
        if change.order is not None and stored.order is not None and change.order <= stored.order:
            continue
        order = change.order or stored.order
        planned.steps.append(Delete(stored.native_id, stored.author, order, change.occurred_at))
        posts[stored.native_id] = replace(stored, order=order, is_deleted=True)
