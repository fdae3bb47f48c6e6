"""Wires case-mgmt together and runs it."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Service, run, start
from antiphon.service_names import CASE_MGMT
from case_mgmt import api, consumer
from case_mgmt.domain import tokens
from case_mgmt.settings import Settings


async def main() -> None:
    """Runs the service until it is told to stop."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(CASE_MGMT, settings.log_format)
    secret = settings.case_token_secret.get_secret_value()
    former = settings.case_token_previous_secret
    secrets = [secret, *([former.get_secret_value()] if former else [])]
    engine = create_engine(settings.database_url.get_secret_value())
    feed = ChangeFeed(engine)
    app = create_app(
        title="Antiphon case-mgmt",
        service=CASE_MGMT,
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
    await run(Service(CASE_MGMT, settings, engine, app, taking, {"changes": feed.run}))


if __name__ == "__main__":
    start(main)
