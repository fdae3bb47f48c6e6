"""The ledgers against every record: what the doors took and what agents answered, and where each of it is."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from antiphon.service_names import SERVICES
from tests.faults.found import Found
from tests.load.flow import Flow
from tests.load.traffic import Doors, Ledger

TOKEN = re.compile(rb"m[0-9]{7}x")
TOPICS = ("interactions", "identified-interactions", "cases")
IN_TEXT = "substring({} from 'm[0-9]{{7}}x')"
OPEN_STATES = ("new", "open", "pending")


@dataclass(frozen=True)
class Marks:
    """Where everything stood before a fault."""

    began: datetime
    offsets: Mapping[Any, int]
    entry: int
    dead: Mapping[str, int]

    @classmethod
    async def now(cls, flow: Flow, began: datetime) -> "Marks":
        """As of now."""
        dead = {s: await _newest(flow, s, "dead_letter") for s in SERVICES}
        return cls(began, await flow.marks(), await _newest(flow, "case-mgmt", "case_entry"), dead)


async def _newest(flow: Flow, service: str, table: str) -> int:
    (row,) = await flow.ask(service, f"select coalesce(max(id), 0) as id from {table}")
    newest: int = row["id"]
    return newest


@dataclass
class Words:
    """What customers said: the ledger of the doors, looked up in every record."""

    ledger: Ledger
    found: Found
    customer: dict[str, int] = field(default_factory=dict[str, int])
    place: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        for customer, said in self.ledger.taken.items():
            for place, message in enumerate(said):
                self.customer[message.token] = customer
                self.place[message.token] = place

    def once(self, where: str, tokens: Iterable[str]) -> None:
        """Each word is there, and no more than once."""
        held = Counter(token for token in tokens if token in self.customer)
        lost = [token for token in self.customer if token not in held]
        doubled = [token for token, times in held.items() if times > 1]
        self._count("lost", lost, where)
        self._count("doubled", doubled, where)

    def in_order(self, where: str, lines: Iterable[Sequence[str]]) -> None:
        """Of each customer, within each line, what was said first comes first. A repeat is not looked at here."""
        wrong: list[str] = []
        for line in lines:
            newest: dict[int, int] = {}
            for token in dict.fromkeys(line):
                customer = self.customer.get(token)
                if customer is None:
                    continue
                if self.place[token] < newest.get(customer, -1):
                    wrong.append(token)
                newest[customer] = max(self.place[token], newest.get(customer, -1))
        self._count("out_of_order", wrong, where)

    def of_whom(self, where: str, held: Iterable[tuple[str, object]], whose: Mapping[int, object]) -> None:
        """Each word is its speaker's."""
        wrong = [t for t, customer in held if t in self.customer and whose.get(self.customer[t]) != customer]
        self._count("wrong_customer", wrong, where)

    def _count(self, what: str, tokens: Sequence[str], where: str) -> None:
        if tokens:
            setattr(self.found, what, getattr(self.found, what) + len(tokens))
            self.found.notes.append(f"{len(tokens)} {what} in {where}, e.g. {', '.join(sorted(tokens)[:3])}")


async def compare_words(flow: Flow, doors: Doors, marks: Marks, found: Found) -> list[Any]:
    """Compares what was said with profile, record, queue and log; returns the cases that it is on."""
    words = Words(doors.ledger, found)
    since = marks.began - timedelta(minutes=1)
    spoken = await flow.ask(
        "customer-profile",
        f"select {IN_TEXT.format('text')} as token, customer_id from spoken where accepted_at >= $1",
        since,
    )
    words.once("customer-profile", (row["token"] for row in spoken))
    whose = await _customers(flow, doors)
    same = [c for c, times in Counter(whose.values()).items() if times > 1]
    if same:
        found.wrong_customer += len(same)
        found.notes.append(f"{len(same)} customers are one")
    words.of_whom("customer-profile", ((row["token"], row["customer_id"]) for row in spoken), whose)
    await _profile_counters(flow, doors, whose, found)
    kept = await flow.ask(
        "case-mgmt",
        f"select {IN_TEXT.format('''i.interaction->'content'->>'text' ''')} as token, c.customer_id, c.case_id "
        "from case_interaction i join case_file c using (case_id) where i.accepted_at >= $1",
        since,
    )
    kept = [row for row in kept if row["token"] in words.customer]
    words.once("case-mgmt", (row["token"] for row in kept))
    words.of_whom("case-mgmt", ((row["token"], row["customer_id"]) for row in kept), whose)
    entries = await flow.ask(
        "case-mgmt",
        f"select {IN_TEXT.format('''i.interaction->'content'->>'text' ''')} as token from case_entry e "
        "join case_interaction i on i.interaction_id = (e.data->>'interaction_id')::uuid "
        "where e.id > $1 and e.kind = 'interaction' order by e.id",
        marks.entry,
    )
    words.once("the record", (row["token"] for row in entries))
    words.in_order("the record", [[row["token"] for row in entries]])
    for topic in TOPICS:
        told = first_told(await flow.records(marks.offsets, [topic]))
        words.once(topic, dict.fromkeys(token for line in told for token in line))
        words.in_order(topic, told)
    return list({row["case_id"] for row in kept})


