"""Our accounts on networks, as the active version of the organisation's document has them."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.secrets import Secrets
from antiphon.connections.states import NotConnectedError, Reason
from antiphon.organisation.organisation import Organisation
from antiphon.process.clock import Clock
from ingest_social.network import Network, NotSignedInError
from ingest_social.networks import Kind


class SocialConnection(NamedTuple):
    """An account of ours in the document. `server` gets its password."""

    kind: str
    handle: str
    server: str
    is_enabled: bool

    @property
    def name(self) -> str:
        """Network and handle."""
        return f"{self.kind}:{self.handle}"


class Followed(NamedTuple):
    """An account of ours, and whether this process is connected to its stream."""

    network: str
    account: str
    connected: bool


class OurAccounts(NamedTuple):
    """Our enabled accounts on one network, whether it recognises repeats, and whether the document disables another account."""

    networks: Sequence[Network]
    recognises_repeats: bool
    has_disabled: bool = False


class Accounts:
    """Makes one `Network` for each account of the active document, when somebody first asks for it."""

    def __init__(
        self, active: ActiveOrganisation, kinds: Mapping[str, Kind], secrets: Secrets, clock: Clock
    ) -> None:
        self._active = active
        self._kinds = kinds
        self._secrets = secrets
        self._clock = clock
        self._made: dict[SocialConnection, Network] = {}

    def connections(self, organisation: Organisation) -> list[SocialConnection]:
        """The accounts of a document. The server of a network that this service does not have is its name."""
        return [
            SocialConnection(account.network, account.handle, self._server(account.network), account.enabled)
            for account in organisation.channels.social
        ]

    def _server(self, network: str) -> str:
        kind = self._kinds.get(network)
        return kind.server if kind else network

    def on(self, network: str) -> OurAccounts:
        """Our accounts on a network now."""
        ours = [one for one in self._ours() if one.kind == network and network in self._kinds]
        kind = self._kinds.get(network)
        return OurAccounts(
            [self.network_of(one) for one in ours if one.is_enabled],
            kind is not None and kind.recognises_repeats,
            not all(one.is_enabled for one in ours),
        )

    def networks(self) -> set[str]:
        """The networks on which we have an account now."""
        return {one.kind for one in self._ours()}

    def _ours(self) -> list[SocialConnection]:
        return self.connections(self._active.current.organisation)

    def network_of(self, connection: SocialConnection) -> Network:
        """The one `Network` of an account. Raises NotConnectedError when this service does not have that network."""
        if connection not in self._made:
            self._made[connection] = self._make(connection)
        return self._made[connection]

    def _make(self, connection: SocialConnection) -> Network:
        kind = self._kinds.get(connection.kind)
        if kind is None:
            there = ", ".join(self._kinds)
            raise NotConnectedError(Reason.UNKNOWN_NETWORK, f"{connection.kind}: there is {there}")
        return kind.create(connection.handle, partial(self._secrets.read, connection), self._clock)

    async def release(self, connection: SocialConnection) -> None:
        """Ends the `Network` of an account that the document no longer has in this form."""
        network = self._made.pop(connection, None)
        if network is not None:
            await network.close()

    async def log_in(self, connection: SocialConnection) -> None:
        """Signs in as this account, apart from what follows it. Raises NotConnectedError."""
        network = self._make(connection)
        try:
            await network.connect_account()
        except NotSignedInError as error:
            raise NotConnectedError(error.reason, str(error)) from None
        finally:
            await network.close()
