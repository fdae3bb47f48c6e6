"""Wires the desktop's back end together and runs it."""

from antiphon.access.tokens import Access
from antiphon.postgres.engine import create_engine
from antiphon.process import clock, logs
from antiphon.service import Process, run, start
from antiphon.service_names import DESKTOP
from desktop import api
from desktop.api import token
from desktop.api.gate import Limits
from desktop.api.parameters import Api
from desktop.api_keys.signing import SigningKeys
from desktop.documents import Documents
from desktop.domain.rate_limits import Quota
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
    access = Access.of(settings)
    async with services.client(api.own(engine, access, clock.utc_now)) as http:
        issuer = Issuer(settings, http, clock.utc_now)
        sessions = Sessions(engine, issuer, settings, clock.utc_now)
        streams = OpenStreams(engine, settings.idle_after, clock.utc_now)
        behind = services.Services(settings.services | {DESKTOP: services.OWN}, http)
        documents = Documents(behind, f"{settings.gateway_issuer}{token.PATH}")
        at = Api(settings, sessions, issuer, streams, behind, documents, clock.utc_now)
        app = api.application(engine, access, at)
        signing = SigningKeys(
            settings.api_signing_keys, issuer=settings.gateway_issuer, audience=settings.audience
        )
        programs = api.Programs(behind, documents, signing, _limits(settings), clock.utc_now)
        others = {settings.api_port: api.for_programs(engine, access, programs)}
        tasks = {"ends of sessions": streams.run, "forgetting sessions": streams.forget}
        await run(Process(DESKTOP, settings, engine, app, others=others, tasks=tasks))


def _limits(settings: Settings) -> Limits:
    window_s = int(settings.api_window.total_seconds())
    return Limits(
        Quota("requests", settings.api_requests, window_s), Quota("failures", settings.api_failures, window_s)
    )


if __name__ == "__main__":
    start(main)
