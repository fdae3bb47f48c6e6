"""The organisation by which this process works: one version of the document, replaced as a whole (ADR 16)."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from antiphon.organisation import document
from antiphon.organisation.organisation import Organisation


class OrganisationVersion(NamedTuple):
    """A version of the document. Version 0 is the file, which a service uses until a version reached it."""

    number: int
    organisation: Organisation


class ActiveOrganisation:
    """Holds the version that is active in this process.

    A decision by it reads `current` once at the begin of a transaction, uses that value to the end, and names
    its number in what was decided.
    """

    def __init__(self, current: OrganisationVersion) -> None:
        self.current = current
        self._replaced = asyncio.Event()

    @classmethod
    def of_file(cls, path: Path) -> "ActiveOrganisation":
        """The file as version 0. Raises as `document.load`."""
        return cls(OrganisationVersion(0, document.load(path)))

    def replace(self, version: OrganisationVersion) -> None:
        """Makes a newer version the active one; an older one or the same changes nothing."""
        if version.number > self.current.number:
            self.current = version
            replaced, self._replaced = self._replaced, asyncio.Event()
            replaced.set()

    async def after(self, number: int) -> OrganisationVersion:
        """Waits until another version than this one is active, and returns it."""
        while self.current.number == number:
            await self._replaced.wait()
        return self.current
