"""Wires routing together and runs it."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http.changes import ChangeFeed
from antiphon.kafka.consumer import Consumer
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Service, begin, run, start
from antiphon.service_names import ROUTING
from routing import api, tasks
from routing.configuration import organisation_file
from routing.configuration.active import Configurations
from routing.intake import consumer
from routing.settings import Settings


async def main() -> None:
    """Runs the service until a signal stops it."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(ROUTING, settings.log_format)
    engine = create_engine(settings.database_url.get_secret_value())
    feed = ChangeFeed(engine)
    configurations = Configurations()
    source = settings.organisation.read_text(encoding="utf-8")

    async def load() -> None:
        async with engine.begin() as tx:
            await organisation_file.load(tx, source, settings.organisation.name, clock.utc_now())

    await begin(load)
    organisation = await begin(partial(ActiveOrganisation.of_database, engine, settings.organisation))
    access = Access.of(settings)
    app = api.application(engine, access, feed, clock.utc_now, configurations)
    cases = Consumer(
        service=ROUTING,
        topics=consumer.TOPICS,
        handles=consumer.HANDLES,
        handle=consumer.handler(configurations),
        engine=engine,
        kafka=settings.kafka,
        clock=clock.utc_now,
        replica=settings.replica,
    )
    await run(
        Service(
            ROUTING,
            settings,
            engine,
            app,
            organisation,
            consumers=[cases],
            tasks={
                "changes": feed.run,
                "assignment": partial(
                    tasks.assign_forever, engine, configurations, settings.offer_again_after, clock.utc_now
                ),
                "recomputing": partial(tasks.recompute_forever, engine, configurations, clock.utc_now),
                "reconciliation": partial(tasks.reconcile_forever, engine, configurations, clock.utc_now),
                "surges": partial(tasks.detect_surges_forever, engine, clock.utc_now),
                "counts": partial(tasks.add_up_counts_forever, engine),
                "timers": partial(tasks.fire_timers_forever, engine, configurations, clock.utc_now),
                "publishing again": partial(
                    tasks.publish_again_forever, engine, configurations, clock.utc_now
                ),
                "words": partial(tasks.forget_words_forever, engine, clock.utc_now, settings.words_kept_for),
                "trials": partial(tasks.run_trials_forever, engine, clock.utc_now, settings.trials_kept_for),
            },
        )
    )


if __name__ == "__main__":
    start(main)
