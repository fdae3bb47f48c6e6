"""The networks that there are. One is added by its folder and a line here."""

from collections.abc import Callable, Mapping, Sequence

from antiphon.organisation.document import SocialAccount
from antiphon.process.clock import Clock
from ingest_social.bluesky import network as bluesky
from ingest_social.network import AccountError, Network

_NETWORKS: Mapping[str, Callable[[str, Clock], Network]] = {bluesky.Bluesky.name: bluesky.create}


def create_networks(accounts: Sequence[SocialAccount], clock: Clock) -> list[Network]:
    """One for each account of ours. Raises AccountError for a network that there is not, or a password that lacks."""
    created: list[Network] = []
    for account in accounts:
        create = _NETWORKS.get(account.network)
        if create is None:
            raise AccountError(f"{account.handle}: there is no network {account.network!r}")
        created.append(create(account.handle, clock))
    return created