def first_told(records: Sequence[Any]) -> list[list[str]]:
    """The words of each key, in the order in which they came into the log first."""
    first: dict[str, Any] = {}
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        if match := TOKEN.search(record.value or b""):
            token = match[0].decode()
            before = first.get(token)
            # A copy in another partition came later, by the log's own time.
            if before is None or (
                before.partition != record.partition and record.timestamp < before.timestamp
            ):
                first[token] = record
    lines: dict[bytes, list[str]] = defaultdict(list)
    for token, record in sorted(first.items(), key=lambda each: (each[1].partition, each[1].offset)):
        lines[record.key].append(token)
    return list(lines.values())


async def _customers(flow: Flow, doors: Doors) -> dict[int, object]:
    keys = {doors.identifier(customer): customer for customer in doors.ledger.taken}
    rows = await flow.ask(
        "customer-profile", "select key, customer_id from identifier where key = any($1)", list(keys)
    )
    return {keys[row["key"]]: row["customer_id"] for row in rows}


async def _profile_counters(flow: Flow, doors: Doors, whose: Mapping[int, object], found: Found) -> None:
    rows = await flow.ask(
        "customer-profile", "select customer_id, interactions from customer where customer_id = any($1)",
        list(whose.values()),
    )  # fmt: skip
    counted = {row["customer_id"]: row["interactions"] for row in rows}
    for customer, said in doors.ledger.taken.items():
        _counter(found, "a customer", counted.get(whose.get(customer), 0), len(said))


def _counter(found: Found, whose: str, counted: int, said: int) -> None:
    if counted != said:
        found.lost += max(0, said - counted)
        found.doubled += max(0, counted - said)
        found.notes.append(f"the counter of {whose} is {counted}, not {said}")


async def compare_work(flow: Flow, cases: Sequence[Any], marks: Marks, found: Found) -> None:
    """Each case that awaits an answer has one open work item, no other has any; each other one was answered."""
    rows = await flow.ask(
        "case-mgmt",
        "select c.case_id, c.number, c.status, c.interactions, c.awaiting_answer_since is not null as awaits, "
        "(select count(*) from case_interaction i where i.case_id = c.case_id) as held, "
        "(select e.kind from case_entry e where e.case_id = c.case_id and e.kind in ('interaction', "
        "'reply-requested', 'reply-failed') order by e.id desc limit 1) as last "
        "from case_file c where c.case_id = any($1)",
        cases,
    )
    held = await flow.ask(
        "routing",
        "select case_id, count(*) as n from work_item where case_id = any($1) and state <> 'completed' group by 1",
        cases,
    )
    work = {row["case_id"]: row["n"] for row in held}
    for row in rows:
        _counter(found, f"C-{row['number']}", row["interactions"], row["held"])
        items = work.get(row["case_id"], 0)
        awaits = row["awaits"] and row["status"] in OPEN_STATES
        problem = None
        if awaits and not items:
            problem = "awaits an answer and is in no queue"
        elif items and not awaits:
            problem = "is answered and in a queue"
        elif not awaits and row["last"] != "reply-requested":
            problem = f"awaits no answer, but its last entry is {row['last']}"
        if problem:
            found.unanswered += 1
            found.notes.append(f"C-{row['number']} ({row['status']}) {problem}")
    for service in SERVICES:
        (dead,) = await flow.ask(
            service,
            "select count(*) as n, min(reason) as reason from dead_letter where id > $1",
            marks.dead[service],
        )
        if dead["n"]:
            found.dead_letters += dead["n"]
            found.notes.append(f"{dead['n']} dead letters of {service}: {dead['reason']}")
