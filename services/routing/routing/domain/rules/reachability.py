"""Reachability: which rules can ever decide. The solver Z3 (the optional extra `checks`) finds out before they become active.

A complaint is never false. That a rule can't match is proved for every possible item. That no rule catches some item is
shown by an example, on which the rules were evaluated. What the solver can't decide within its limits is reported as not
decided.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from typing import Any, NamedTuple

from antiphon.contracts.cases import CaseStatus
from antiphon.contracts.identified import Tone
from antiphon.contracts.interactions import Channel, Visibility
from antiphon.organisation.document import Document
from antiphon.organisation.rule import Rule
from routing.domain.rules.conditions import VARIABLES, Condition, Context, decide
from routing.domain.rules.formulas import Formulas
from routing.domain.rules.syntax import tree

# The most steps of the solver, about a million a second: for one question, and for all questions about one rule set.
STEPS = 2_000_000
ALL_STEPS = 20_000_000
# The most milliseconds for one question, in case steps are slow.
LONGEST = 5_000
MEMORY_MB = 500

# Likely values, for examples that look real; other variables are mostly absent.
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
    """The kinds of complaints about a rule or about all of them."""

    CONTRADICTION = "contradiction"
    NEVER_MATCHES = "never-matches"
    LATER_WORDS_ONLY = "later-words-only"
    ALWAYS_TRUE = "always-true"
    NO_RULE_CATCHES = "no-rule-catches"
    NOT_DECIDED = "not-decided"
    NOT_CHECKED = "not-checked"


class CheckedRule(NamedTuple):
    """A rule to check. `goes_on`: the rules after it are evaluated too; `catches`: it names a queue.

    `first_words_only`: it is not asked about later words, so it catches none of them.
    """

    name: str
    condition: Condition
    goes_on: bool = False
    catches: bool = True
    first_words_only: bool = False


class Complaint(NamedTuple):
    """What is wrong with the rule at this place (from 0) or, without a place, with all of them.

    `hidden_by` are the names of the rules before it that catch all that it would match.
    """

    kind: Kind
    place: int | None
    message: str
    hidden_by: tuple[str, ...] = ()


def complaints(rules: Sequence[CheckedRule]) -> list[Complaint]:
    """Returns, in the rules' order, which rules can never match or always match, and whether no rule catches some item."""
    try:
        solver = import_module("z3")
    except ImportError:
        return [Complaint(Kind.NOT_CHECKED, None, "reachability was not checked: install routing[checks]")]
    return list(_SolverSession(solver, rules).complaints())


