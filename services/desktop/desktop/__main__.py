"""Wires the desktop's back end together and runs it."""

from antiphon.access.tokens import Access
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Process, run, start
from antiphon.service_names import DESKTOP
from desktop import api
from desktop.api.parameters import Api
from desktop.sessions.issuer import Issuer
from desktop.sessions.open_streams import OpenStreams
from desktop.sessions.sessions import Sessions
from desktop.settings import Settings
from desktop.streams import services


async def main() -> None:
    """Runs the process until it is stopped."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(DESKTOP, settings.log_format)
    engine = create_engine(settings.database_url.get_secret_value())
    async with services.client() as http:
        issuer = Issuer(settings, http, clock.utc_now)
        sessions = Sessions(engine, issuer, settings, clock.utc_now)
        streams = OpenStreams(engine, settings.idle_after, clock.utc_now)
        at = Api(
            settings, sessions, issuer, streams, services.Services(settings.services, http), clock.utc_now
        )
        app = api.application(engine, Access.of(settings), at)
        tasks = {"ends of sessions": streams.run, "forgetting sessions": streams.forget}
        await run(Process(DESKTOP, settings, engine, app, tasks=tasks))


if __name__ == "__main__":
    start(main)
