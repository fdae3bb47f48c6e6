"""Reads and checks configurations that people write, beside the work of the service."""

import asyncio
from collections.abc import Mapping, Sequence

from antiphon.organisation.calendar import Calendar
from antiphon.organisation.document import ConfigurationError, Document, Fault
from routing.domain.configuration import calendar
from routing.domain.configuration.document import Configuration, read, shape
from routing.domain.rules import reachability
from routing.domain.rules.tried_condition import Tried, try_condition


class RuleChecker:
    """Reads one configuration at a time, in a thread: the event loop goes on, and the machine is left to the service's work."""

    def __init__(self) -> None:
        self._one_check = asyncio.Lock()
        self._one_solver = asyncio.Lock()

    async def read(self, source: str, name: str) -> Configuration:
        """The configuration in a YAML text. Raises ConfigurationError with all faults."""
        async with self._one_check:
            return await asyncio.to_thread(read, source, name)

    async def shape(self, source: str) -> Configuration:
        """The configuration in a YAML text that may have faults. Raises ConfigurationError for one that has not its form."""
        async with self._one_check:
            return await asyncio.to_thread(shape, source)

    async def calendar(self, source: str, key: str) -> Calendar | None:
        """A calendar of a YAML text whose other parts may have faults. None when it has none of this id.

        Raises ConfigurationError for a text that has not the form of a configuration, or when that calendar has faults.
        """
        async with self._one_check:
            return await asyncio.to_thread(_calendar, source, key)

    async def faults(self, source: str) -> Sequence[Fault]:
        """All faults of a draft, each with its line and column; none when it can be published."""
        try:
            await self.read(source, "draft")
        except ConfigurationError as error:
            return error.faults
        return []

    async def try_condition(
        self, source: str, stored: Mapping[str, object], known: Mapping[str, Mapping[str, object]], *, has_words: bool
    ) -> Tried:  # fmt: skip
        """What a condition says about the context of a decision; see `tried_condition`."""
        async with self._one_check:
            return await asyncio.to_thread(try_condition, source, stored, known, has_words=has_words)

    async def warnings(self, source: str, configuration: Configuration) -> list[reachability.RuleWarning]:
        """What is odd about the rules that `source` says: the solver takes seconds, and faults do not wait for it."""
        async with self._one_solver:
            return await asyncio.to_thread(
                lambda: reachability.warnings(Document(source), configuration.rules)
            )


def _calendar(source: str, key: str) -> Calendar | None:
    section = shape(source).calendars.get(key)
    if section is not None and (found := list(calendar.faults(Document(source), {key: section}))):
        raise ConfigurationError("draft", found)
    return section
