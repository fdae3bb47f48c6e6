"""Pure: who is speaking, by exact identifiers, and what the words are about."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.identified import Reading, Tone
from antiphon.contracts.interactions import (
    Channel,
    Content,
    Identifier,
    IdentifierKind,
    Interaction,
    StatedBy,
)
from antiphon.organisation.document import Organisation

# What a person of the staff can ask about, face to face or by voice, or read in a letter, before they note it.
NOTED = frozenset[str]({Channel.PHONE, Channel.VISIT, Channel.LETTER})
# A mail, post or call comes from its address, as the channel says; the address of a form is what was typed into it.
WORD_FOR_ADDRESS: Mapping[str, StatedBy] = {Channel.WEB: StatedBy.CUSTOMER}
# Who states more is not believed more; what is beyond stays on the interaction itself.
MOST_CLAIMS = 20


class Link(NamedTuple):
    """An identifier that is to belong to a customer, and on whose word. `source` says for people where it was stated."""

    key: str
    identifier: Identifier
    customer_id: UUID
    stated_by: str
    source: str


class Conflict(NamedTuple):
    """An identifier that an interaction states of its speaker but that is another customer's: a person decides."""

    identifier: Identifier
    customer_id: UUID
    other_customer_id: UUID
    source: str


class Decision(NamedTuple):
    """Whose interaction it is, what decided, and what it links and contradicts.

    `identified_by` is the key of the identifier that decided, None for a customer who was not there before.
    """

    customer_id: UUID
    identified_by: str | None
    links: Sequence[Link]
    conflicts: Sequence[Conflict]


def stated(interaction: Interaction) -> list[Identifier]:
    """All that the interaction says of its speaker, each once: the address, then its claims, MOST_CLAIMS at most."""
    speaker = interaction.speaker
    found: dict[str, Identifier] = {}
    if speaker.address:
        found[speaker.address.key] = speaker.address
    for claim in speaker.also[:MOST_CLAIMS]:
        found.setdefault(claim.key, claim)
    return list(found.values())


def deciding(interaction: Interaction) -> list[tuple[Identifier, StatedBy]]:
    """The identifiers that decide whose interaction it is, in their order, and on whose word each of them is.

    That is the address alone, to which an answer on the channel goes. When a person of the staff noted a call, visit or
    letter, what they state follows it. A handle can change hands and never decides.
    """
    noted = interaction.noted_by is not None and interaction.channel in NOTED
    by = StatedBy.AGENT if noted else WORD_FOR_ADDRESS.get(interaction.channel, StatedBy.CHANNEL)
    deciders = {
        other.key for other in interaction.speaker.also if noted and other.stated_by == StatedBy.AGENT
    }
    if interaction.speaker.address:
        deciders.add(interaction.speaker.address.key)
    return [
        (identifier, by)
        for identifier in stated(interaction)
        if identifier.key in deciders and identifier.kind != IdentifierKind.HANDLE
    ]


def decide(
    interactions: Sequence[Interaction],
    owners: Mapping[str, UUID],
    removed: Mapping[str, Collection[UUID]],
    new_ids: Iterable[UUID],
) -> list[Decision]:
    """Whose each interaction is, decided in order, each as if those before it had been decided alone.

    The first deciding identifier that has an owner decides; the other deciding ones that nobody has become that
    customer's, except where a supervisor `removed` that very link. None has an owner: a new customer, whose they all
    become. Two strangers who share an address are one. A claim links nothing; it is a conflict when it is somebody
    else's.
    """
    has = dict(owners)
    new = iter(new_ids)
    decisions: list[Decision] = []
    for interaction in interactions:
        source = f"interaction:{interaction.interaction_id}"
        deciders = deciding(interaction)
        decider = next((identifier.key for identifier, _ in deciders if identifier.key in has), None)
        customer = has[decider] if decider else next(new)
        links = [
            Link(identifier.key, identifier, customer, by, source)
            for identifier, by in deciders
            if identifier.key not in has and customer not in removed.get(identifier.key, ())
        ]
        has.update((link.key, customer) for link in links)
        conflicts = [
            Conflict(identifier, customer, has[identifier.key], source)
            for identifier in stated(interaction)
            if has.get(identifier.key, customer) != customer
        ]
        decisions.append(Decision(customer, decider, links, conflicts))
    return decisions


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
