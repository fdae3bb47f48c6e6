"""Wires ingest-direct together and runs it."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.http.changes import ChangeFeed
from antiphon.organisation import document
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Service, run, start
from antiphon.service_names import INGEST_DIRECT
from ingest_direct import api, consumer, tasks
from ingest_direct.settings import Settings


async def main() -> None:
    """Runs the service until it is stopped."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(INGEST_DIRECT, settings.log_format)
    council = document.load(settings.organisation)
    engine = create_engine(settings.database_url.get_secret_value())
    feed = ChangeFeed(engine)
    app = api.application(
        engine,
        Access.of(settings),
        feed,
        clock.utc_now,
        region=council.organisation.region,
        max_attachment_bytes=settings.max_attachment_bytes,
    )
    consumers = consumer.consumers(engine, settings.kafka, clock.utc_now, settings.replica)
    attachments = partial(tasks.delete_unused_attachments, engine, settings.unused_attachment_kept_for)
    background = {"changes": feed.run, "attachments": attachments}
    await run(Service(INGEST_DIRECT, settings, engine, app, consumers, background))


if __name__ == "__main__":
    start(main)
