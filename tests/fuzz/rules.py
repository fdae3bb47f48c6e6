"""Sends CEL and YAML bombs to the configuration API: routing refuses each with line and reason, or decides by it within bounds."""

import time
from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

import httpx

from antiphon.access.roles import Role
from tests.fuzz.result import AttackResult
from tests.fuzz.run import Run
from tests.support.waiting import until

PART = "rules"
MOST_CPU_S = 5.0
# A check runs a solver with a limit of steps. No bomb may cost more than so many times a configuration with 300 ordinary rules.
MOST_TIMES_ORDINARY = 5
# A text that a customer may send: deciding on it by the worst accepted rules must stay within MOST_CPU_S.
LONG_TEXT = "a" * 99_000 + "!"
ORDINARY = "interaction.text.contains('b')"


class Bomb(NamedTuple):
    """A configuration and the name of what it tries. `refused` says whether it must be refused; None: it may."""

    name: str
    source: str
    refused: bool | None


def conditions() -> Iterator[tuple[str, str, bool | None]]:
    """Conditions: the name of what each tries, its CEL, and whether it must be refused."""
    text = "interaction.text"
    yield "four loops in each other", "[1,2,3].all(a,[1,2,3].all(b,[1,2,3].all(c,[1,2,3].all(d,true))))", True
    yield (
        "three loops in each other",
        f"[{','.join('1' * 200)}].all(a, [{','.join('1' * 200)}].all(b, [{','.join('1' * 200)}].all(c, true)))",
        None,
    )
    yield (
        "loops with spaces in their names",
        "[1].all (a, [1] . all(b, [1]\n.\nall(c, [1].all(d, true))))",
        True,
    )
    yield (
        "loops behind comments",
        "[1].all(a, [1]. // x\nall(b, [1]. // y\nexists(c, [1]. // z\nmap(d, d) == [1])))",
        None,
    )
    yield (
        "loops by another name",
        "[1].existsOne(a, [1].existsOne(b, [1].existsOne(c, [1].existsOne(d, true))))",
        None,
    )
    yield (
        "a loop that doubles a text",
        "['aaaaaaaaaaaaaaaa'].map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).size() == 1",
        None,
    )
    yield (
        "a loop that doubles a list",
        "[[1,1,1,1]].map(a, a+a+a+a+a+a).map(a, a+a+a+a+a+a).map(a, a+a+a+a+a+a).size() > 0",
        None,
    )
    yield "a text added to itself", f"({'+'.join([text] * 100)}).size() > 0", None
    yield (
        "a text repeated by a loop",
        f"[{','.join([text] * 50)}].exists(a, (a + {text} + {text}).contains('b'))",
        None,
    )
    yield (
        "a text of texts in loops",
        f"[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, ({text}+{text}).contains('b'))))",
        None,
    )
    for name, pattern in {
        "nested stars": "(a+)+$",
        "alternatives": "(a|aa)+$",
        "counted": "(a{1,1000}){1,1000}",
        "deeply counted": "((((a{1,30}){1,30}){1,30}){1,30})",
        "many dots": ".*.*.*.*.*.*.*.*.*.*b",
        "classes": r"\\pL{1,1000}",
        "unclosed": "(",
        "back reference": r"(a)\\1",
        "look-ahead": "(?=a)a",
    }.items():
        yield f"a pattern of {name}", f'{text}.matches("{pattern}")', None
    yield "a pattern made of the text", f"{text}.matches({text})", None
    yield "matches in loops", f"[{','.join(['1'] * 100)}].exists(a, {text}.matches('(a|aa)+$'))", None
    yield "parentheses 900 deep", "(" * 900 + "true" + ")" * 900, None
    yield "parentheses 100,000 deep", "(" * 100_000 + "true" + ")" * 100_000, True
    yield "1,990 nots", "!" * 1_990 + "true", None
    yield "1,990 minuses", "-" * 1_980 + "1 == 1", None
    yield "lists 900 deep", "[" * 900 + "]" * 900 + " == []", None
    yield "calls 300 deep", "size(" * 300 + text + ")" * 300 + " == 1", True
    yield "ands", "&&".join(["true"] * 300), None
    yield "ternaries", "true ? " * 150 + "true" + " : false" * 150, None
    yield "an expression of 1 MB", "true" + " && true" * 110_000, True
    yield "a number of 1,900 digits", "9" * 1_900 + " == 1", True
    yield "a text of 1,900 letters", f"'{'a' * 1_900}' == {text}", None
    yield "a duration beyond all", "duration('99999999999999999999h') > duration('1s')", None
    yield (
        "a time beyond all",
        "timestamp('9999999-01-01T00:00:00Z') > timestamp('1970-01-01T00:00:00Z')",
        None,
    )
    yield "division by zero", "1 / 0 == 1", None
    yield "an overflow", "9223372036854775807 + 1 == 0", None
    yield "a key that is not there", "{'a': 1}['b'] == 1", None
    yield "an index beyond the list", "interaction.topics[999999999] == ''", None
    yield "a map of many keys", "{" + ",".join(f"{n}:{n}" for n in range(250)) + "}.size() > 1", None
    yield "NUL", "'\\u0000' == ''", None
    yield "a surrogate", "'\\ud800' == ''", True
    yield "bytes", "b'\\xff' == b''", None
    yield "no condition", "", True
    yield "a comment", "// nothing", True
    yield "a text for a condition", "'true'", True
    yield "an unknown name", "secrets.key == ''", True
    yield "an unknown function", "system('id') == ''", True
    yield "a type", "type(1) == int", None
    yield "dyn", "dyn(interaction.text) == 1", None
    yield "a proto", "google.protobuf.Struct{} == google.protobuf.Struct{}", None


