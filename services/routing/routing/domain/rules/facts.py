"""The facts that conditions may ask about, each with its type and what it says, and the functions of the language.

It is the one declaration of both: conditions are compiled by it, and editors complete by it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from antiphon.contracts.cases import CaseStatus
from antiphon.contracts.identified import Tone
from antiphon.contracts.interactions import Channel, Visibility
from routing.domain.time.business_calendar import WEEKDAYS


class Fact(NamedTuple):
    """A fact: its type, what it says in a line, and the values that it may have, where these are few and the same everywhere."""

    kind: type
    description: str
    choices: tuple[str, ...] = ()


# Absent text is "", an absent number -1.
FACTS: Mapping[str, Fact] = {
    "interaction.channel": Fact(str, "The channel of the newest message.", tuple(Channel)),
    "interaction.network": Fact(str, "Its social network or partner, e.g. bluesky."),
    "interaction.visibility": Fact(str, "Who can read it where it was written.", tuple(Visibility)),
    "interaction.account": Fact(str, "Our address or account that the customer wrote to or called."),
    "interaction.subject": Fact(str, "The subject line of the newest message."),
    "interaction.text": Fact(str, "The text of the newest message."),
    "interaction.language": Fact(str, "Its language (BCP 47), when the channel states it."),
    "interaction.topics": Fact(list, "The topics of all unanswered messages."),
    "interaction.department": Fact(str, "The department of the first topic that has one."),
    "interaction.tone": Fact(str, "The worst tone of all unanswered messages.", tuple(Tone)),
    "interaction.followers": Fact(int, "How many followers its writer has on the network."),
    "interaction.attachments": Fact(int, "How many files came with it."),
    "customer.name": Fact(str, "What the customer is called."),
    "customer.labels": Fact(list, "The labels that people put on the customer."),
    "customer.interactions": Fact(int, "How many interactions the customer has had, on all cases."),
    "case.department": Fact(str, "The department to which the case belongs."),
    "case.status": Fact(str, "Where the case stands.", tuple(CaseStatus)),
    "case.subject": Fact(str, "What the case is about: the subject of its first message."),
    "case.interactions": Fact(int, "How many interactions are on the case."),
    "case.replies": Fact(int, "How many answers of people are on the case."),
    "case.reopened": Fact(int, "How often a late message reopened the case."),
    "case.waited_minutes": Fact(int, "How many minutes the customer has waited for an answer."),
    "case.unanswered_text": Fact(str, "Subjects and texts of all unanswered messages, the oldest first."),
    "now.date": Fact(str, "The date in the organisation's time zone, e.g. 2026-12-24."),
    "now.weekday": Fact(str, "The day of the week.", tuple(WEEKDAYS)),
    "now.hour": Fact(int, "The hour, 0 to 23."),
    "now.minute": Fact(int, "The minute, 0 to 59."),
}

# Of a queue, a label or a calendar, which a condition names.
STATE_FACTS: Mapping[str, Mapping[str, Fact]] = {
    "queues": {
        "waiting": Fact(int, "How many items wait in the queue."),
        "agents_present": Fact(int, "How many agents of the queue are there, whatever they do."),
        "oldest_seconds": Fact(int, "How many seconds its oldest item has waited."),
        "surging": Fact(bool, "Whether far more work comes to it than usual."),
        "open": Fact(bool, "Whether it gives work out."),
    },
    "labels": {"surging": Fact(bool, "Whether far more work with the label comes than usual.")},
    "calendar": {"open": Fact(bool, "Whether the calendar is open now.")},
}


class Function(NamedTuple):
    """A function, macro or operator of CEL: its name, an example, and what it says in a line."""

    name: str
    example: str
    description: str


# The part of the standard that conditions need; the compiler knows more of it (conversions and dates).
FUNCTIONS = (
    Function("&&", 'case.department == "rates" && case.replies == 0', "Whether both hold."),
    Function("||", 'case.department == "rates" || case.department == "roads"', "Whether one of both holds."),
    Function("!", '!interaction.text.contains("invoice")', "Whether it does not hold."),
    Function("in", '"permit" in interaction.topics', "Whether a list has the value."),
    Function("contains", 'interaction.text.contains("gas")', "Whether a text has these characters."),
    Function("startsWith", 'interaction.subject.startsWith("Re:")', "Whether a text begins so."),
    Function("endsWith", 'interaction.account.endsWith("@council.example")', "Whether a text ends so."),
    Function(
        "matches",
        "case.unanswered_text.matches('(?i)gas leak')",
        "Whether a text has a match of this pattern (RE2); (?i) ignores capitals.",
    ),
    Function("size", "size(customer.labels) > 1", "The length of a text or of a list."),
    Function("exists", 'customer.labels.exists(l, l == "press")', "Whether it holds for one item of a list."),
    Function("exists_one", 'customer.labels.exists_one(l, l.startsWith("vip"))', "Whether for exactly one."),
    Function("all", 'interaction.topics.all(t, t != "fines")', "Whether it holds for all items of a list."),
    Function("filter", 'size(customer.labels.filter(l, l != "press")) > 0', "The items for which it holds."),
    Function("map", '"a!" in customer.labels.map(l, l + "!")', "What becomes of each item of a list."),
)
