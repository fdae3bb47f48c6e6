"""Which rules can ever decide: told before a rule set is active, by a solver (Z3, the optional extra `checks`).

A complaint is never false: that a rule can't match is proved for every item there can be, and that an item is caught by
no rule is shown by one, on which the rules were tried. What the solver does not settle within its bounds is said to be
not decided.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from typing import Any, NamedTuple

from antiphon.contracts.cases import CaseStatus
from antiphon.contracts.identified import Tone
from antiphon.contracts.interactions import Channel, Visibility
from antiphon.organisation.document import Document
from routing.domain.configuration.rule import Rule
from routing.domain.rules.conditions import VARIABLES, Condition, Context, decide
from routing.domain.rules.formulas import Formulas
from routing.domain.rules.syntax import tree

# The solver's steps, about a million a second: for one question, and for all about one rule set.
STEPS = 2_000_000
ALL_STEPS = 20_000_000
# Should steps be slow: milliseconds for one question.
LONGEST = 5_000
MEMORY_MB = 500

# What items mostly say, for examples that people can picture; what is not here is mostly absent.
_LIKELY: Mapping[str, Sequence[str | int]] = {
    "interaction.channel": [channel.value for channel in Channel],
    "interaction.visibility": [Visibility.PRIVATE.value, Visibility.PUBLIC.value],
    "interaction.tone": [tone.value for tone in Tone],
    "customer.interactions": [1, 2],
    "case.status": [status.value for status in CaseStatus],
    "case.interactions": [1, 2],
}
_ABSENT: Mapping[type, Any] = {str: "", int: 0, bool: False, list: []}


class Kind(StrEnum):
    """What is wrong with a rule or with all of them."""

    CONTRADICTION = "contradiction"
    NEVER_MATCHES = "never-matches"
    ALWAYS_TRUE = "always-true"
    NO_RULE_CATCHES = "no-rule-catches"
    NOT_DECIDED = "not-decided"
    NOT_CHECKED = "not-checked"


class Asked(NamedTuple):
    """A rule as it is asked: its condition, whether the rules after it are asked too, and whether it names a queue."""

    name: str
    condition: Condition
    goes_on: bool = False
    catches: bool = True


class Complaint(NamedTuple):
    """What is wrong, with the rule at this place (from 0) or, without a place, with all of them."""

    kind: Kind
    place: int | None
    message: str


def complaints(rules: Sequence[Asked]) -> list[Complaint]:
    """What can never match, is always true, or is caught by no rule; by the rules' order."""
    try:
        solver = import_module("z3")
    except ImportError:
        return [Complaint(Kind.NOT_CHECKED, None, "reachability was not checked: install routing[checks]")]
    return list(_Inquiry(solver, rules).complaints())


