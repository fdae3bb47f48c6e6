"""Wires ingest-social together and runs it."""

from functools import partial

from antiphon import clock, logs, organisation
from antiphon.access import Access
from antiphon.consumer import Consumer
from antiphon.database import create_engine
from antiphon.service import Service, run, start
from antiphon.web import create_app
from ingest_social import actions, api, consumer
from ingest_social.bluesky.network import Bluesky
from ingest_social.sender import create_sender
from ingest_social.settings import Settings
from ingest_social.tasks import Follower, fetch_forever


async def main() -> None:
    """Runs the service until it is told to stop."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(actions.SERVICE, settings.log_format)
    council = organisation.load(settings.organisation)
    engine = create_engine(settings.database_url.get_secret_value())
    account = next(account for account in council.channels.social if account.network == Bluesky.name)
    network = Bluesky(
        settings.bluesky_service,
        account.handle,
        settings.bluesky_password.get_secret_value(),
        settings.bluesky_app,
        clock.utc_now,
        settings.bluesky_stream,
    )
    follower = Follower(engine, network, clock.utc_now)
    app = create_app(
        title="Antiphon ingest-social",
        service=actions.SERVICE,
        description="Posts of public networks that concern us in, threaded answers out.",
        engine=engine,
        access=Access(issuer=settings.issuer, audience=settings.audience, jwks=settings.jwks),
        package="ingest_social",
    )
    app.include_router(api.router(engine, network.name, lambda: (network.account, follower.connected)))
    taking = Consumer(
        service=actions.SERVICE,
        topics=consumer.TOPICS,
        handles=consumer.HANDLES,
        handle=partial(consumer.handle, networks=[network.name]),
        engine=engine,
        kafka=settings.kafka,
        clock=clock.utc_now,
        replica=settings.replica,
    )
    tasks = {
        "stream": follower.run,
        "sender": create_sender(engine, {network.name: network}, settings).run,
        "files": partial(fetch_forever, engine, network, settings),
    }
    await run(Service(actions.SERVICE, settings, engine, app, [taking], tasks))


if __name__ == "__main__":
    start(main)
