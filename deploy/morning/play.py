"""Plays the example morning on a running stack and shows what becomes of every word."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from antiphon.access.roles import Role
from antiphon.organisation import document
from antiphon.process.clock import utc_now
from antiphon.text import shorten
from deploy.morning import promises, story
from deploy.morning.customers import DIRECT, Customers, until
from deploy.morning.desk import Answered, Desk
from deploy.morning.story import Message, Story
from deploy.morning.tuning import tune
from deploy.stack import Stack

PATIENCE = timedelta(seconds=90)
COLUMNS = ("who said what", "where", "customer", "case", "rule", "queue", "agent", "due", "answered")


@dataclass
class Line:
    """One line of the table: what is known so far of a message."""

    message: Message
    who: str
    answered: Answered | None = None
    outcome: str | None = None
    handed_over: bool = False

    @property
    def done(self) -> bool:
        """Whether the customer has the answer, or the reason why there is none is known."""
        return self.outcome is not None


async def play(stack: Stack, console: Console) -> bool:
    """Plays the story, and tries a rule on it; True when every line was answered, or has a named reason why not."""
    told = story.load()
    zone = ZoneInfo(document.load(stack.site.organisation).organisation.time_zone)
    lines = {message.id: Line(message, told.customers[message.by].name) for message in told.messages}
    async with httpx.AsyncClient(timeout=30) as http:
        customers = Customers(stack, told, http)
        continued = {message.continues for message in told.messages if message.continues}
        desk = Desk(stack, http, customers.said, continued)
        await customers.arrive()
        await desk.sit_down()
        try:
            await _shown(stack, told, lines, customers, desk, zone, console)
            await promises.show(
                stack, [line.answered for line in lines.values() if line.answered], zone, console
            )
            tuned = await tune(stack, console)
        finally:
            await desk.go_home()
    return tuned and all(line.done for line in lines.values())


async def _shown(
    stack: Stack, told: Story, lines: dict[str, Line], customers: Customers, desk: Desk, zone: ZoneInfo, console: Console
) -> None:  # fmt: skip
    shown = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
    if shown:
        shown.start()
    try:
        await _run(stack, told, lines, customers, desk, zone, console, shown)
    finally:
        if shown:
            shown.update(_table(lines, zone), refresh=True)
            shown.stop()
        else:
            console.print(_table(lines, zone))


async def _run(
    stack: Stack, told: Story, lines: dict[str, Line], customers: Customers, desk: Desk, zone: ZoneInfo,
    console: Console, shown: Live | None,
) -> None:  # fmt: skip
    deadline = utc_now() + PATIENCE
    unsaid = list(told.messages)
    while await until(deadline):
        await _speak(unsaid, lines, customers, desk, None if shown else console)
        for answered in await desk.work():
            lines[answered.message.id].answered = answered
            if not shown:
                console.print(
                    f"  {_agent(answered)} ({answered.queue}) answers {answered.customer} on {answered.case}, "
                    f"by the rule “{answered.rule}”"
                )
        for line in lines.values():
            await _follow(stack, line, customers, desk)
            _join(line, lines, desk)
        if shown:
            shown.update(_table(lines, zone))
        if all(line.done for line in lines.values()):
            return


async def _speak(
    unsaid: list[Message], lines: dict[str, Line], customers: Customers, desk: Desk, console: Console | None
) -> None:
    for message in [*unsaid]:
        if not _may_be_said(message, unsaid, lines, desk):
            continue
        unsaid.remove(message)
        await customers.speak(message)
        if console:
            console.print(f"  {lines[message.id].who} said on {message.channel}: {_short(message, 60)}")


def _join(line: Line, lines: dict[str, Line], desk: Desk) -> None:
    """What was answered with the words that followed it."""
    if line.message.continues and line.done:
        first = lines[line.message.continues]
        first.answered = first.answered or line.answered
        first.outcome = f"with what followed; first in {desk.read[first.message.id]}"


def _may_be_said(message: Message, unsaid: list[Message], lines: dict[str, Line], desk: Desk) -> bool:
    """In the order of the story; what answers an answer or goes on with a message waits for that, and holds up nobody."""
    if message.continues:
        return message.continues in desk.read
    if message.replies_to:
        return lines[message.replies_to].done
    return all(one.continues or one.replies_to for one in unsaid[: unsaid.index(message)])


async def _follow(stack: Stack, line: Line, customers: Customers, desk: Desk) -> None:
    if line.done or line.message.id not in customers.native or line.message.id in desk.read:
        return
    if line.message.answer is None:
        line.outcome = await _why_not_answered(stack, customers.native[line.message.id])
        return
    if line.answered and line.message.channel in DIRECT and not line.handed_over:
        line.handed_over = await desk.hand_over(line.answered)
    if line.answered:
        line.outcome = await customers.heard(line.message)


async def _why_not_answered(stack: Stack, native_id: str) -> str | None:
    """What the record says of a message that nobody is to answer."""
    headers = {"Authorization": f"Bearer {stack.token(Role.SUPERVISOR, 'morning')}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        cases = await http.get(f"{stack.url('case-mgmt')}/cases", params={"status": "closed", "limit": 50})
        cases.raise_for_status()
        for case in cases.json()["items"]:
            whole = await http.get(f"{stack.url('case-mgmt')}/cases/{case['case_id']}")
            for said in whole.json()["interactions"]:
                if said["interaction"]["thread"]["native_id"] == native_id:
                    return (
                        f"on record as {case['reference']}, not answered: {said['interaction']['automation']}"
                    )
    return None


def _agent(answered: Answered) -> str:
    return f"{answered.agent} ({answered.declined_by} declined)" if answered.declined_by else answered.agent


def _queue(answered: Answered) -> str:
    """Where it waited; and whether it waited so long that others were asked too."""
    return f"{answered.queue}, then others too" if answered.steps else answered.queue


def _short(message: Message, length: int) -> str:
    return shorten(" ".join((message.subject or message.text).split()), length)


def _table(lines: dict[str, Line], zone: ZoneInfo) -> Table:
    table = Table(title="An example morning at the City of Banksia", expand=False, show_lines=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for line in lines.values():
        a = line.answered
        due = datetime.fromisoformat(a.due_at).astimezone(zone).strftime("%a %H:%M") if a and a.due_at else ""
        cells = (a.customer, a.case, a.rule, _queue(a), _agent(a), due) if a else ("", "", "", "", "", "")
        said = f"{line.who}: {_short(line.message, 44)}"
        table.add_row(
            said, line.message.channel, *cells, line.outcome or ("waits" if not a else "on its way")
        )
    return table
