"""Wires ingest-direct together and runs it."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http.changes import ChangeFeed
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Service, begin, run, start
from antiphon.service_names import INGEST_DIRECT
from ingest_direct import api, consumer, tasks
from ingest_direct.settings import Settings


async def main() -> None:
    """Runs the service until it is stopped."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(INGEST_DIRECT, settings.log_format)
    engine = create_engine(settings.database_url.get_secret_value())
    organisation = await begin(partial(ActiveOrganisation.of_database, engine, settings.organisation))
    feed = ChangeFeed(engine)
    app = api.application(
        engine,
        Access.of(settings),
        feed,
        clock.utc_now,
        organisation,
        max_attachment_bytes=settings.max_attachment_bytes,
    )
    consumers = consumer.consumers(engine, settings.kafka, organisation, clock.utc_now, settings.replica)
    attachments = partial(tasks.delete_unused_attachments, engine, settings.unused_attachment_kept_for)
    background = {"changes": feed.run, "attachments": attachments}
    await run(
        Service(INGEST_DIRECT, settings, engine, app, organisation, consumers=consumers, tasks=background)
    )


if __name__ == "__main__":
    start(main)
