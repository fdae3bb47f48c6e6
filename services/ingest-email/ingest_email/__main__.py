"""Wires ingest-email: the SMTP server, the IMAP readers, the sender, the consumer and the API."""

from antiphon import service
from antiphon.access.tokens import Access
from antiphon.organisation import document
from antiphon.postgres.engine import create_engine
from antiphon.process import logs
from antiphon.process.clock import utc_now
from antiphon.service import Service, Task, start
from antiphon.service_names import INGEST_EMAIL
from ingest_email import smtp
from ingest_email.api import application
from ingest_email.consumer import create_consumer
from ingest_email.domain import accounts
from ingest_email.imap import Reader
from ingest_email.reading.pool import Readers
from ingest_email.sender import create_sender
from ingest_email.settings import Settings


async def main() -> None:
    """Runs the service until it receives SIGTERM or SIGINT."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(INGEST_EMAIL, settings.log_format)
    ours = accounts.of_organisation(document.load(settings.organisation))
    engine = create_engine(settings.database_url.get_secret_value(), pool_size=20)
    access = Access.of(settings)
    async with Readers(settings, ours, utc_now) as readers:
        tasks: dict[str, Task] = {
            "smtp": lambda: smtp.serve(settings, engine, ours, readers),
            "sender": create_sender(settings, engine).run,
        }
        for mailbox in settings.mailboxes:
            tasks[f"imap:{mailbox.name}"] = Reader(settings, mailbox, engine, readers, utc_now).run
        await service.run(
            Service(
                INGEST_EMAIL,
                settings,
                engine,
                application(engine, access),
                [create_consumer(engine, settings.kafka, ours, utc_now, settings.replica)],
                tasks,
            )
        )


if __name__ == "__main__":
    start(main)
