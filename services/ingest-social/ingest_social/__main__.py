"""Wires ingest-social: a follower and a fetcher for each account, the sender, the consumer and the API."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.organisation import document
from antiphon.postgres.engine import create_engine
from antiphon.process import logs
from antiphon.process.clock import utc_now
from antiphon.service import Service, Task, run, start
from antiphon.service_names import INGEST_SOCIAL
from ingest_social.api import Followed, application
from ingest_social.consumer import create_consumer
from ingest_social.fetcher import fetch_forever
from ingest_social.follower import Follower
from ingest_social.networks import create_networks
from ingest_social.sender import create_sender
from ingest_social.settings import Settings


async def main() -> None:
    """Runs the service until it receives SIGTERM or SIGINT."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(INGEST_SOCIAL, settings.log_format)
    organisation = document.load(settings.organisation)
    engine = create_engine(settings.database_url.get_secret_value())
    networks = create_networks(organisation.channels.social, utc_now)
    followers = [Follower(engine, network, utc_now) for network in networks]
    tasks: dict[str, Task] = {"sender": create_sender(engine, networks, settings).run}
    for number, follower in enumerate(followers, 1):
        tasks[f"stream {number}"] = follower.run
        tasks[f"files {number}"] = partial(fetch_forever, engine, follower.network, settings)

    def followed() -> list[Followed]:
        return [
            Followed(follower.network.name, follower.network.account, follower.connected)
            for follower in followers
        ]

    await run(
        Service(
            INGEST_SOCIAL,
            settings,
            engine,
            application(
                engine,
                Access.of(settings),
                followed,
            ),
            [
                create_consumer(
                    engine,
                    settings.kafka,
                    {network.name for network in networks},
                    utc_now,
                    settings.replica,
                )
            ],
            tasks,
        )
    )


if __name__ == "__main__":
    start(main)
