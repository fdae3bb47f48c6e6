"""Checks the customers' ledger: each accepted message is in every service and topic, once, in order, at its customer."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from antiphon.service_names import SERVICES
from tests.faults.result import FaultResult
from tests.load.flow import Flow
from tests.load.traffic import Customers, Ledger

TOKEN = re.compile(rb"m[0-9]{7}x")
TOPICS = ("interactions", "identified-interactions", "cases")
IN_TEXT = "substring({} from 'm[0-9]{{7}}x')"
OPEN_STATES = ("new", "open", "pending")


@dataclass(frozen=True)
class Positions:
    """The newest positions in logs and tables before a fault."""

    began: datetime
    offsets: Mapping[Any, int]
    entry: int
    dead_letters: Mapping[str, int]

    @classmethod
    async def now(cls, flow: Flow, began: datetime) -> "Positions":
        """The positions now."""
        dead_letters = {service: await _last_id(flow, service, "dead_letter") for service in SERVICES}
        entry = await _last_id(flow, "case-mgmt", "case_entry")
        return cls(began, await flow.end_offsets(), entry, dead_letters)


async def _last_id(flow: Flow, service: str, table: str) -> int:
    (row,) = await flow.query(service, f"select coalesce(max(id), 0) as id from {table}")
    last: int = row["id"]
    return last


@dataclass
class MessageCheck:
    """Looks up the messages of a ledger in records, and counts what is wrong in `result`."""

    ledger: Ledger
    result: FaultResult
    customer: dict[str, int] = field(default_factory=dict[str, int])
    place: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        for customer, own in self.ledger.accepted.items():
            for place, message in enumerate(own):
                self.customer[message.token] = customer
                self.place[message.token] = place

    def once(self, where: str, tokens: Iterable[str]) -> None:
        """Each message is among the tokens exactly once."""
        copies = Counter(token for token in tokens if token in self.customer)
        lost = [token for token in self.customer if token not in copies]
        doubled = [token for token, times in copies.items() if times > 1]
        self._count("lost", lost, where)
        self._count("doubled", doubled, where)

    def in_order(self, where: str, lines: Iterable[Sequence[str]]) -> None:
        """Within each line the messages of each customer are in the order in which they were sent. Repeats are ignored."""
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

    def at_customer(
        self, where: str, pairs: Iterable[tuple[str, object]], customer_ids: Mapping[int, object]
    ) -> None:
        """Each token is paired with the id of the customer who sent the message."""
        wrong = [
            token
            for token, customer_id in pairs
            if token in self.customer and customer_ids.get(self.customer[token]) != customer_id
        ]
        self._count("wrong_customer", wrong, where)

    def _count(self, what: str, tokens: Sequence[str], where: str) -> None:
        if tokens:
            setattr(self.result, what, getattr(self.result, what) + len(tokens))
            name = what.replace("_", " ")
            self.result.notes.append(f"{len(tokens)} {name} in {where}, e.g. {', '.join(sorted(tokens)[:3])}")


async def compare_messages(
    flow: Flow, customers: Customers, positions: Positions, result: FaultResult
) -> list[Any]:
    """Compares the ledger with profiles, cases and topics; returns the ids of the cases that have its messages."""
    check = MessageCheck(customers.ledger, result)
    since = positions.began - timedelta(minutes=1)
    interactions = await flow.query(
        "customer-profile",
        f"select {IN_TEXT.format('text')} as token, customer_id from interaction where accepted_at >= $1",
        since,
    )
    check.once("customer-profile", (row["token"] for row in interactions))
    customer_ids = await _customer_ids(flow, customers)
    shared = [c for c, times in Counter(customer_ids.values()).items() if times > 1]
    if shared:
        result.wrong_customer += len(shared)
        result.notes.append(f"{len(shared)} customer ids are of several customers")
    check.at_customer(
        "customer-profile", ((row["token"], row["customer_id"]) for row in interactions), customer_ids
    )
    await _profile_counters(flow, customers, customer_ids, result)
    interactions = await flow.query(
        "case-mgmt",
        f"select {IN_TEXT.format('''i.interaction->'content'->>'text' ''')} as token, c.customer_id, c.case_id "
        "from case_interaction i join case_file c using (case_id) where i.accepted_at >= $1",
        since,
    )
    interactions = [row for row in interactions if row["token"] in check.customer]
    check.once("case-mgmt", (row["token"] for row in interactions))
    check.at_customer("case-mgmt", ((row["token"], row["customer_id"]) for row in interactions), customer_ids)
    entries = await flow.query(
        "case-mgmt",
        f"select {IN_TEXT.format('''i.interaction->'content'->>'text' ''')} as token from case_entry e "
        "join case_interaction i on i.interaction_id = (e.data->>'interaction_id')::uuid "
        "where e.id > $1 and e.kind = 'interaction' order by e.id",
        positions.entry,
    )
    check.once("the record", (row["token"] for row in entries))
    check.in_order("the record", [[row["token"] for row in entries]])
    for topic in TOPICS:
        lines = first_published(await flow.records(positions.offsets, [topic]))
        check.once(topic, dict.fromkeys(token for line in lines for token in line))
        check.in_order(topic, lines)
    return list({row["case_id"] for row in interactions})


def first_published(records: Sequence[Any]) -> list[list[str]]:
    """The tokens of each key, in the order of their first records. Later copies are ignored."""
    first: dict[str, Any] = {}
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        if match := TOKEN.search(record.value or b""):
            token = match[0].decode()
            before = first.get(token)
            # Of copies in two partitions the one with the earlier timestamp of the log came first.
            if before is None or (
                before.partition != record.partition and record.timestamp < before.timestamp
            ):
                first[token] = record
    lines: dict[bytes, list[str]] = defaultdict(list)
    for token, record in sorted(first.items(), key=lambda each: (each[1].partition, each[1].offset)):
        lines[record.key].append(token)
    return list(lines.values())


async def _customer_ids(flow: Flow, customers: Customers) -> dict[int, object]:
    keys = {customers.identifier(customer): customer for customer in customers.ledger.accepted}
    rows = await flow.query(
        "customer-profile", "select key, customer_id from identifier where key = any($1)", list(keys)
    )
    return {keys[row["key"]]: row["customer_id"] for row in rows}


async def _profile_counters(
    flow: Flow, customers: Customers, customer_ids: Mapping[int, object], result: FaultResult
) -> None:
    rows = await flow.query(
        "customer-profile", "select customer_id, interactions from customer where customer_id = any($1)",
        list(customer_ids.values()),
    )  # fmt: skip
    counted = {row["customer_id"]: row["interactions"] for row in rows}
    for customer, own in customers.ledger.accepted.items():
        _check_counter(result, "a customer", counted.get(customer_ids.get(customer), 0), len(own))


def _check_counter(result: FaultResult, owner: str, counted: int, expected: int) -> None:
    if counted != expected:
        result.lost += max(0, expected - counted)
        result.doubled += max(0, counted - expected)
        result.notes.append(f"the counter of {owner} is {counted}, not {expected}")


async def compare_work(flow: Flow, cases: Sequence[Any], positions: Positions, result: FaultResult) -> None:
    """Each case that awaits an answer has open work, no other case has any, and each other case was answered. Counts dead letters."""
    rows = await flow.query(
        "case-mgmt",
        "select c.case_id, c.number, c.status, c.interactions, c.awaiting_answer_since is not null as awaits, "
        "(select count(*) from case_interaction i where i.case_id = c.case_id) as held, "
        "(select e.kind from case_entry e where e.case_id = c.case_id and e.kind in ('interaction', "
        "'reply-requested', 'reply-failed') order by e.id desc limit 1) as last "
        "from case_file c where c.case_id = any($1)",
        cases,
    )
    counted = await flow.query(
        "routing",
        "select case_id, count(*) as n from work_item where case_id = any($1) and state <> 'completed' group by 1",
        cases,
    )
    work = {row["case_id"]: row["n"] for row in counted}
    for row in rows:
        _check_counter(result, f"C-{row['number']}", row["interactions"], row["held"])
        items = work.get(row["case_id"], 0)
        awaits = row["awaits"] and row["status"] in OPEN_STATES
        problem = None
        if awaits and not items:
            problem = "awaits an answer and has no open work"
        elif items and not awaits:
            problem = "is answered and has open work"
        elif not awaits and row["last"] != "reply-requested":
            problem = f"awaits no answer, but its last entry is {row['last']}"
        if problem:
            result.unanswered += 1
            result.notes.append(f"C-{row['number']} ({row['status']}) {problem}")
    for service in SERVICES:
        (dead,) = await flow.query(
            service,
            "select count(*) as n, min(reason) as reason from dead_letter where id > $1",
            positions.dead_letters[service],
        )
        if dead["n"]:
            result.dead_letters += dead["n"]
            result.notes.append(f"{dead['n']} dead letters of {service}: {dead['reason']}")
