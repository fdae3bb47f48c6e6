"""The networks of this service. A new one needs its folder and a line here."""

from collections.abc import Callable, Mapping, Sequence

from antiphon.organisation.channels import SocialAccount
from antiphon.process.clock import Clock
from ingest_social.bluesky import network as bluesky
from ingest_social.network import AccountError, Network

_NETWORKS: Mapping[str, Callable[[str, Clock], Network]] = {bluesky.Bluesky.name: bluesky.create}


def create_networks(accounts: Sequence[SocialAccount], clock: Clock) -> list[Network]:
    """One for each account of ours. Raises AccountError for an unknown network, or for a missing password."""
    created: list[Network] = []
    for account in accounts:
        create = _NETWORKS.get(account.network)
        if create is None:
            raise AccountError(
                f"{account.handle}: unknown network {account.network!r}; this service knows {', '.join(_NETWORKS)}"
            )
        created.append(create(account.handle, clock))
    return created
