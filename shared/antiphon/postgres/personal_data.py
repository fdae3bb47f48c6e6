"""Personal data: what each column holds of customers, declared in the `info` of its table, and how its rows are found.

Personal is what a customer said or sent, what identifies or reaches them, what was concluded about them, and what staff
wrote freely about their case; also a digest of it, by which it is recognised. Not personal are states, kinds, numbers,
our own ids, and the names of the organisation's own things: queues, rules, accounts. Names of staff are declared apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    Interval,
    MetaData,
    SmallInteger,
    Table,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

SEARCH = "search"
"""In the place of a path: no row leads to a customer, what identifies them is to be looked for in the column itself."""

_INFO = "personal_data"
# Columns of these types hold no words. Columns of every other type are to be declared, also of one that is not used yet.
_WORDLESS = (BigInteger, Boolean, Date, DateTime, Float, Integer, Interval, SmallInteger, Uuid)


class End(StrEnum):
    """What a path leads to."""

    CUSTOMER = "customer"
    INTERACTION = "interaction"
    RECORD_KEY = "record-key"
    """The key of an event's record, by its topic: the speaker's address, the customer, or the case."""


_ENDS = {
    "customer_id": End.CUSTOMER,
    "other_customer_id": End.CUSTOMER,
    "interaction_id": End.INTERACTION,
    "request.answers": End.INTERACTION,
    "key": End.RECORD_KEY,
}


class PathError(Exception):
    """A declared path does not lead from its table to a customer or an interaction."""


@dataclass(frozen=True)
class Place:
    """A column of a table, or with `part` a text at the top of its JSON."""

    table: str
    column: str
    part: str | None = None


@dataclass(frozen=True)
class Declaration:
    """What the columns of one table hold: `personal` by path, else nothing of a customer; `staff` name people of ours."""

    personal: Mapping[str, str]
    none: frozenset[str]
    staff: frozenset[str]

    @property
    def columns(self) -> frozenset[str]:
        """Every column that is declared."""
        return frozenset({*self.personal, *self.none, *self.staff})


def personal(
    *, by: Mapping[str, Sequence[str]] | None = None, none: Sequence[str] = (), staff: Sequence[str] = ()
) -> dict[str, Declaration]:
    """The `info` of a table: its columns by the path on which their content is found from a customer, and those without.

    A path begins with a column of the table; each step goes to the rows of another table that have the same value in the
    column of the same name, and on to a column of those: `case_id -> case_file.customer_id`. Content that concerns two
    customers has two paths: `customer_id or other_customer_id`. See `places_of`.

    Raises ValueError for a column that is declared twice.
    """
    by = by or {}
    named = [*(column for columns in by.values() for column in columns), *none, *staff]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise ValueError(f"declared twice: {', '.join(twice)}")
    found = {column: path for path, columns in by.items() for column in columns}
    return {_INFO: Declaration(found, frozenset(none), frozenset(staff))}


def declaration_of(table: Table) -> Declaration:
    """What is declared of a table; of one without a declaration, nothing."""
    found: Declaration = table.info.get(_INFO, Declaration({}, frozenset(), frozenset()))
    return found


def undeclared(table: Table) -> list[str]:
    """Columns that may hold words and are not declared."""
    declared = declaration_of(table).columns
    return [column.name for column in table.c if may_hold_words(column) and column.name not in declared]


def gone(table: Table) -> list[str]:
    """Columns that are declared and are not there, or hold no words."""
    there = {column.name for column in table.c if may_hold_words(column)}
    return sorted(declaration_of(table).columns - there)


def may_hold_words(column: Column[object]) -> bool:
    """Whether the type of a column can hold words; so it must be declared."""
    kind: TypeEngine[object] = column.type
    return isinstance(kind, ARRAY) or not isinstance(kind, _WORDLESS)


def ways(declared: str) -> list[str]:
    """The paths that are declared for one column; none for content that is found by search only."""
    return [] if declared == SEARCH else declared.split(" or ")


def places_of(path: str, table: Table) -> list[Place]:
    """The columns that a path leads through, from one of `table` to the one that names a customer or an interaction.

    Raises PathError for a table, column or shared name that is not there, and for a path that ends elsewhere.
    """
    here, found = table, list[Place]()
    for step in path.split(" -> "):
        name, _, rest = step.partition(".") if found else (here.name, ".", step)
        if found:
            here = _next(path, here, found[-1], name)
        column, _, part = rest.partition(".")
        if column not in here.c:
            raise PathError(f"{path!r} of {table.name}: {here.name} has no column {column!r}")
        found.append(Place(here.name, column, part or None))
    end_of(path)
    return found


def _next(path: str, here: Table, last: Place, name: str) -> Table:
    there = here.metadata.tables.get(name)
    if there is None:
        raise PathError(f"{path!r}: there is no table {name!r}")
    if last.part is not None or last.column not in there.c:
        raise PathError(f"{path!r}: {name} has no column {last.column!r}, as {last.table} has")
    return there


def end_of(path: str) -> End:
    """What a path leads to. Raises PathError when that is no customer, interaction or key of a record."""
    last = path.rpartition(" -> ")[2]
    # The first step stands without its table.
    end = last.partition(".")[2] if " -> " in path else last
    if end not in _ENDS:
        raise PathError(f"{path!r} ends at {end!r}, which names no customer and no interaction")
    return _ENDS[end]


def query(path: str, table: Table) -> str:
    """SQL for what the path leads to from rows of `table`, as text: columns `place` (the row's ctid) and `leads_to`.

    Raises PathError as `places_of`.
    """
    first, *others = places_of(path, table)
    joins, at, last = "", "t0", first
    for number, place in enumerate(others, start=1):
        to = f"t{number}"
        joins += f' join "{place.table}" {to} on {to}."{last.column}" = {at}."{last.column}"'
        at, last = to, place
    value = f'{at}."{last.column}"' + (f" ->> '{last.part}'" if last.part else "")
    if last.column == "key":
        value = f"encode({value}, 'escape')" if _is_binary(table) else value
    return f'select cast(t0.ctid as text) as place, cast({value} as text) as leads_to from "{table.name}" t0{joins}'


def _is_binary(table: Table) -> bool:
    return table.c.key.type.python_type is bytes


def document(services: Mapping[str, MetaData], plumbing: MetaData) -> str:
    """`docs/personal-data.md`: what is declared, by service and table. The tables of the plumbing stand once."""
    shared = {*plumbing.tables}
    parts = [_INTRODUCTION, "## In every service", *_tables(plumbing, sorted(shared))]
    for service, of in services.items():
        parts += [f"## {service}", *_tables(of, sorted(set(of.tables) - shared))]
    return "\n\n".join(parts) + "\n"


def _tables(of: MetaData, names: Sequence[str]) -> list[str]:
    lines = ["| table | personal, by | columns | not personal | names staff |", "|---|---|---|---|---|"]
    for name in names:
        table = of.tables[name]
        declared = declaration_of(table)
        if not declared.columns:
            continue
        by_path = {
            path: [c.name for c in table.c if declared.personal.get(c.name) == path]
            for path in dict.fromkeys(
                declared.personal[c.name] for c in table.c if c.name in declared.personal
            )
        }
        rest = [_names(table, declared.none), _names(table, declared.staff)]
        for place, (path, columns) in enumerate(by_path.items() or [("", [])]):
            shown = f"`{path}`" if path else "none"
            listed = ", ".join(f"`{column}`" for column in columns) or "none"
            here = [f"`{name}`", shown, listed, *rest] if place == 0 else ["", shown, listed, "", ""]
            lines.append(f"| {' | '.join(here)} |")
    return ["\n".join(lines)]


def _names(table: Table, chosen: frozenset[str]) -> str:
    return ", ".join(f"`{column.name}`" for column in table.c if column.name in chosen) or "none"


_INTRODUCTION = """\
# Where personal data are

`make personal-data` writes this page from the declarations beside the tables. [A test](../tests/contract/test_personal_data.py)
fails for a column that may hold words and is not declared. [Another](../tests/ledgers/test_personal_data.py) searches every
column of every database for what customers said: each such column is declared, and its path leads to the customer.

Personal is what a customer said or sent, what identifies or reaches them, and what was concluded about them. Personal is also what
staff wrote freely about their case, and a digest of any of these. Not personal are states, kinds, numbers, our own ids, and
the names of the organisation's own things: queues, rules, accounts. Columns of ids, numbers, times and truth values are not
listed. Names of staff are listed apart: they are personal data of staff, and concern no customer. Of the tables of every
service the desktop has `idempotency_key` only.

How rows are found from a customer:

* Begin in `customer-profile`: `identifier` has the customer's addresses, `interaction` their interactions, cases and speaker keys.
* A path begins with a column of the table. `case_id -> case_file.customer_id` is read backwards: the rows of `case_file` with the
  customer's `customer_id`, and of the table all rows with their `case_id`.
* A path that ends at `interaction_id` or `request.answers` (`answers` in the JSON of `request`) begins with the customer's interactions.
* `key` is the key of an event's record. On `interactions` it is the speaker's key, on `identified-interactions` and `customers` the
  customer. On `cases`, `work` and `replies` it is the case, whose customer is in case-mgmt's `case_file`. Records on Kafka
  have the same keys. What others write to a topic may lack the key: search dead letters too.
* Content that concerns two customers, `customer_id or other_customer_id`, is found from both.
* `search` is no path: the content could not be understood, or is about many customers. Search the column itself for what
  identifies the customer."""
