"""The networks of this service. A new one needs its folder, a line here, and its name in the organisation's document."""

from collections.abc import Callable, Mapping
from typing import Protocol

from antiphon.contracts.interactions import ReplyLimits
from antiphon.process.clock import Clock
from ingest_social.bluesky.network import Bluesky, BlueskyServer
from ingest_social.bluesky.settings import Settings as BlueskySettings
from ingest_social.network import Network


class Kind(Protocol):
    """A network, as the settings reach it."""

    @property
    def server(self) -> str:
        """The server that gets the passwords of our accounts."""
        ...

    @property
    def recognises_repeats(self) -> bool:
        """Whether a reply that was posted already is recognised by its key. If not, a person decides on an unknown outcome."""
        ...

    @property
    def reply_limits(self) -> ReplyLimits | None:
        """How long a reply may be; None where nothing limits it."""
        ...

    def split(self, text: str) -> list[str]:
        """A reply as the posts in which it is sent, however many."""
        ...

    def create(self, handle: str, password: Callable[[], str], clock: Clock) -> Network:
        """Our account of this handle. `password` is called at each sign-in, and may raise NotConnectedError."""
        ...


def of_environment() -> Mapping[str, Kind]:
    """All networks, by the name that the document has for them."""
    return {Bluesky.name: BlueskyServer(BlueskySettings())}  # pyright: ignore[reportCallIssue] - from the environment
