"""What a customer said on a case and nobody has answered. Routing asks its rules about all of it together."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic_core import to_json

from antiphon.contracts.cases import InteractionFacts
from antiphon.contracts.identified import Reading
from antiphon.contracts.interactions import Interaction
from antiphon.text import shorten
from case_mgmt.domain.cases import interaction_facts

MOST_INTERACTIONS = 50
# Of subjects and texts together, as JSON: an event with them and one whole interaction fits into a Kafka record.
MOST_BYTES = 100_000

FIRST_WORDS = 140


class NewestUnanswered(NamedTuple):
    """Of the newest interaction that awaits an answer: how its text begins (null without text), its tone and its channel."""

    first_words: str | None
    tone: str
    channel: str


def first_words(text: str) -> str | None:
    """At most the first 140 characters of a text, in one line; None where it has no words."""
    return shorten(" ".join(text.split()), FIRST_WORDS) or None


def bounded(unanswered: Iterable[tuple[Interaction, Reading]]) -> list[InteractionFacts]:
    """The facts of the newest 50 interactions, with the newest 100,000 bytes of their text. Both lists are oldest first.

    The interaction at which the bytes run out keeps the end of its text. Those before it are left out.
    """
    facts: list[InteractionFacts] = []
    space = MOST_BYTES
    for interaction, reading in reversed(list(unanswered)[-MOST_INTERACTIONS:]):
        one = interaction_facts(interaction, reading)
        size = _size(one.subject or "") + _size(one.text)
        if size > space:
            if space < MOST_BYTES // 100 and facts:
                break
            one = one.model_copy(update={"subject": None, "text": _end_of(one.text, space)})
        facts.insert(0, one)
        space -= min(size, space)
    return facts


def _size(text: str) -> int:
    return len(to_json(text))


def _end_of(text: str, space: int) -> str:
    """As much of the end of `text` as fits. JSON writes some characters as two or more: then half of it, and so on."""
    end = text.encode()[-space:].decode(errors="ignore")
    while _size(end) > space:
        end = end[len(end) // 2 + 1 :]
    return end


def without(facts: Sequence[InteractionFacts], interaction: Interaction) -> list[InteractionFacts]:
    """All of `facts` except those of `interaction`."""
    return [one for one in facts if one.interaction_id != interaction.interaction_id]
