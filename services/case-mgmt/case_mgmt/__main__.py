"""Wires case-mgmt together and runs it."""

from functools import partial

from antiphon import clock, logs
from antiphon.access import Access
from antiphon.changes import ChangeFeed
from antiphon.database import create_engine
from antiphon.service import Service, run, start
from antiphon.web import create_app
from case_mgmt import api, consumer
from case_mgmt.domain import tokens
from case_mgmt.settings import Settings
from case_mgmt.unit import SERVICE


async def main() -> None:
    """Runs the service until it is told to stop."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(SERVICE, settings.log_format)
    secret = settings.case_token_secret.get_secret_value()
    former = settings.case_token_previous_secret
    secrets = [secret, *([former.get_secret_value()] if former else [])]
    engine = create_engine(settings.database_url.get_secret_value())
    feed = ChangeFeed(engine)
    app = create_app(
        title="Antiphon case-mgmt",
        service=SERVICE,
        description="Cases: what customers want settled, all that was said and done about it, and the answers.",
        engine=engine,
        access=Access(issuer=settings.issuer, audience=settings.audience, jwks=settings.jwks),
        package="case_mgmt",
    )
    app.include_router(api.router(engine, feed, clock.utc_now, token_secret=secret))
    taking = consumer.consumers(
        engine,
        settings.kafka,
        partial(tokens.read, secrets=secrets),
        partial(tokens.make, secret=secret),
        settings.reopen_closed_within,
        clock.utc_now,
        settings.replica,
    )
    await run(Service(SERVICE, settings, engine, app, taking, {"changes": feed.run}))


if __name__ == "__main__":
    start(main)
