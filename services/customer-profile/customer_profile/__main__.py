"""Wires customer-profile together and runs it."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http.changes import ChangeFeed
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Service, begin, run, start
from antiphon.service_names import CUSTOMER_PROFILE
from customer_profile import api, consumer
from customer_profile.settings import Settings


async def main() -> None:
    """Runs the service until it is stopped."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(CUSTOMER_PROFILE, settings.log_format)
    engine = create_engine(settings.database_url.get_secret_value())
    organisation = await begin(partial(ActiveOrganisation.of_database, engine, settings.organisation))
    feed = ChangeFeed(engine)
    access = Access.of(settings)
    app = api.application(engine, access, feed, clock.utc_now, organisation)
    consumers = consumer.consumers(engine, settings.kafka, organisation, clock.utc_now, settings.replica)
    tasks = {"changes": feed.run}
    await run(
        Service(CUSTOMER_PROFILE, settings, engine, app, organisation, consumers=consumers, tasks=tasks)
    )


if __name__ == "__main__":
    start(main)