def sources(base: str) -> Iterator[Bomb]:
    """The bombs, made from the text of the active configuration."""
    for name, condition, refused in conditions():
        yield Bomb(f"CEL: {name}", with_rules(base, [condition]), refused)
    yield Bomb("3,000 rules", with_rules(base, [ORDINARY] * 3_000), None)
    yield Bomb("3,000 patterns", with_rules(base, ["interaction.text.matches('(a|aa)+$')"] * 3_000), None)
    yield Bomb("1,000 faulty rules", with_rules(base, ["nothing == 1"] * 1_000), refused=True)
    laughs = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)
    )
    yield Bomb("YAML: a billion laughs", laughs + base, refused=True)
    yield Bomb(
        "YAML: a billion laughs where text is meant",
        base.replace("name: City of Banksia", "name: &x City", 1) + laughs,
        refused=True,
    )
    merged = "m0: &m0 {a: 1}\n" + "".join(
        f"m{n}: &m{n} {{<<: [{','.join([f'*m{n - 1}'] * 9)}]}}\n" for n in range(1, 9)
    )
    yield Bomb("YAML: merged maps", merged + base, refused=True)
    yield Bomb("YAML: an alias of itself", base + "\nx: &x [*x]\n", refused=True)
    yield Bomb("YAML: lists 100,000 deep", base + "\nx: " + "[" * 100_000, refused=True)
    yield Bomb("YAML: lists 900 deep", base + "\nx: " + "[" * 900 + "]" * 900 + "\n", refused=True)
    yield Bomb("YAML: maps 100,000 deep", "{a: " * 100_000, refused=True)
    yield Bomb("YAML: dashes", "- " * 400_000, refused=True)
    yield Bomb("YAML: question marks", "? " * 400_000, refused=True)
    yield Bomb("YAML: a number to the base of 60", base + "\nx: " + "1:" * 20_000 + "1\n", refused=True)
    yield Bomb("YAML: a number of 100,000 digits", base + "\nx: " + "9" * 100_000 + "\n", refused=True)
    yield Bomb("YAML: a date that is none", base + "\nx: 2026-99-99\n", refused=True)
    yield Bomb("YAML: a Python object", base + "\nx: !!python/object/apply:os.system ['id']\n", refused=True)
    yield Bomb("YAML: a key that is a list", base + "\n? [a, b]\n: 1\n", refused=True)
    yield Bomb("YAML: two documents", base + "\n---\n" + base, refused=True)
    yield Bomb("YAML: nothing", "", refused=True)
    yield Bomb("YAML: a BOM and tabs", "\ufeff\t" + base, refused=True)
    yield Bomb("YAML: NUL", base + "\x00", refused=True)
    yield Bomb("YAML: NUL in a name", base.replace("name: City of Banksia", 'name: "a\\0b"', 1), refused=None)
    yield Bomb(
        "YAML: a surrogate in a name",
        base.replace("name: City of Banksia", 'name: "a\\ud800b"', 1),
        refused=None,
    )
    yield Bomb(
        "YAML: 900 kB of one name",
        base.replace("name: City of Banksia", f"name: {'a' * 900_000}", 1),
        refused=None,
    )
    yield Bomb("YAML: 10 MB", base + "# x\n" * 2_600_000, refused=True)
    yield Bomb(
        "a duration beyond all", base.replace("within: 4h", "within: 99999999999999999999d", 1), refused=True
    )
    yield Bomb("a target of a thousand years", base.replace("within: 4h", "within: 365000d", 1), refused=True)
    yield Bomb(
        "an offer that expires at once",
        base.replace("offer_timeout: 30s", "offer_timeout: 0s", 1),
        refused=True,
    )
    yield Bomb(
        "an offer that never expires",
        base.replace("offer_timeout: 30s", "offer_timeout: 999999999d", 1),
        refused=True,
    )
    yield Bomb(
        "10,000 agents",
        base.replace(
            "people:\n",
            "people:\n" + "".join(f"  - {{ id: a{n}, name: a, queues: [rates] }}\n" for n in range(10_000)),
            1,
        ),
        refused=None,
    )
    yield Bomb(
        "10,000 unknown queues",
        base.replace("queues: [rates]", f"queues: [{','.join(f'q{n}' for n in range(10_000))}]", 1),
        refused=True,
    )
    yield Bomb(
        "a time zone that is a path",
        base.replace("time_zone: UTC", "time_zone: ../../../etc/passwd", 1),
        refused=True,
    )
    yield Bomb("hours that are none", base.replace('"08:30-12:30"', '"99:99-00:00"', 1), refused=True)


