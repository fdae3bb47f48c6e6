"""Plays the example morning on a running stack and shows what happens to each message."""

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
from deploy.morning import service_levels, story
from deploy.morning.agents import Agents, Answered
from deploy.morning.customers import DIRECT, Customers, pause_before
from deploy.morning.story import Message, Story
from deploy.morning.tuning import tune
from deploy.stack import Stack

PATIENCE = timedelta(seconds=90)
COLUMNS = ("message", "channel", "customer", "case", "rule", "queue", "agent", "due", "answered")


@dataclass
class Line:
    """One line of the table: a message and its state. `outcome` says where the answer arrived, or why there is none."""

    message: Message
    sender: str
    answered: Answered | None = None
    outcome: str | None = None
    confirmed: bool = False

    @property
    def done(self) -> bool:
        """Whether the message has its outcome."""
        return self.outcome is not None


async def play(stack: Stack, console: Console) -> bool:
    """Plays the story, then tries a rule on it. True when every message is answered or is not to be answered, and the rule was tried."""
    morning = story.load()
    zone = ZoneInfo(document.load(stack.site.organisation).organisation.time_zone)
    lines = {message.id: Line(message, morning.customers[message.by].name) for message in morning.messages}
    async with httpx.AsyncClient(timeout=30) as http:
        customers = Customers(stack, morning, http)
        continued = {message.continues for message in morning.messages if message.continues}
        agents = Agents(stack, http, customers.messages, continued)
        await customers.sign_in()
        await agents.sign_in()
        try:
            await _run_with_table(stack, morning, lines, customers, agents, zone, console)
            await service_levels.show(
                stack, [line.answered for line in lines.values() if line.answered], zone, console
            )
            tuned = await tune(stack, console)
        finally:
            await agents.sign_off()
    return tuned and all(line.done for line in lines.values())


async def _run_with_table(
    stack: Stack, morning: Story, lines: dict[str, Line], customers: Customers, agents: Agents, zone: ZoneInfo, console: Console
) -> None:  # fmt: skip
    live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
    if live:
        live.start()
    try:
        await _run(stack, morning, lines, customers, agents, zone, console, live)
    finally:
        if live:
            live.update(_table(lines, zone), refresh=True)
            live.stop()
        else:
            console.print(_table(lines, zone))


async def _run(
    stack: Stack, morning: Story, lines: dict[str, Line], customers: Customers, agents: Agents, zone: ZoneInfo,
    console: Console, live: Live | None,
) -> None:  # fmt: skip
    deadline = utc_now() + PATIENCE
    unsent = list(morning.messages)
    while await pause_before(deadline):
        await _send_due(unsent, lines, customers, agents, None if live else console)
        for answered in await agents.work():
            lines[answered.message.id].answered = answered
            if not live:
                console.print(
                    f"  {_agent(answered)} ({answered.queue}) answers {answered.customer} on {answered.case}, "
                    f"by the rule “{answered.rule}”"
                )
        for line in lines.values():
            await _follow(stack, line, customers, agents)
            _complete_continued(line, lines, agents)
        if live:
            live.update(_table(lines, zone))
        if all(line.done for line in lines.values()):
            return


async def _send_due(
    unsent: list[Message],
    lines: dict[str, Line],
    customers: Customers,
    agents: Agents,
    console: Console | None,
) -> None:
    for message in [*unsent]:
        if not _is_due(message, unsent, lines, agents):
            continue
        unsent.remove(message)
        await customers.send(message)
        if console:
            console.print(f"  {lines[message.id].sender}, by {message.channel}: {_short(message, 60)}")


def _complete_continued(line: Line, lines: dict[str, Line], agents: Agents) -> None:
    """A message that another one continues is answered with that one."""
    if line.message.continues and line.done:
        first = lines[line.message.continues]
        first.answered = first.answered or line.answered
        first.outcome = f"with the next message; first offered in {agents.read_in[first.message.id]}"


def _is_due(message: Message, unsent: list[Message], lines: dict[str, Line], agents: Agents) -> bool:
    """Messages are due in the order of the story. One that continues or answers another waits for it, and the others do not wait."""
    if message.continues:
        return message.continues in agents.read_in
    if message.replies_to:
        return lines[message.replies_to].done
    return all(other.continues or other.replies_to for other in unsent[: unsent.index(message)])


async def _follow(stack: Stack, line: Line, customers: Customers, agents: Agents) -> None:
    if line.done or line.message.id not in customers.native_ids or line.message.id in agents.read_in:
        return
    if line.message.answer is None:
        line.outcome = await _why_not_answered(stack, customers.native_ids[line.message.id])
        return
    if line.answered and line.message.channel in DIRECT and not line.confirmed:
        line.confirmed = await agents.confirm_sent(line.answered)
    if line.answered:
        line.outcome = await customers.answer_seen(line.message)


async def _why_not_answered(stack: Stack, native_id: str) -> str | None:
    """Why nobody is to answer a message, by its record on a closed case; None until the record has it."""
    headers = {"Authorization": f"Bearer {stack.token(Role.SUPERVISOR, 'morning')}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        cases = await http.get(f"{stack.url('case-mgmt')}/cases", params={"status": "closed", "limit": 50})
        cases.raise_for_status()
        for case in cases.json()["items"]:
            whole = await http.get(f"{stack.url('case-mgmt')}/cases/{case['case_id']}")
            for row in whole.json()["interactions"]:
                interaction = row["interaction"]
                if interaction["thread"]["native_id"] == native_id:
                    return f"recorded as {case['reference']}, not answered: {interaction['automation']}"
    return None


def _agent(answered: Answered) -> str:
    return f"{answered.agent} ({answered.declined_by} declined)" if answered.declined_by else answered.agent


def _queue(answered: Answered) -> str:
    """The queue, and whether an escalation step added further agents."""
    return f"{answered.queue}, then more agents" if answered.steps else answered.queue


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
        message = f"{line.sender}: {_short(line.message, 44)}"
        table.add_row(
            message,
            line.message.channel,
            *cells,
            line.outcome or ("waiting" if not a else "answer in transit"),
        )
    return table
