"""Pure: who is speaking, by exact identifiers, and what the words are about."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.identified import Reading, Tone
from antiphon.contracts.interactions import Content, Identifier, Interaction, StatedBy
from antiphon.organisation import Organisation


class Link(NamedTuple):
    """An identifier that is to belong to a customer, and on whose word."""

    key: str
    identifier: Identifier
    customer_id: UUID
    stated_by: str
    source: str


class Conflict(NamedTuple):
    """An identifier that the speaker stated but that is another customer's: a person decides."""

    identifier: Identifier
    customer_id: UUID
    other_customer_id: UUID
    source: str


class Resolution(NamedTuple):
    """Whose interaction it is, and what decided: an identifier, or `new` for a stranger."""

    customer_id: UUID
    identified_by: str


def stated(interaction: Interaction) -> list[tuple[Identifier, str]]:
    """The speaker's identifiers in the order in which they decide: the address first, then what was stated."""
    speaker = interaction.speaker
    address = [(speaker.address, StatedBy.CHANNEL.value)] if speaker.address else []
    return [*address, *((other, other.stated_by) for other in speaker.also)]


def claims(
    interactions: Sequence[Interaction], known: Mapping[str, UUID], new_ids: Iterable[UUID]
) -> list[Link]:
    """The links that these interactions, in order, ask for beyond what is `known`.

    The first known identifier decides whose interaction it is; what is unknown becomes that customer's too. Nothing
    known: a new customer. Two strangers who share an identifier within the batch are one.
    """
    owners = dict(known)
    fresh = iter(new_ids)
    links: list[Link] = []
    for interaction in interactions:
        identifiers = stated(interaction)
        owner = next((owners[i.key] for i, _ in identifiers if i.key in owners), None)
        if owner is None and identifiers:
            owner = next(fresh)
        for identifier, by in identifiers:
            if identifier.key not in owners and owner is not None:
                owners[identifier.key] = owner
                links.append(
                    Link(identifier.key, identifier, owner, by, f"interaction:{interaction.interaction_id}")
                )
    return links


def resolve(
    interaction: Interaction, owners: Mapping[str, UUID], stranger: UUID, fresh: set[UUID]
) -> Resolution:
    """Whose it is once every identifier has its owner. `stranger` is for a speaker who gave no identifier.

    `fresh` are the customers that this batch made.
    """
    for identifier, _ in stated(interaction):
        owner = owners.get(identifier.key)
        if owner is not None:
            return Resolution(owner, "new" if owner in fresh else identifier.key)
    return Resolution(stranger, "new")


def conflicts(interaction: Interaction, owners: Mapping[str, UUID], customer_id: UUID) -> list[Conflict]:
    """Stated identifiers that belong to somebody else than the speaker's address does. They are never merged here."""
    return [
        Conflict(identifier, customer_id, owners[identifier.key], f"interaction:{interaction.interaction_id}")
        for identifier, _ in stated(interaction)
        if owners.get(identifier.key, customer_id) != customer_id
    ]


class WordReader:
    """Finds topics and tone by the organisation's words: whole words, any case, in one pass over the text."""

    def __init__(self, organisation: Organisation) -> None:
        self._departments: dict[str, str] = {}
        self._topics: dict[str, list[str]] = {}
        self._accounts = {
            account.address.casefold(): account.department for account in organisation.channels.email
        }
        for name, department in organisation.departments.items():
            for topic, words in department.topics.items():
                self._departments[topic] = name
                for word in words:
                    self._topics.setdefault(_folded(word), []).append(topic)
        self._order = list(self._departments)
        self._negative = {_folded(word) for word in organisation.tone.negative}
        self._positive = {_folded(word) for word in organisation.tone.positive}
        self._pattern = _pattern([*self._topics, *self._negative, *self._positive])

    def read(self, content: Content, account: str) -> Reading:
        """Topics by hits, then by the order of the file; the department of the first, else the account's."""
        hits = Counter(
            match.group()
            for match in self._pattern.finditer(f"{_folded(content.subject or '')}\n{_folded(content.text)}")
        )
        topics: Counter[str] = Counter()
        for word, count in hits.items():
            for topic in self._topics.get(word, ()):
                topics[topic] += count
        found = sorted(topics, key=lambda topic: (-topics[topic], self._order.index(topic)))
        department = self._departments[found[0]] if found else self._accounts.get(account.casefold())
        return Reading(topics=found, department=department, tone=self._tone(hits))

    def _tone(self, hits: Counter[str]) -> Tone:
        negative = sum(count for word, count in hits.items() if word in self._negative)
        positive = sum(count for word, count in hits.items() if word in self._positive)
        if negative > positive:
            return Tone.NEGATIVE
        return Tone.POSITIVE if positive > negative else Tone.NEUTRAL


def _folded(said: str) -> str:
    """One spelling for all: composed letters, no case, and a line's end no different from a space."""
    return " ".join(unicodedata.normalize("NFC", said).casefold().split())


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    # Longest first, so that "street light" wins over "street". No words: a pattern that matches nothing.
    alternatives = "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)" if alternatives else r"(?!)")
