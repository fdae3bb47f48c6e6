"""Wires ingest-email: the SMTP server, the IMAP readers, the sender, the consumer and the API."""

from functools import partial

from antiphon import service
from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.routes import Connections
from antiphon.connections.secrets import Secrets
from antiphon.connections.supervisor import Supervisor
from antiphon.postgres.engine import create_engine
from antiphon.process import logs
from antiphon.process.clock import utc_now
from antiphon.service import Service, begin, start
from antiphon.service_names import INGEST_EMAIL
from ingest_email import imap, imap_session, smtp
from ingest_email.active_mail import ActiveMail
from ingest_email.api import application
from ingest_email.consumer import create_consumer
from ingest_email.domain import accounts
from ingest_email.reading.pool import Readers
from ingest_email.sender import create_sender
from ingest_email.settings import Settings


async def main() -> None:
    """Runs the service until it receives SIGTERM or SIGINT."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(INGEST_EMAIL, settings.log_format)
    secrets = Secrets(settings.secrets, settings.secrets_key, settings.secrets_previous_key)
    engine = create_engine(settings.database_url.get_secret_value(), pool_size=20)
    organisation = await begin(partial(ActiveOrganisation.of_database, engine, settings.organisation))
    active = ActiveMail(organisation)
    access = Access.of(settings)
    connections = Connections(
        organisation, secrets, accounts.connections, lambda one: imap_session.log_in(one, secrets)
    )
    async with Readers(settings, utc_now) as readers:
        supervisor = Supervisor(
            engine,
            organisation,
            accounts.connections,
            imap.follower(settings, engine, readers, active, secrets, utc_now),
            utc_now,
        )
        await service.run(
            Service(
                INGEST_EMAIL,
                settings,
                engine,
                application(engine, access, connections),
                organisation,
                consumers=[
                    create_consumer(engine, settings.kafka, organisation, active, utc_now, settings.replica)
                ],
                tasks={
                    "smtp": lambda: smtp.serve(settings, engine, active, readers),
                    "sender": create_sender(settings, engine).run,
                    "mailboxes": supervisor.run,
                },
            )
        )


if __name__ == "__main__":
    start(main)
