"""Wires ingest-social: what follows each account, the sender, the consumer and the API."""

from functools import partial

from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.routes import Connections
from antiphon.connections.secrets import Secrets
from antiphon.connections.supervisor import Supervisor
from antiphon.postgres.engine import create_engine
from antiphon.process import logs
from antiphon.process.clock import utc_now
from antiphon.service import Service, begin, run, start
from antiphon.service_names import INGEST_SOCIAL
from ingest_social import networks
from ingest_social.accounts import Accounts
from ingest_social.api import application
from ingest_social.consumer import create_consumer
from ingest_social.follower import Followers
from ingest_social.sender import create_sender
from ingest_social.settings import Settings


async def main() -> None:
    """Runs the service until it receives SIGTERM or SIGINT."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    logs.configure(INGEST_SOCIAL, settings.log_format)
    engine = create_engine(settings.database_url.get_secret_value())
    organisation = await begin(partial(ActiveOrganisation.of_database, engine, settings.organisation))
    secrets = Secrets(settings.secrets, settings.secrets_key, settings.secrets_previous_key)
    kinds = networks.of_environment()
    accounts = Accounts(organisation, kinds, secrets, utc_now)
    followers = Followers(engine, accounts, settings, utc_now)
    supervisor = Supervisor(engine, organisation, accounts.connections, followers.follow, utc_now)
    access = Access.of(settings)
    connections = Connections(organisation, secrets, accounts.connections, accounts.log_in)
    await run(
        Service(
            INGEST_SOCIAL,
            settings,
            engine,
            application(engine, access, followers.streams, connections, kinds),
            organisation,
            consumers=[
                create_consumer(
                    engine, settings.kafka, organisation, accounts.networks, utc_now, settings.replica
                )
            ],
            tasks={"sender": create_sender(engine, accounts.on, settings).run, "accounts": supervisor.run},
        )
    )


if __name__ == "__main__":
    start(main)
