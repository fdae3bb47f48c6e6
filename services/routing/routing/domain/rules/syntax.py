"""A compiled condition as a syntax tree without positions, so that equal expressions are equal values.

Source of the format: `cel/expr/checked.proto` and `syntax.proto` of the Common Expression Language, in the wire format
of Protocol Buffers. It reads only output of this process's own compiler, so it trusts its form and skips unknown fields.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

Scalar: TypeAlias = bool | int | float | str | bytes | None


class Literal(NamedTuple):
    """A literal value; `kind` is `null`, `bool`, `int`, `uint`, `double`, `string` or `bytes`."""

    kind: str
    value: Scalar


class Name(NamedTuple):
    """A variable, with its dots; inside a loop it may be a variable of the loop."""

    name: str


class Call(NamedTuple):
    """A call of a function or operator; the first argument of a method is the object it is called on."""

    function: str
    arguments: tuple["Tree", ...]


class Items(NamedTuple):
    """A list literal."""

    items: tuple["Tree", ...]


class Loop(NamedTuple):
    """A macro over a list: its start value, its step for each item, its condition to go on, and its result."""

    item: str
    over: "Tree"
    so_far: str
    start: "Tree"
    goes_on: "Tree"
    step: "Tree"
    result: "Tree"


class Other(NamedTuple):
    """Any other expression; it differs from another by its parts."""

    what: str
    parts: tuple["Tree", ...]


Tree: TypeAlias = Literal | Name | Call | Items | Loop | Other
_Fields: TypeAlias = dict[int, list[int | bytes]]

_CONSTANTS = {1: "null", 2: "bool", 3: "int", 4: "uint", 5: "double", 6: "string", 7: "bytes"}


def tree(serialized: bytes) -> Tree:
    """Returns the syntax tree of a compiled expression, which is a serialized `google.protobuf.Any` of `cel.expr.CheckedExpr`."""
    checked = _message(_bytes(_message(serialized), 2))
    names: dict[int, str] = {}
    for entry in checked.get(2, []):
        reference = _message(entry)
        if name := _text(_message(_bytes(reference, 2)), 1):
            names[_int(reference, 1)] = name
    return _Reader(names).expression(_bytes(checked, 4))


def names(expression: Tree) -> Iterator[str]:
    """Yields the variables of an expression, those of its loops too."""
    if isinstance(expression, Name):
        yield expression.name
        return
    for part in expression:
        for one in part if type(part) is tuple else (part,):
            if isinstance(one, Literal | Name | Call | Items | Loop | Other):
                yield from names(one)


class _Reader:
    """Reads expressions; `names` are the variables that the compiler resolved, by expression id."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names

    def expression(self, data: int | bytes) -> Tree:
        """Returns the tree of an expression."""
        fields = _message(data)
        for kind, read in (
            (3, self._literal), (4, self._name), (5, self._select), (6, self._call), (7, self._items),
            (9, self._loop),
        ):  # fmt: skip
            if kind in fields:
                return read(_int(fields, 2), _message(fields[kind][0]))
        return Other(
            "?", tuple(Literal("bytes", v) for vs in fields.values() for v in vs if not isinstance(v, int))
        )

    def _literal(self, _: int, fields: _Fields) -> Tree:
        for number, kind in _CONSTANTS.items():
            if number in fields:
                value = fields[number][0]
                if kind == "string" and isinstance(value, bytes):
                    return Literal(kind, value.decode())
                if kind == "bool":
                    return Literal(kind, value == 1)
                if kind == "int" and isinstance(value, int):
                    return Literal(kind, value - (1 << 64) if value >> 63 else value)
                return Literal(kind, value)
        return Literal("null", None)

    def _name(self, at: int, fields: _Fields) -> Tree:
        return Name(self.names.get(at) or _text(fields, 1))

    def _select(self, at: int, fields: _Fields) -> Tree:
        if at in self.names:
            return Name(self.names[at])
        tested = "has" if _int(fields, 3) else "field"
        return Other(f"{tested} {_text(fields, 2)}", (self.expression(_bytes(fields, 1)),))

    def _call(self, _: int, fields: _Fields) -> Tree:
        arguments = [*fields.get(1, []), *fields.get(3, [])]
        return Call(_text(fields, 2), tuple(self.expression(argument) for argument in arguments))

    def _items(self, _: int, fields: _Fields) -> Tree:
        if 2 in fields:  # optional items
            return Other("optional items", tuple(self.expression(item) for item in fields.get(1, [])))
        return Items(tuple(self.expression(item) for item in fields.get(1, [])))

    def _loop(self, _: int, fields: _Fields) -> Tree:
        over, *steps = (self.expression(_bytes(fields, number)) for number in (2, 4, 5, 6, 7))
        item = ", ".join(name for number in (1, 8) if (name := _text(fields, number)))
        return Loop(item, over, _text(fields, 3), *steps)


def _message(data: int | bytes) -> _Fields:
    assert isinstance(data, bytes)  # noqa: S101 - written by our own compiler
    fields: _Fields = {}
    for number, value in _fields(data):
        fields.setdefault(number, []).append(value)
    return fields


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _bytes(fields: _Fields, number: int) -> bytes:
    value = fields.get(number, [b""])[0]
    return value if isinstance(value, bytes) else b""


def _text(fields: _Fields, number: int) -> str:
    return _bytes(fields, number).decode()


def _int(fields: _Fields, number: int) -> int:
    value = fields.get(number, [0])[0]
    return value if isinstance(value, int) else 0
