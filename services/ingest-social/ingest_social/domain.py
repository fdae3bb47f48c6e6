"""Pure: what changes of a network mean for the posts that we have."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ingest_social.network import Change, Edited, Said, TakenBack, Unreadable


@dataclass(frozen=True)
class Kept:
    """A post that we have, as it stands."""

    native_id: str
    author: str
    revision: str
    order: str | None
    gone: bool


@dataclass(frozen=True)
class Received:
    """A post that we did not have."""

    said: Said


@dataclass(frozen=True)
class Changed:
    """New words of a post that we have."""

    said: Said


@dataclass(frozen=True)
class Gone:
    """A post that we have was taken back."""

    native_id: str
    author: str
    order: str | None
    occurred_at: datetime


Step = Received | Changed | Gone


@dataclass
class Outcome:
    """What a batch comes to, in its order; `repeats` are native ids that were delivered before."""

    steps: list[Step] = field(default_factory=list[Step])
    repeats: list[str] = field(default_factory=list[str])
    unreadable: list[Unreadable] = field(default_factory=list[Unreadable])


def follow(had: Iterable[Kept], changes: Sequence[Change]) -> Outcome:
    """Takes the changes one after another. What was taken before, however often it comes again, makes no step."""
    posts = {kept.native_id: kept for kept in had}
    outcome = Outcome()
    for change in changes:
        match change:
            case Unreadable():
                outcome.unreadable.append(change)
            case TakenBack():
                _take_back(posts, change, outcome)
            case Said():
                _say(posts, change, outcome)
            case Edited() if change.said.native_id in posts or change.concerns_us:
                _say(posts, change.said, outcome)
            case Edited():
                pass
    return outcome


def _say(posts: dict[str, Kept], said: Said, outcome: Outcome) -> None:
    kept = posts.get(said.native_id)
    if kept is not None and not _is_news(kept, said):
        outcome.repeats.append(said.native_id)
        return
    outcome.steps.append(Received(said) if kept is None else Changed(said))
    posts[said.native_id] = Kept(said.native_id, said.author, said.revision, said.order, gone=False)


def _is_news(kept: Kept, said: Said) -> bool:
    if said.order is not None and kept.order is not None and said.order <= kept.order:
        return False
    return said.revision != kept.revision or (kept.gone and said.order is not None)


def _take_back(posts: dict[str, Kept], change: TakenBack, outcome: Outcome) -> None:
    for kept in list(posts.values()):
        if kept.gone or kept.author != change.author or change.native_id not in {None, kept.native_id}:
            continue
        if change.order is not None and kept.order is not None and change.order <= kept.order:
            continue
        order = change.order or kept.order
        outcome.steps.append(Gone(kept.native_id, kept.author, order, change.occurred_at))
        posts[kept.native_id] = replace(kept, order=order, gone=True)
