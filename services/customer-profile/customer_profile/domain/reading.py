"""Topics, department and tone of an interaction, found by the organisation's words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from antiphon.contracts.identified import Reading, Tone
from antiphon.contracts.interactions import Content
from antiphon.organisation.organisation import Organisation


class WordReader:
    """Finds topics and tone by the words of a version: whole words, any case, in one pass over the text."""

    def __init__(self, configuration_version: int, organisation: Organisation) -> None:
        self.configuration_version = configuration_version
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
        """The reading of an interaction that came to our `account`.

        Topics are sorted by the number of their words in the text, then by their order in the organisation's file. The
        department is that of the first topic; without topics it is that of the account.
        """
        hits = Counter(
            match.group()
            for match in self._pattern.finditer(f"{_folded(content.subject or '')}\n{_folded(content.text)}")
        )
        counts: Counter[str] = Counter()
        for word, count in hits.items():
            for topic in self._topics.get(word, ()):
                counts[topic] += count
        topics = sorted(counts, key=lambda topic: (-counts[topic], self._order.index(topic)))
        department = self._departments[topics[0]] if topics else self._accounts.get(account.casefold())
        return Reading(
            topics=topics,
            department=department,
            tone=self._tone(hits),
            configuration_version=self.configuration_version,
        )

    def _tone(self, hits: Counter[str]) -> Tone:
        negative = sum(count for word, count in hits.items() if word in self._negative)
        positive = sum(count for word, count in hits.items() if word in self._positive)
        if negative > positive:
            return Tone.NEGATIVE
        return Tone.POSITIVE if positive > negative else Tone.NEUTRAL


def _folded(text: str) -> str:
    """The text in one spelling: composed letters, no case, every run of white space as one space."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    # Longest first, so that "street light" wins over "street". Without words, a pattern that matches nothing.
    alternatives = "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)" if alternatives else r"(?!)")
