"""The customer's words on a case that nobody has answered: what routing rules are asked about, all together."""

from collections.abc import Iterable, Sequence

from antiphon.contracts.cases import InteractionFacts
from antiphon.contracts.identified import Reading
from antiphon.contracts.interactions import Interaction
from case_mgmt.domain.case import interaction_facts

MOST = 50
# Of subjects and texts together: an event with them and one whole interaction stays below a megabyte.
MOST_BYTES = 100_000


def bounded(said: Iterable[tuple[Interaction, Reading]]) -> list[InteractionFacts]:
    """The facts of these words, given and returned oldest first: the newest 50, and of their text the newest 100,000 bytes.

    The interaction at which the bytes run out keeps the end of its text; those before it are left out.
    """
    kept: list[InteractionFacts] = []
    room = MOST_BYTES
    for interaction, reading in reversed(list(said)[-MOST:]):
        facts = interaction_facts(interaction, reading)
        size = len((facts.subject or "").encode()) + len(facts.text.encode())
        if size > room:
            if room < MOST_BYTES // 100 and kept:
                break
            facts = facts.model_copy(update={"subject": None, "text": _end_of(facts.text, room)})
        kept.insert(0, facts)
        room -= min(size, room)
    return kept


def _end_of(text: str, size: int) -> str:
    return text.encode()[-size:].decode(errors="ignore")


def without(facts: Sequence[InteractionFacts], interaction: Interaction) -> list[InteractionFacts]:
    """All of them but this interaction."""
    return [one for one in facts if one.interaction_id != interaction.interaction_id]
