"""Our own mail addresses: which address is ours, which case token it carries, and where its mail is read."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from antiphon import identifiers
from antiphon.organisation.channels import EmailAccount, ImapMailbox
from antiphon.organisation.organisation import Organisation

TOKEN_PREFIX = "c-"  # noqa: S105 - marks the case tokens among plus-addresses


class Account(NamedTuple):
    """One of our addresses."""

    address: str
    name: str
    department: str | None = None


class OurMail(NamedTuple):
    """What the e-mail channel knows of the organisation: its addresses, and the domain of its Message-IDs."""

    domain: str
    accounts: tuple[Account, ...]

    def account_of(self, address: str) -> Account | None:
        """The account of `address`, which may have a plus part. None when the address is not ours."""
        plain = without_plus(address)
        return next(
            (account for account in self.accounts if plain and folded(account.address) == plain), None
        )

    def first_account(self, addresses: Iterable[str]) -> Account | None:
        """The first account of a department among `addresses`, else the first account. None when none is ours."""
        accounts = [account for address in addresses if (account := self.account_of(address))]
        return next(
            (account for account in accounts if account.department), accounts[0] if accounts else None
        )

    def case_token(self, addresses: Sequence[str]) -> str | None:
        """The case token in the first of our addresses that has one. Its signature is not checked."""
        for address in addresses:
            local = address.strip().rpartition("@")[0]
            token = local.partition("+")[2]
            if token.lower().startswith(TOKEN_PREFIX) and self.account_of(address):
                return token
        return None


def of_organisation(organisation: Organisation) -> OurMail:
    """The mail addresses in the organisation's document."""
    return OurMail(
        _ascii_domain(organisation.organisation.domain),
        tuple(_account(account) for account in organisation.channels.email),
    )


class MailConnection(NamedTuple):
    """How the mail of one of our addresses reaches us: we read it by IMAP, or others bring it by SMTP."""

    name: str
    imap: ImapMailbox | None

    @property
    def kind(self) -> str:
        """The protocol."""
        return "imap" if self.imap else "smtp"

    @property
    def server(self) -> str | None:
        """The IMAP server, and how its connection is encrypted."""
        return f"{self.imap.host}:{self.imap.port} ({self.imap.tls})" if self.imap else None

    @property
    def is_enabled(self) -> bool:
        """Whether the document wants the mail to be read."""
        return self.imap is None or self.imap.enabled


def connections(organisation: Organisation) -> list[MailConnection]:
    """The connection of each of our addresses, by its folded address."""
    return [
        MailConnection(folded(account.address) or account.address, account.imap)
        for account in organisation.channels.email
    ]


def _account(account: EmailAccount) -> Account:
    return Account(account.address, account.name, account.department)


def folded(address: str) -> str | None:
    """An address in the form in which addresses are compared. None when it is no address."""
    identifier = identifiers.email(address)
    return identifier.value if identifier else None


def in_ascii(address: str) -> str:
    """An address as headers and SMTP have it: its domain in the ASCII form (IDNA), and what is before it as it stands."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{_ascii_domain(domain)}"


def _ascii_domain(domain: str) -> str:
    value = folded(f"domain@{domain}")
    return domain if value is None else value.rpartition("@")[2]


def without_plus(address: str) -> str | None:
    """As `folded`, without the plus part."""
    value = folded(address)
    if value is None:
        return None
    local, _, domain = value.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