class _Inquiry:
    """Questions to the solver about one rule set. `takes` and `misses` are assumptions: that a rule is true, or is not."""

    def __init__(self, z3: Any, rules: Sequence[Asked]) -> None:
        self.z3 = z3
        self.rules = rules
        asked = {m.identifier: m for rule in rules for m in rule.condition.mentions}
        self.kinds = {**VARIABLES, **{name: mention.kind for name, mention in asked.items()}}
        self.said = {name: mention.variable for name, mention in asked.items()}
        self.formulas = Formulas(z3, self.kinds)
        context = self.formulas.context
        z3.set_param("memory_max_size", MEMORY_MB)
        self.solver = z3.Solver(ctx=context)
        self.solver.set(rlimit=STEPS, timeout=LONGEST)
        self.solver.set("core.minimize", True)
        self.takes = [z3.Bool(f"takes {place}", context) for place in range(len(rules))]
        self.misses = [z3.Bool(f"misses {place}", context) for place in range(len(rules))]
        for rule, takes, misses in zip(rules, self.takes, self.misses, strict=True):
            true = self.formulas.meaning(tree(rule.condition.serialized())).true
            self.solver.add(z3.Implies(takes, true), z3.Implies(misses, z3.Not(true)))
        self.likely: list[tuple[str, Any]] = []
        for name in sorted(self.formulas.variables):
            for value in dict.fromkeys([*_LIKELY.get(name, ()), _ABSENT[self.kinds[name]]]):
                says = z3.FreshBool("says", context)
                self.solver.add(z3.Implies(says, self.formulas.is_value(name, value)))
                self.likely.append((name, says))
        counts = [name for name in asked if self.kinds[name] is int and name in self.formulas.variables]
        self.solver.add(*(self.formulas.variables[name] >= 0 for name in counts))
        self.solver.add(*self.formulas.known())

    def complaints(self) -> Iterator[Complaint]:
        """All of them."""
        last = len(self.rules) - 1
        for place, rule in enumerate(self.rules):
            if self._steps() > ALL_STEPS:
                told = "from this rule on nothing was decided: the time for all rules is over"
                yield Complaint(Kind.NOT_DECIDED, place, told)
                return
            if (never := self._never(place)) is not None:
                yield never
            elif place < last and not rule.goes_on and not (missed := self._ask(self.misses[place])):
                if missed is None:
                    yield Complaint(Kind.NOT_DECIDED, place, "whether it is always true was not decided")
                    continue
                after = (
                    "the rule after it is" if last - place == 1 else f"the {last - place} rules after it are"
                )
                yield Complaint(Kind.ALWAYS_TRUE, place, f"is always true: {after} never asked")
        yield from self._gap()

    def _stopping(self, places: Iterable[int]) -> list[int]:
        return [place for place in places if not self.rules[place].goes_on]

    def _ask(self, *assumed: Any) -> bool | None:
        """Whether there may be an item of which this holds; None when that was not decided."""
        z3 = self.z3
        try:
            answer = self.solver.check(*assumed)
        except z3.Z3Exception:  # out of memory
            return None
        return None if answer == z3.unknown else answer == z3.sat

    def _steps(self) -> int:
        known = self.solver.statistics()
        return known.get_key_value("rlimit count") if "rlimit count" in known.keys() else 0  # noqa: SIM118

    def _never(self, place: int) -> Complaint | None:
        earlier = self._stopping(range(place))
        found = self._ask(self.takes[place], *(self.misses[other] for other in earlier))
        if found is None:
            return Complaint(Kind.NOT_DECIDED, place, "whether it can ever match was not decided")
        if found:
            return None
        core = {str(assumed) for assumed in self.solver.unsat_core()}
        catching = [other for other in earlier if str(self.misses[other]) in core]
        if not catching or self._ask(self.takes[place]) is False:
            return Complaint(Kind.CONTRADICTION, place, "can never be true: its condition contradicts itself")
        names = _listed([repr(self.rules[other].name) for other in catching])
        catch = "catches" if len(catching) == 1 else "catch"
        return Complaint(
            Kind.NEVER_MATCHES, place, f"can never match: {names} before it {catch} all that it would"
        )

    def _gap(self) -> Iterator[Complaint]:
        catching = [place for place, rule in enumerate(self.rules) if rule.catches]
        missed = [self.misses[place] for place in catching]
        found = self._ask(*missed)
        example = self._example(missed) if found else None
        if example is not None:
            rules = [(self.rules[place].name, self.rules[place].condition) for place in catching]
            place, _ = decide(rules, _ordinary() | example)
            if place is None:
                item = _listed([_words(name, value) for name, value in example.items()])
                told = f"an item with {item}" if item else "any item"
                yield Complaint(Kind.NO_RULE_CATCHES, None, f"no rule catches {told}")
                return
        if found is not False:
            told = "whether there are items that no rule catches was not decided"
            yield Complaint(Kind.NOT_DECIDED, None, told)

    def _example(self, missed: Sequence[Any]) -> Context | None:
        """Values of the variables that the rules ask about, likely ones where they do: perhaps an item of which `missed` holds."""
        assumed = list(missed)
        settled: set[str] = set()
        for name, says in self.likely:
            if name not in settled and self._ask(*assumed, says):
                assumed.append(says)
                settled.add(name)
        for has in self.formulas.parts.values():
            if self._ask(*assumed, self.z3.Not(has)):
                assumed.append(self.z3.Not(has))
        if not self._ask(*assumed):
            return None
        found = self.formulas.values(self.solver.model())
        return {self.said.get(name, name): value for name, value in found.items()}


def _ordinary() -> Context:
    return {name: _LIKELY[name][0] if name in _LIKELY else _ABSENT[kind] for name, kind in VARIABLES.items()}


def _words(name: str, value: str | int | list[str]) -> str:
    if value in ("", []):
        return f"no {name}"
    values = value if isinstance(value, list) else [value]
    return f"{name} " + ", ".join(f'"{v}"' if isinstance(v, str) else str(v).lower() for v in values)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _asked(rule: Rule) -> Asked:
    return Asked(rule.name, Condition(rule.when), rule.go_on, rule.then.queue is not None)


class RuleWarning(NamedTuple):
    """A complaint about a rule, or about all of them (`rule` is None), with its line and column from 1."""

    rule: str | None
    kind: Kind
    message: str
    line: int
    column: int


def warnings(document: Document, rules: Sequence[Rule]) -> list[RuleWarning]:
    """What is odd about rules that can be used, each at its condition; what concerns all of them at their section."""
    found: list[RuleWarning] = []
    for kind, place, message in complaints([_asked(rule) for rule in rules]):
        rule = None if place is None else rules[place].name
        at = document.position(("rules",) if place is None else ("rules", place, "when"))
        found.append(RuleWarning(rule, kind, message, *at))
    return found
