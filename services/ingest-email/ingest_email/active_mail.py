"""Our mail addresses by the active version of the organisation's document."""

from antiphon.active_organisation import ActiveOrganisation, OrganisationVersion
from ingest_email.domain import accounts
from ingest_email.domain.accounts import OurMail


class ActiveMail:
    """A mail and a batch of replies read `ours` once, at their begin, and use that value to their end."""

    def __init__(self, active: ActiveOrganisation) -> None:
        self._active = active
        self._read: tuple[OrganisationVersion, OurMail] | None = None

    @property
    def ours(self) -> OurMail:
        """The addresses of the active version. It is the same value as long as the version is the same."""
        current = self._active.current
        if self._read is None or self._read[0] is not current:
            self._read = (current, accounts.of_organisation(current.organisation))
        return self._read[1]
