"""Wires case-mgmt together and runs it."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http.changes import ChangeFeed
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Service, begin, run, start
from antiphon.service_names import CASE_MGMT
from case_mgmt import api, consumer
from case_mgmt.domain import tokens
from case_mgmt.settings import Settings


async def main() -> None:
    """Runs the service until it gets a signal to stop."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(CASE_MGMT, settings.log_format)
    secret = settings.case_token_secret.get_secret_value()
    previous = settings.case_token_previous_secret
    secrets = [secret, *([previous.get_secret_value()] if previous else [])]
    engine = create_engine(settings.database_url.get_secret_value())
    organisation = await begin(partial(ActiveOrganisation.of_database, engine, settings.organisation))
    feed = ChangeFeed(engine)
    access = Access.of(settings)
    app = api.application(engine, access, feed, clock.utc_now, token_secret=secret)
    consumers = consumer.consumers(
        engine,
        settings.kafka,
        organisation,
        partial(tokens.read, secrets=secrets),
        partial(tokens.make, secret=secret),
        settings.reopen_closed_within,
        clock.utc_now,
        settings.replica,
    )
    tasks = {"changes": feed.run}
    await run(Service(CASE_MGMT, settings, engine, app, organisation, consumers=consumers, tasks=tasks))


if __name__ == "__main__":
    start(main)
