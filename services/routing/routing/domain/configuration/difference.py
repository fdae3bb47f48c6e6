"""The difference between two configurations as sentences for people. It walks both, so it covers every setting.

Items that have a name (queues, rules, agents) are matched by it; items without a name are matched by their place.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TypeGuard

from pydantic import BaseModel

from antiphon.organisation.period import Period, shown_moment
from antiphon.organisation.person import Absence, DepartmentMembership, QueueMembership, Scope
from antiphon.organisation.section import shown
from routing.domain.configuration.document import Configuration

# What an item of a section is called, where the section's name without its `s` is wrong.
_CALLED = {
    "sla_policies": "SLA policy {name}",
    "people": "person {name}",
    "email": "mail address {name}",
    "social": "social account {name}",
}
# Fields that the sentences leave out.
_LEFT_OUT = {"then"}
_FIELD_WORDS = {"when": "condition", "since": "from"}
_IDENTITY = ("id", "address", "handle", "name")
_LONGEST = 200


def differences(before: Configuration, after: Configuration) -> list[str]:
    """Returns one sentence for each change from `before` to `after`, in the order of the sections; none when both mean the same."""
    found: list[str] = []
    for field in type(before).model_fields:
        found += _section(field, getattr(before, field), getattr(after, field))
    first, then = before.fallback, after.fallback
    if first != then and before.fallback_queue == after.fallback_queue:
        found.append(f"first queue, where what no rule catches waits: {first} → {then}")
    return found


def _section(field: str, before: object, after: object) -> Iterable[str]:
    if isinstance(before, BaseModel) and isinstance(after, BaseModel) and type(before) is type(after):
        for part in type(before).model_fields:
            old, new = getattr(before, part), getattr(after, part)
            if _named(old, new) is not None:
                yield from _section(part, old, new)
            else:
                yield from _value(f"{_words(field)}: ", _words(part), old, new)
        return
    named = _named(before, after)
    if named is None:
        yield from _value("", _words(field), before, after)
        return
    yield from _items(field, *named, ordered=isinstance(before, list))


def _items(
    field: str, before: Mapping[str, object], after: Mapping[str, object], *, ordered: bool
) -> Iterable[str]:
    renamed = dict(_renamed(before, after))
    for name, old in before.items():
        if name in renamed:
            yield f"{_one(field, name)} is now called {renamed[name]!r}"
        elif name not in after:
            yield f"{_one(field, name)} removed"
        else:
            yield from _value(f"{_one(field, name)}: ", "", old, after[name])
    arrived = set(renamed.values())
    for place, (name, new) in enumerate(after.items(), 1):
        if name not in before and name not in arrived:
            where = f" as {_ordinal(place)}" if ordered else ""
            value = f" ({_short(new)})" if isinstance(new, str) else ""
            yield f"{_one(field, name)} added{where}{value}"
    if ordered:
        yield from _moves(field, [renamed.get(name, name) for name in before], list(after))


def _renamed(before: Mapping[str, object], after: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    """Yields the old and the new name of items that changed only their name."""
    new = {name: _nameless(item) for name, item in after.items() if name not in before}
    for name, item in before.items():
        if name in after or not isinstance(item, BaseModel) or "name" not in type(item).model_fields:
            continue
        if getattr(item, "name", None) != name:
            continue  # its key is not its name
        same = next((other for other, rest in new.items() if rest == _nameless(item)), None)
        if same is not None:
            del new[same]
            yield name, same


def _nameless(item: object) -> object:
    return item.model_copy(update={"name": ""}) if isinstance(item, BaseModel) else item


def _moves(field: str, before: Sequence[str], after: Sequence[str]) -> Iterable[str]:
    """Yields the fewest moves that turn one order into the other."""
    was = {name: place for place, name in enumerate(before)}
    common = [name for name in after if name in was]
    stay = _longest_rise([was[name] for name in common])
    for name in common:
        if was[name] not in stay:
            here = _ordinal(after.index(name) + 1)
            yield f"{_one(field, name)} moved from {_ordinal(was[name] + 1)} to {here}"


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """Returns a longest increasing subsequence of distinct numbers. Source: patience sorting (Schensted 1961)."""
    tops: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        place = bisect_left(tops, number)
        before[number] = tops[place - 1] if place else None
        tops[place : place + 1] = [number]
    rise: set[int] = set()
    at: int | None = tops[-1] if tops else None
    while at is not None:
        rise.add(at)
        at = before[at]
    return rise


def _value(subject: str, words: str, before: object, after: object) -> Iterable[str]:
    """Yields the changes of one value. `subject` comes first in the sentence; `words` name the value within it."""
    if before == after:
        return
    if isinstance(before, BaseModel) and isinstance(after, BaseModel) and type(before) is type(after):
        for part in type(before).model_fields:
            further = words if part in _LEFT_OUT else f"{words} {_words(part)}".strip()
            yield from _value(subject, further, getattr(before, part), getattr(after, part))
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _mapping(subject, words, before, after)
    elif (named := _named(before, after)) is not None:
        old, new = named
        yield from _mapping(subject, words, old, new)
        yield from (f"{subject}{move}" for move in _moves(words, list(old), list(new)))
    elif _listed(before) and _listed(after):
        yield from _list(subject, words, before, after)
    else:
        yield f"{subject}{words} {_short(before)} → {_short(after)}".replace("  ", " ")


def _mapping(
    subject: str, words: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterable[str]:
    one = _singular(words)
    for key, old in before.items():
        if key not in after:
            yield f"{subject}{one} {key} removed"
        else:
            yield from _value(subject, f"{one} {key}", old, after[key])
    for key, new in after.items():
        if key not in before:
            yield f"{subject}{one} {key} {_short(new)} added".replace("  ", " ")


def _list(subject: str, words: str, before: Sequence[object], after: Sequence[object]) -> Iterable[str]:
    if any(isinstance(item, BaseModel) and not isinstance(item, Period) for item in (*before, *after)):
        one = _singular(words)
        for place in range(max(len(before), len(after))):
            if place >= len(before):
                yield f"{subject}{_ordinal(place + 1)} {one} added: {_short(after[place])}"
            elif place >= len(after):
                yield f"{subject}{_ordinal(place + 1)} {one} removed: {_short(before[place])}"
            else:
                yield from _value(subject, f"{_ordinal(place + 1)} {one}", before[place], after[place])
        return
    removed = [_short(item) for item in before if item not in after]
    added = [_short(item) for item in after if item not in before]
    if not removed and not added:  # the same items in another order, or repeated
        yield f"{subject}{words} {_short(before)} → {_short(after)}"
    if removed:
        yield f"{subject}{words} without {', '.join(removed)}"
    if added:
        yield f"{subject}{words} also {', '.join(added)}"


def _named(before: object, after: object) -> tuple[dict[str, object], dict[str, object]] | None:
    """Returns the items of both by name; None when the values differ in kind or an item has no unique name."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before, after
    if not _listed(before) or not _listed(after):
        return None
    everything = [*before, *after]
    for identity in _IDENTITY:
        names = [getattr(item, identity, None) for item in everything if isinstance(item, BaseModel)]
        if names and len(names) == len(everything) and all(isinstance(name, str) for name in names):
            old = {getattr(item, identity): item for item in before}
            new = {getattr(item, identity): item for item in after}
            if len(old) == len(before) and len(new) == len(after):
                return old, new
    return None


def _listed(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _one(field: str, name: Hashable) -> str:
    if field in _CALLED:
        return _CALLED[field].format(name=name)
    return f"{_singular(_words(field))} {name!r}"


def _singular(words: str) -> str:
    return words if words.endswith("hours") else words.removesuffix("s")


def _words(field: str) -> str:
    return _FIELD_WORDS.get(field, field.replace("_", " "))


def _short(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _text(value: object) -> str:  # noqa: PLR0911 - one kind of value a line
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, timedelta):
        return shown(value)
    if isinstance(value, str):
        return value if value and " " not in value else repr(value)
    if isinstance(value, date):
        return shown_moment(value)
    if isinstance(value, Absence | DepartmentMembership | QueueMembership | Scope):
        return value.in_words()
    if isinstance(value, BaseModel):
        return ", ".join(f"{_words(name)} {_text(getattr(value, name))}" for name in type(value).model_fields)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items()) or "nothing"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_text(part) for part in value) or "nothing"
    return str(value)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
