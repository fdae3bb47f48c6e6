"""Our own mail addresses: which mail is ours, and which case an address names."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from antiphon import identifiers
from antiphon.organisation.document import EmailAccount, Organisation

TOKEN_PREFIX = "c-"  # noqa: S105 - marks the case tokens among plus-addresses


class Account(NamedTuple):
    """One address of ours."""

    address: str
    name: str
    department: str | None = None


class OurMail(NamedTuple):
    """The organisation as the mail channel knows it: the domain of its Message-IDs and its addresses."""

    domain: str
    accounts: tuple[Account, ...]

    def account_of(self, address: str) -> Account | None:
        """The account that `address`, perhaps with a plus part, belongs to. None when it is not ours."""
        plain = without_plus(address)
        return next(
            (account for account in self.accounts if plain and folded(account.address) == plain), None
        )

    def first_account(self, addresses: Iterable[str]) -> Account | None:
        """The account that was written to: one of a department before one of all."""
        found = [account for address in addresses if (account := self.account_of(address))]
        return next((account for account in found if account.department), found[0] if found else None)

    def case_token(self, addresses: Sequence[str]) -> str | None:
        """What stands after `+c-` in the first case address of ours, unchecked."""
        for address in addresses:
            local = address.strip().rpartition("@")[0]
            token = local.partition("+")[2]
            if token.lower().startswith(TOKEN_PREFIX) and self.account_of(address):
                return token
        return None


def of_organisation(organisation: Organisation) -> OurMail:
    """The mail addresses that the organisation's file names."""
    return OurMail(
        organisation.organisation.domain, tuple(_account(given) for given in organisation.channels.email)
    )


def _account(given: EmailAccount) -> Account:
    return Account(given.address, given.name, given.department)


def folded(address: str) -> str | None:
    """An address as it compares. None when it is not one."""
    found = identifiers.email(address)
    return found.value if found else None


def without_plus(address: str) -> str | None:
    """An address as it compares, without what follows `+` in its local part."""
    value = folded(address)
    if value is None:
        return None
    local, _, domain = value.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
