"""Wires ingest-direct together and runs it."""

import asyncio

from antiphon import clock, logs, organisation
from antiphon.access import Access
from antiphon.changes import ChangeFeed
from antiphon.database import create_engine
from antiphon.failures import is_passing
from antiphon.service import Service, run, start
from antiphon.web import create_app
from ingest_direct import actions, api, consumer, store
from ingest_direct.settings import Settings

# What a form may have around its file.
FORM_BYTES = 64 * 1024


async def main() -> None:
    """Runs the service until it is told to stop."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(actions.SERVICE, settings.log_format)
    council = organisation.load(settings.organisation)
    engine = create_engine(settings.database_url.get_secret_value())
    access = Access(issuer=settings.issuer, audience=settings.audience, jwks=settings.jwks)
    feed = ChangeFeed(engine)
    app = create_app(
        title="Antiphon ingest-direct",
        service=actions.SERVICE,
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
                if not is_passing(error):
                    raise
            await asyncio.sleep(600)

    await run(
        Service(
            actions.SERVICE,
            settings,
            engine,
            app,
            consumer.consumers(engine, settings.kafka, clock.utc_now, settings.replica),
            {"changes": feed.run, "attachments": forget_attachments},
        )
    )


if __name__ == "__main__":
    start(main)
