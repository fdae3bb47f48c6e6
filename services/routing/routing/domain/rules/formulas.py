"""Conditions as formulas of the solver Z3, which can then decide whether any context could match.

A condition is true, false or an error, so it has two formulas: when it is true, and when it is false. Every possible context
is a model of them. An expression without a formula may be true, false or an error, the same everywhere it occurs. So a
formula without a model never holds; one with a model may hold or not.

A text is an opaque value, equal or not to each text that a condition spells out. That it begins with, ends with or contains
another text is a Boolean variable, and `axioms` relates these. The solver's theory of strings is not used: it takes minutes.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import permutations
from typing import Any, NamedTuple

from routing.domain.rules.syntax import Call, Items, Literal, Loop, Name, Tree

_ORDER = {"_<_", "_<=_", "_>_", "_>=_"}
_TESTS = {"startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__}
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
# With more parts of a text, their relations are left out: the solver then proves less, and nothing false.
_MOST_PARTS = 500


class Meaning(NamedTuple):
    """The formulas of when a condition is true and when it is false; otherwise it is an error."""

    true: Any
    false: Any


class Part(NamedTuple):
    """The test that a text, named by its variable, `startsWith`, `endsWith` or `contains` another, or that a list `has` it."""

    variable: str
    test: str
    text: str


class _NotUnderstoodError(Exception):
    """An expression for which there is no formula."""


class Formulas:
    """Formulas over variables of these kinds (`str`, `int`, `bool`, `list` of texts), created when a condition uses them.

    `solver` is the module `z3`.
    """

    def __init__(self, solver: Any, kinds: Mapping[str, type]) -> None:
        self.z3 = solver
        self.kinds = kinds
        self.context: Any = solver.Context()
        self.variables: dict[str, Any] = {}
        self.sizes: dict[str, Any] = {}
        self.parts: dict[Part, Any] = {}
        self._a_text = solver.DeclareSort("text", self.context)
        self._texts: dict[str, Any] = {}
        self._compared: dict[str, dict[str, Any]] = {}
        self._free: dict[Tree, Meaning] = {}

    def meaning(self, tree: Tree) -> Meaning:  # noqa: PLR0911 - a case each
        """Returns the formulas of a condition."""
        z3 = self.z3
        match tree:
            case Literal("bool", value):
                return Meaning(self._truth(bool(value)), self._truth(not value))
            case Call("_&&_", (left, right)):
                a, b = self.meaning(left), self.meaning(right)
                return Meaning(z3.And(a.true, b.true), z3.Or(a.false, b.false))
            case Call("_||_", (left, right)):
                a, b = self.meaning(left), self.meaning(right)
                return Meaning(z3.Or(a.true, b.true), z3.And(a.false, b.false))
            case Call("!_", (one,)):
                a = self.meaning(one)
                return Meaning(a.false, a.true)
            case Call("_?_:_", (asked, left, right)):
                q, a, b = (self.meaning(part) for part in (asked, left, right))
                return Meaning(
                    z3.Or(z3.And(q.true, a.true), z3.And(q.false, b.true)),
                    z3.Or(z3.And(q.true, a.false), z3.And(q.false, b.false)),
                )
            case _:
                try:
                    return self._atom(tree)
                except _NotUnderstoodError:
                    return self._anything(tree)

    def _anything(self, tree: Tree) -> Meaning:
        if tree not in self._free:
            z3, number = self.z3, len(self._free)
            errs, holds = (z3.Bool(f"{what} {number}", self.context) for what in ("errs", "holds"))
            self._free[tree] = Meaning(z3.And(z3.Not(errs), holds), z3.And(z3.Not(errs), z3.Not(holds)))
        return self._free[tree]

    def _atom(self, tree: Tree) -> Meaning:  # noqa: PLR0911 - a case each
        match tree:
            case Name(name) if self.kinds.get(name) is bool:
                return self._either(self._variable(name))
            case Call("_==_", (left, right)):
                return self._equal(left, right)
            case Call("_!=_", (left, right)):
                same = self._equal(left, right)
                return Meaning(same.false, same.true)
            case Call(order, (left, right)) if order in _ORDER:
                a, b = self._number(left), self._number(right)
                return self._either({"_<_": a < b, "_<=_": a <= b, "_>_": a > b, "_>=_": a >= b}[order])
            case Call(test, (Name(name), Literal("string", str(text)))) if test in _TESTS:
                return self._either(self._part(str, name, test, text))
            case Call("@in", (item, Items(items))):
                return self._either(self._any([self._same(item, other) for other in items]))
            case Call("@in", (Literal("string", str(text)), Name(name))):
                return self._either(self._part(list, name, "has", text))
            case Loop(
                item,
                Name(name),
                so_far,
                Literal("bool", False),
                _,
                Call("_||_", (Name(last), asked)),
                Name(end),
            ):
                if last == end == so_far:
                    return self._either(
                        self._any([self._part(list, name, "has", text) for text in _texts(asked, item)])
                    )
                raise _NotUnderstoodError
            case _:
                raise _NotUnderstoodError

    def _same(self, left: Tree, right: Tree) -> Any:
        match left, right:
            case (Name(name), Literal("string", str(text))) | (Literal("string", str(text)), Name(name)):
                self._compared.setdefault(name, {})[text] = self._text(Literal("string", text))
            case _:
                pass
        try:
            return self._text(left) == self._text(right)
        except _NotUnderstoodError:
            return self._number(left) == self._number(right)

    def is_value(self, name: str, value: str | int | bool) -> Any:
        """Returns the formula that a variable has this value."""
        kind = {str: "string", int: "int", bool: "bool"}[type(value)]
        return self.meaning(Call("_==_", (Name(name), Literal(kind, value)))).true

    def _equal(self, left: Tree, right: Tree) -> Meaning:
        # Booleans are compared when one of them is simple; the other may be any expression, also one with an error.
        if not any(self._is_truth(side) for side in (left, right)):
            return self._either(self._same(left, right))
        a, b = self.meaning(left), self.meaning(right)
        z3 = self.z3
        return Meaning(
            z3.Or(z3.And(a.true, b.true), z3.And(a.false, b.false)),
            z3.Or(z3.And(a.true, b.false), z3.And(a.false, b.true)),
        )

    def _is_truth(self, tree: Tree) -> bool:
        match tree:
            case Literal("bool", _):
                return True
            case Name(name):
                return self.kinds.get(name) is bool
            case _:
                return False

    def _text(self, tree: Tree) -> Any:
        match tree:
            case Literal("string", str(text)):
                return self._texts.setdefault(text, self.z3.Const(f"text {len(self._texts)}", self._a_text))
            case Name(name) if self.kinds.get(name) is str:
                return self._variable(name)
            case _:
                raise _NotUnderstoodError

    def _number(self, tree: Tree) -> Any:
        match tree:
            case Literal("int", int(number)):
                return self.z3.IntVal(number, self.context)
            case Name(name) if self.kinds.get(name) is int:
                return self._variable(name)
            case Call("size", (Name(name),)) if self.kinds.get(name) is str:
                self._variable(name)
                return self.sizes.setdefault(name, self.z3.Int(f"size of {name}", self.context))
            case _:
                raise _NotUnderstoodError

    def _variable(self, name: str) -> Any:
        if name not in self.variables:
            sorts = {
                str: self._a_text,
                int: self.z3.IntSort(self.context),
                bool: self.z3.BoolSort(self.context),
            }
            self.variables[name] = self.z3.Const(name, sorts[self.kinds[name]])
        return self.variables[name]

    def _part(self, kind: type, name: str, test: str, text: str) -> Any:
        if self.kinds.get(name) is not kind:
            raise _NotUnderstoodError
        if kind is str:
            self._variable(name)
        return self.parts.setdefault(
            Part(name, test, text), self.z3.Bool(f"part {len(self.parts)}", self.context)
        )

    def axioms(self) -> Iterator[Any]:
        """Yields formulas that hold in every context, over the variables used so far."""
        z3 = self.z3
        if len(self._texts) > 1:
            yield z3.Distinct(*self._texts.values())
        for name, variable in self.variables.items():
            if self.kinds[name] is int:
                yield z3.And(variable >= _SMALLEST, variable <= _LARGEST)
            elif self.kinds[name] is str:
                yield from self._axioms_of_text(name, [part for part in self.parts if part.variable == name])

    def _axioms_of_text(self, name: str, parts: list[Part]) -> Iterator[Any]:
        z3, variable = self.z3, self.variables[name]
        if name in self.sizes:
            yield from self._axioms_of_size(name, parts)
        for text, constant in self._compared.get(name, {}).items():
            for part in parts:
                has = self.parts[part]
                same = has if _TESTS[part.test](text, part.text) else z3.Not(has)
                yield z3.Implies(variable == constant, same)
        yield from (self.parts[part] for part in parts if not part.text)
        for one, other in permutations(parts if len(parts) <= _MOST_PARTS else (), 2):
            if _TESTS[other.test](one.text, other.text) and other.test in {one.test, "contains"}:
                yield z3.Implies(self.parts[one], self.parts[other])
            elif one.test == other.test != "contains" and not _TESTS[one.test](other.text, one.text):
                yield z3.Not(z3.And(self.parts[one], self.parts[other]))

    def _axioms_of_size(self, name: str, parts: list[Part]) -> Iterator[Any]:
        z3, variable, size = self.z3, self.variables[name], self.sizes[name]
        compared = self._compared.get(name, {})
        yield size >= 0
        for text, constant in compared.items():
            yield z3.Implies(variable == constant, size == len(text))
            whole = [self.parts[part] for part in parts if part.text == text]
            if whole or not text:
                is_whole = z3.Or(*whole) if text else self._truth(True)
                yield z3.Implies(z3.And(is_whole, size == len(text)), variable == constant)
        for part in parts:
            yield z3.Implies(self.parts[part], size >= len(part.text))

    def values(self, model: Any) -> dict[str, Any]:
        """Returns values of the variables by a model of the solver; for texts and lists, one of many possible."""

        def holds(formula: Any) -> bool:
            return self.z3.is_true(model.eval(formula, model_completion=True))

        found: dict[str, Any] = {
            part.variable: [] for part in self.parts if self.kinds[part.variable] is list
        }
        for part, has in self.parts.items():
            if part.test == "has" and holds(has):
                found[part.variable].append(part.text)
        for name, variable in self.variables.items():
            if self.kinds[name] is str:
                compared = self._compared.get(name, {})
                same = [text for text, constant in compared.items() if holds(variable == constant)]
                parts = [p for p, has in self.parts.items() if p.variable == name and holds(has)]
                size = model.eval(self.sizes[name]).as_long() if name in self.sizes else 0
                found[name] = same[0] if same else _text_of(parts, size, compared)
            elif self.kinds[name] is int:
                found[name] = model.eval(variable, model_completion=True).as_long()
            else:
                found[name] = holds(variable)
        return dict(sorted(found.items()))

    def _either(self, formula: Any) -> Meaning:
        return Meaning(formula, self.z3.Not(formula))

    def _any(self, formulas: list[Any]) -> Any:
        return self.z3.Or(*formulas) if formulas else self._truth(False)

    def _truth(self, value: bool) -> Any:
        return self.z3.BoolVal(value, self.context)


def _text_of(parts: list[Part], size: int, others: Collection[str]) -> str:
    """Returns a text with these parts, if possible of this size, that is none of the others."""
    begin, end = (
        max((part.text for part in parts if part.test == test), key=len, default="")
        for test in ("startsWith", "endsWith")
    )
    middle = [part.text for part in parts if part.test == "contains" and part.text not in f"{begin} {end}"]
    found = " ".join(text for text in (begin, *middle, end) if text)
    fill = "." * (size - len(found)) or ("" if found and found not in others else "other")
    while begin + fill + found[len(begin) :] in others:
        fill += "."
    return begin + fill + found[len(begin) :]


def _texts(asked: Tree, item: str) -> list[str]:
    """Returns the texts that `asked` compares the item of a loop with.

    It must consist of `item == "…"` and `item in ["…"]`, joined by or; else raises _NotUnderstoodError.
    """
    match asked:
        case Call("_||_", (left, right)):
            return [*_texts(left, item), *_texts(right, item)]
        case Call("_==_", (Name(name), Literal("string", str(text)))) if name == item:
            return [text]
        case Call("_==_", (Literal("string", str(text)), Name(name))) if name == item:
            return [text]
        case Call("@in", (Name(name), Items(items))) if name == item:
            texts = [literal.value for literal in items if isinstance(literal, Literal)]
            if len(texts) == len(items) and all(isinstance(text, str) for text in texts):
                return [str(text) for text in texts]
            raise _NotUnderstoodError
        case _:
            raise _NotUnderstoodError