class _SolverSession:
    """Questions to the solver about one rule set. `takes` and `misses` are the assumptions that a rule is true, or is not."""

    def __init__(self, z3: Any, rules: Sequence[CheckedRule]) -> None:
        self.z3 = z3
        self.rules = rules
        asked = {m.identifier: m for rule in rules for m in rule.condition.mentions}
        self.kinds = {**VARIABLES, **{name: mention.kind for name, mention in asked.items()}}
        self.written = {name: mention.variable for name, mention in asked.items()}
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
        self.solver.add(*self.formulas.axioms())

    def complaints(self) -> Iterator[Complaint]:
        """Yields all complaints."""
        last = len(self.rules) - 1
        for place in range(len(self.rules)):
            if self._steps() > ALL_STEPS:
                message = "from this rule on nothing was decided: the solver used all steps for this rule set"
                yield Complaint(Kind.NOT_DECIDED, place, message)
                return
            if (never := self._never(place)) is not None:
                yield never
            elif place < last and self._stops(place) and not (missed := self._ask(self.misses[place])):
                if missed is None:
                    yield Complaint(Kind.NOT_DECIDED, place, "whether it is always true was not decided")
                    continue
                after = (
                    "the rule after it is" if last - place == 1 else f"the {last - place} rules after it are"
                )
                yield Complaint(Kind.ALWAYS_TRUE, place, f"is always true: {after} never evaluated")
        yield from self._gap()

    def _stops(self, place: int) -> bool:
        """Whether no rule after it is evaluated when it holds, at first words and at later ones."""
        return not self.rules[place].goes_on and not self.rules[place].first_words_only

    def _ask(self, *assumed: Any) -> bool | None:
        """Whether there may be an item for which this holds; None when the solver did not decide it."""
        z3 = self.z3
        try:
            answer = self.solver.check(*assumed)
        except z3.Z3Exception:  # out of memory
            return None
        return None if answer == z3.unknown else answer == z3.sat

    def _steps(self) -> int:
        statistics = self.solver.statistics()
        return statistics.get_key_value("rlimit count") if "rlimit count" in statistics.keys() else 0  # noqa: SIM118

    def _never(self, place: int) -> Complaint | None:
        of_first = [other for other in range(place) if not self.rules[other].goes_on]
        of_later = [other for other in of_first if self._stops(other)]
        # At later words fewer rules are before it. A rule for first words only is not asked about those.
        earlier = of_first if self.rules[place].first_words_only else of_later
        found = self._ask(self.takes[place], *(self.misses[other] for other in earlier))
        if found and len(earlier) < len(of_first):
            found = self._ask(self.takes[place], *(self.misses[other] for other in of_first))
            if found is False:
                hiding = self._in_core(of_first)
                message = (
                    f"is evaluated for later words only: {_catch(hiding)} all first words that it would match"
                )
                return Complaint(Kind.LATER_WORDS_ONLY, place, message, hiding)
        if found is None:
            return Complaint(Kind.NOT_DECIDED, place, "whether it can ever match was not decided")
        if found:
            return None
        hiding = self._in_core(earlier)
        if not hiding or self._ask(self.takes[place]) is False:
            return Complaint(Kind.CONTRADICTION, place, "can never be true: its condition contradicts itself")
        message = f"can never match: {_catch(hiding)} all items that it would match"
        return Complaint(Kind.NEVER_MATCHES, place, message, hiding)

    def _in_core(self, earlier: Iterable[int]) -> tuple[str, ...]:
        """The names of the rules before one that the solver needed to show that it can't match."""
        core = {str(assumed) for assumed in self.solver.unsat_core()}
        return tuple(self.rules[other].name for other in earlier if str(self.misses[other]) in core)

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
                example_item = f"an item with {item}" if item else "any item"
                yield Complaint(Kind.NO_RULE_CATCHES, None, f"no rule catches {example_item}")
                return
        if found is not False:
            message = "whether there are items that no rule catches was not decided"
            yield Complaint(Kind.NOT_DECIDED, None, message)

    def _example(self, missed: Sequence[Any]) -> Context | None:
        """Returns values of the variables in the rules, likely ones where possible, for which `missed` holds; None: none found."""
        assumed = list(missed)
        assigned: set[str] = set()
        for name, says in self.likely:
            if name not in assigned and self._ask(*assumed, says):
                assumed.append(says)
                assigned.add(name)
        for has in self.formulas.parts.values():
            if self._ask(*assumed, self.z3.Not(has)):
                assumed.append(self.z3.Not(has))
        if not self._ask(*assumed):
            return None
        found = self.formulas.values(self.solver.model())
        return {self.written.get(name, name): value for name, value in found.items()}


def _ordinary() -> Context:
    return {name: _LIKELY[name][0] if name in _LIKELY else _ABSENT[kind] for name, kind in VARIABLES.items()}


def _words(name: str, value: str | int | list[str]) -> str:
    if value in ("", []):
        return f"no {name}"
    values = value if isinstance(value, list) else [value]
    return f"{name} " + ", ".join(f'"{v}"' if isinstance(v, str) else str(v).lower() for v in values)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _catch(rules: Sequence[str]) -> str:
    return f"{_listed([*map(repr, rules)])} before it {'catches' if len(rules) == 1 else 'catch'}"


def _checked(rule: Rule) -> CheckedRule:
    return CheckedRule(
        rule.name, Condition(rule.when), rule.go_on, rule.then.queue is not None, rule.first_words_only
    )


class RuleWarning(NamedTuple):
    """A complaint about a rule, or about all rules (`rule` is None), with its place as a `Fault` has it."""

    rule: str | None
    kind: Kind
    message: str
    line: int
    column: int
    pointer: str
    hidden_by: tuple[str, ...]


def warnings(document: Document, rules: Sequence[Rule]) -> list[RuleWarning]:
    """Returns the complaints about usable rules, each with the place of its condition, or of the section for all rules."""
    found: list[RuleWarning] = []
    for kind, place, message, hidden_by in complaints([_checked(rule) for rule in rules]):
        rule = None if place is None else rules[place].name
        at = document.fault(("rules",) if place is None else ("rules", place, "when"), message)
        found.append(RuleWarning(rule, kind, message, at.line, at.column, at.path, hidden_by))
    return found
