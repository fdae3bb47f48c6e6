"""The customer's words on a case that nobody has answered: what routing rules are asked about, all together."""

from collections.abc import Iterable, Sequence

from pydantic_core import to_json

from antiphon.contracts.cases import InteractionFacts
from antiphon.contracts.identified import Reading
from antiphon.contracts.interactions import Interaction
from case_mgmt.domain.case import interaction_facts

MOST = 50
# Of subjects and texts together, as JSON: an event with them and one whole interaction stays below its bound.
MOST_BYTES = 100_000


def bounded(said: Iterable[tuple[Interaction, Reading]]) -> list[InteractionFacts]:
    """The facts of these words, given and returned oldest first: the newest 50, and of their text the newest 100,000 bytes.

    The interaction at which the bytes run out keeps the end of its text; those before it are left out.
    """
    kept: list[InteractionFacts] = []
    room = MOST_BYTES
    for interaction, reading in reversed(list(said)[-MOST:]):
        facts = interaction_facts(interaction, reading)
        size = _size(facts.subject or "") + _size(facts.text)
        if size > room:
            if room < MOST_BYTES // 100 and kept:
                break
            facts = facts.model_copy(update={"subject": None, "text": _end_of(facts.text, room)})
        kept.insert(0, facts)
        room -= min(size, room)
    return kept


def _size(text: str) -> int:
    return len(to_json(text))


def _end_of(text: str, room: int) -> str:
    """As much of its end as fits: half of it where signs that JSON writes as two make it too long."""
    end = text.encode()[-room:].decode(errors="ignore")
    while _size(end) > room:
        end = end[len(end) // 2 + 1 :]
    return end


def without(facts: Sequence[InteractionFacts], interaction: Interaction) -> list[InteractionFacts]:
    """All of them but this interaction."""
    return [one for one in facts if one.interaction_id != interaction.interaction_id]
