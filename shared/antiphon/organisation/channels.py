"""Channels: the addresses and accounts where customers reach us."""

from antiphon.organisation.section import Section


class EmailAccount(Section):
    """A mail address of ours."""

    address: str
    name: str
    department: str | None = None


class SocialAccount(Section):
    """An account of ours on a network."""

    network: str
    handle: str
    name: str


class Channels(Section):
    """Where customers reach us."""

    email: list[EmailAccount] = []
    social: list[SocialAccount] = []