def with_rules(base: str, conditions: list[str]) -> str:
    """The configuration with these rules before the others."""
    rules = "".join(
        f"  - name: bomb {number}\n    when: {_quoted(condition)}\n    then: {{ queue: rates }}\n"
        for number, condition in enumerate(conditions)
    )
    return base.replace("rules:\n", f"rules:\n{rules}", 1)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\n", "\n\n      ") + "'"


async def attack(run: Run) -> list[AttackResult]:
    """Checks each bomb and activates those that are valid, which then decide on a long text. Restores the first configuration."""
    check, active = (
        AttackResult(PART, "configurations that are checked"),
        AttackResult(PART, "configurations that are activated"),
    )
    url = f"{run.stack.url('routing')}/configuration"
    worst = (0.0, "")
    waiting: list[Bomb] = []
    async with httpx.AsyncClient(timeout=120, headers=run.header(Role.OPERATIONS, "ops")) as http:
        first = (await http.get(url)).json()["source"]
        before = run.cpu("routing")
        ordinary = await http.post(f"{url}/check", content=with_rules(first, [ORDINARY] * 300).encode())
        check.expect(ordinary.status_code == 200, f"300 ordinary rules: {ordinary.text[:200]}")
        most = max(MOST_CPU_S, MOST_TIMES_ORDINARY * (run.cpu("routing") - before))
        waiting = list(sources(first))
        run.dice(PART).shuffle(waiting)
        while waiting and run.left() > 0:
            bomb = waiting.pop()
            before = run.cpu("routing")
            answer = await http.post(f"{url}/check", content=bomb.source.encode("utf-8", "surrogatepass"))
            used = run.cpu("routing") - before
            worst = max(worst, (used, bomb.name))
            _judge(check, bomb, answer)
            if used > most:
                check.findings.append(
                    f"{bomb.name}: the check took {used:.1f} CPU s, at most {most:.1f} are allowed"
                )
            if answer.status_code == 200 and bomb.refused is not True:
                await _activate(run, http, url, bomb, active)
        etag = (await http.get(url)).headers["ETag"]
        back = await http.put(url, content=first, headers={"If-Match": etag})
        now = (await http.get(url)).json()["source"]
        active.expect(
            back.status_code == 200 and now == first,
            f"the first configuration could not be restored: {back.text[:200]}",
        )
    run.report(f"  {check.count:,} checked, {active.count:,} activated")
    check.note = f"worst {worst[0]:.2f} CPU s: {worst[1]}; {len(waiting)} not tried: no time left"
    return [check, active]


def _judge(row: AttackResult, bomb: Bomb, answer: httpx.Response) -> None:
    failure = f"{bomb.name}: {answer.status_code} {answer.text[:200]}"
    if answer.status_code == 200:
        row.expect(not bomb.refused, failure)
    elif answer.status_code == 422:
        errors = answer.json().get("errors") or []
        placed = bool(errors) and all(error.get("line", 0) >= 1 and error.get("detail") for error in errors)
        row.expect(placed and bomb.refused is not False, f"{failure}: an error without line or reason")
    else:
        row.expect(answer.status_code in {400, 413} and bool(bomb.refused), failure)


async def _activate(run: Run, http: httpx.AsyncClient, url: str, bomb: Bomb, row: AttackResult) -> None:
    """Activates the configuration and lets routing decide by it about a message."""
    etag = (await http.get(url)).headers["ETag"]
    answer = await http.put(url, content=bomb.source.encode(), headers={"If-Match": etag})
    row.expect(
        answer.status_code == 200, f"{bomb.name}: {answer.status_code} {answer.text[:200]} when activated"
    )
    before = run.cpu("routing")
    began = time.monotonic()
    noted = await http.post(
        f"{run.stack.url('ingest-direct')}/interactions",
        json={"channel": "web", "speaker": {"email": f"{uuid4().hex}@mail.example"}, "text": LONG_TEXT},
        headers={"Idempotency-Key": str(uuid4())},
    )
    interaction = noted.json()["interaction_id"]

    async def decided() -> bool:
        rows = await run.flow.query(
            "case-mgmt", "select case_id from case_interaction where interaction_id = $1", interaction
        )
        return bool(rows) and bool(
            await run.flow.query("routing", "select 1 from work_item where case_id = $1", rows[0]["case_id"])
        )

    try:
        await until(decided, within=30, what="a decision")
    except AssertionError:
        row.findings.append(f"{bomb.name}: routing did not decide by it within 30 s")
    used = run.cpu("routing") - before
    if used > MOST_CPU_S:
        row.findings.append(
            f"{bomb.name}: {used:.1f} CPU s for a decision, {time.monotonic() - began:.1f} s in all"
        )
