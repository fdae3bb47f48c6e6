"""Wires ingest-social together and runs it."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.http.app import create_app
from antiphon.kafka.consumer import Consumer
from antiphon.organisation import document
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Service, Task, run, start
from antiphon.service_names import INGEST_SOCIAL
from ingest_social import api, consumer
from ingest_social.networks import create_networks
from ingest_social.sender import create_sender
from ingest_social.settings import Settings
from ingest_social.tasks import Follower, fetch_forever


async def main() -> None:
    """Runs the service until it is told to stop."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(INGEST_SOCIAL, settings.log_format)
    council = document.load(settings.organisation)
    engine = create_engine(settings.database_url.get_secret_value())
    networks = create_networks(council.channels.social, clock.utc_now)
    followers = [Follower(engine, network, clock.utc_now) for network in networks]
    app = create_app(
        title="Antiphon ingest-social",
        service=INGEST_SOCIAL,
        description="Posts of public networks that concern us in, threaded answers out.",
        engine=engine,
        access=Access(issuer=settings.issuer, audience=settings.audience, jwks=settings.jwks),
        package="ingest_social",
    )
    app.include_router(
        api.router(
            engine,
            lambda: [
                api.Followed(follower.network.name, follower.network.account, follower.connected)
                for follower in followers
            ],
        )
    )
    taking = Consumer(
        service=INGEST_SOCIAL,
        topics=consumer.TOPICS,
        handles=consumer.HANDLES,
        handle=partial(consumer.handle, networks={network.name for network in networks}),
        engine=engine,
        kafka=settings.kafka,
        clock=clock.utc_now,
        replica=settings.replica,
    )
    tasks: dict[str, Task] = {"sender": create_sender(engine, networks, settings).run}
    for number, follower in enumerate(followers, 1):
        tasks[f"stream {number}"] = follower.run
        tasks[f"files {number}"] = partial(fetch_forever, engine, follower.network, settings)
    await run(Service(INGEST_SOCIAL, settings, engine, app, [taking], tasks))


if __name__ == "__main__":
    start(main)
