"""What a change of an event's schema does to those who read it, and to events that were written before.

Within a version a type only grows: every event of the released schema must satisfy the new one, and a reader of the
released schema must understand every event of the new one.
"""

from typing import Any

Json = dict[str, Any]

_NARROWER = ("minimum", "maximum", "minLength", "maxLength", "pattern", "format", "minItems", "maxItems")


def breaks(released: Json, new: Json) -> list[str]:
    """Every way in which `new` breaks the promise of `released`, in words; empty when it only grew."""
    return _compare(released, new, released.get("$defs", {}), new.get("$defs", {}), "data", set())


def _compare(old: Json, new: Json, olds: Json, news: Json, at: str, seen: set[tuple[str, str]]) -> list[str]:
    references = (str(old.get("$ref", "")), str(new.get("$ref", "")))
    if references in seen:
        return []
    if any(references):
        seen = seen | {references}
    old, new = _resolved(old, olds), _resolved(new, news)
    found: list[str] = []
    if (types := _types(old, olds)) != (now := _types(new, news)):
        found.append(f"{at}: was {' or '.join(sorted(types))}, is {' or '.join(sorted(now))}")
        return found
    found += [
        f"{at}: {word} was {old.get(word)!r}, is {new.get(word)!r}"
        for word in _NARROWER
        if old.get(word) != new.get(word)
    ]
    found += _fields(old, new, olds, news, at, seen)
    if "items" in old and "items" in new:
        found += _compare(old["items"], new["items"], olds, news, f"{at}[]", seen)
    for branch, other in zip(_objects(old, olds), _objects(new, news), strict=False):
        found += _compare(branch, other, olds, news, at, seen)
    return found


def _fields(old: Json, new: Json, olds: Json, news: Json, at: str, seen: set[tuple[str, str]]) -> list[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    required, now = set(old.get("required", [])), set(new.get("required", []))
    found = [f"{at}.{name}: removed" for name in before if name not in after]
    found += [f"{at}.{name}: new and required: older events lack it" for name in now - set(before)]
    found += [
        f"{at}.{name}: became required: older events may lack it" for name in now & set(before) - required
    ]
    found += [
        f"{at}.{name}: no longer required: readers rely on it" for name in required - now if name in after
    ]
    for name in before:
        if name in after:
            found += _compare(before[name], after[name], olds, news, f"{at}.{name}", seen)
    return found


def _resolved(schema: Json, definitions: Json) -> Json:
    if "$ref" in schema:
        found: Json = definitions[str(schema["$ref"]).rpartition("/")[2]]
        return found
    return schema


def _types(schema: Json, definitions: Json) -> set[str]:
    if "anyOf" in schema:
        return {
            kind for branch in schema["anyOf"] for kind in _types(_resolved(branch, definitions), definitions)
        }
    kind = schema.get("type", "any")
    return set(kind) if isinstance(kind, list) else {str(kind)}


def _objects(schema: Json, definitions: Json) -> list[Json]:
    return [
        branch
        for branch in schema.get("anyOf", [])
        if "object" in _types(_resolved(branch, definitions), definitions)
    ]
