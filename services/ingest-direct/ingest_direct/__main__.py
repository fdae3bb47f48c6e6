"""Wires ingest-direct together and runs it."""

import asyncio

from antiphon.access.tokens import Access
from antiphon.failures import is_transient
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.organisation import document
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Service, run, start
from antiphon.service_names import INGEST_DIRECT
from ingest_direct import api, consumer, store
from ingest_direct.settings import Settings

# What a form may have around its file.
FORM_BYTES = 64 * 1024


async def main() -> None:
    """Runs the service until it is told to stop."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(INGEST_DIRECT, settings.log_format)
    council = document.load(settings.organisation)
    engine = create_engine(settings.database_url.get_secret_value())
    access = Access(issuer=settings.issuer, audience=settings.audience, jwks=settings.jwks)
    feed = ChangeFeed(engine)
    app = create_app(
        title="Antiphon ingest-direct",
        service=INGEST_DIRECT,
        description="Phone calls, letters, visits, web forms, chats and partners' messages in; answers handed back.",
        engine=engine,
        access=access,
        package="ingest_direct",
        larger_bodies={"/attachments": settings.max_attachment_bytes + FORM_BYTES},
    )
    app.include_router(
        api.router(
            engine, feed, clock.utc_now, region=council.organisation.region,
            max_attachment_bytes=settings.max_attachment_bytes,
        )
    )  # fmt: skip

    async def forget_attachments() -> None:
        while True:
            try:
                async with engine.begin() as tx:
                    await store.forget_unused_attachments(tx, settings.unused_attachment_kept_for)
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(600)

    await run(
        Service(
            INGEST_DIRECT,
            settings,
            engine,
            app,
            consumer.consumers(engine, settings.kafka, clock.utc_now, settings.replica),
            {"changes": feed.run, "attachments": forget_attachments},
        )
    )


if __name__ == "__main__":
    start(main)
