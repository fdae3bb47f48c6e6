"""Finds rules that can never decide: the solver of `domain.rules.reachability`, beside the work of the service."""

import asyncio

from antiphon.organisation.document import Document
from routing.domain.configuration.document import Configuration
from routing.domain.rules import reachability


class RuleChecker:
    """Checks one configuration at a time, so that the solver leaves the machine to the service's work."""

    def __init__(self) -> None:
        self._one_check = asyncio.Lock()

    async def warnings(self, source: str, configuration: Configuration) -> list[reachability.RuleWarning]:
        """What is odd about the rules that `source` says; takes seconds, in a thread of its own."""
        async with self._one_check:
            return await asyncio.to_thread(reachability.warnings, Document(source), configuration.rules)
