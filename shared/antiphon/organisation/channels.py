"""Channels: the addresses and accounts where customers reach us."""

from typing import Literal

from pydantic import Field

from antiphon.organisation.section import Section

SocialNetwork = Literal["bluesky"]
"""The networks that ingest-social has."""
PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}$"
"""Text on one line."""


class ImapMailbox(Section):
    """Where the mail of an address is read by IMAP, if no server brings it to us by SMTP. Its password is no part of the document."""

    host: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,253}$", description="Host of the IMAP server.")
    port: int = Field(default=993, ge=1, le=65535, description="Port of the IMAP server.")
    user: str = Field(pattern=PLAIN, description="User name at the IMAP server.")
    folder: str = Field(default="INBOX", pattern=PLAIN, description="Folder that is read.")
    tls: Literal["implicit", "starttls", "none"] = Field(
        "implicit", description="Encryption of the connection."
    )
    enabled: bool = Field(default=True, description="Whether the mailbox is read.")


class EmailAccount(Section):
    """A mail address of ours. A part that a sender adds after a plus belongs to the same address."""

    address: str = Field(pattern=r"^[^@+\s]+@[^@\s]+$")
    """The address."""
    name: str = Field(pattern=PLAIN)
    """The name from which answers come."""
    department: str | None = None
    """The department of a mail in which no topic is found."""
    imap: ImapMailbox | None = None
    """Where its mail is read by IMAP. Default: it comes by SMTP."""


class SocialAccount(Section):
    """An account of ours on a network."""

    network: SocialNetwork
    """The network."""
    handle: str = Field(pattern=r"^\S{1,253}$")
    """The account's handle."""
    name: str = Field(pattern=PLAIN)
    """What people call it."""
    enabled: bool = Field(default=True, description="Whether the account is followed, and answers.")


class Channels(Section):
    """Where customers reach us."""

    email: list[EmailAccount] = []
    """Our mail addresses."""
    social: list[SocialAccount] = []
    """Our accounts on networks."""
