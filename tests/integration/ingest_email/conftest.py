import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.routes import Connections
from antiphon.connections.secrets import Secrets, new_key
from antiphon.postgres import migrations
from antiphon.postgres.engine import create_engine
from deploy import keys
from deploy.postgres import Postgres
from deploy.site import EXAMPLE, Site
from ingest_email import imap_session, smtp, store
from ingest_email.active_mail import ActiveMail
from ingest_email.api import application
from ingest_email.domain import accounts
from ingest_email.domain.accounts import OurMail
from ingest_email.reading.pool import Readers
from ingest_email.settings import Settings
from tests.support.mail import bearer, free_port, now, port_of


@pytest.fixture(scope="session")
def mail_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("ingest-email"), durable=False)


@pytest.fixture(scope="session")
def mail_postgres(mail_site: Site) -> Iterator[Postgres]:
    server = Postgres(mail_site.directory / "postgres", free_port(), durable=False)
    with server:
        server.create_database("ingest-email")
        asyncio.run(migrations.upgrade(server.url("ingest-email"), "ingest_email"))
        yield server


@pytest.fixture
async def engine(mail_postgres: Postgres) -> AsyncIterator[AsyncEngine]:
    made = create_engine(mail_postgres.url("ingest-email"))
    async with made.begin() as tx:
        names = ", ".join(table.name for table in store.METADATA.sorted_tables)
        await tx.execute(text(f"truncate {names} restart identity cascade"))
    yield made
    await made.dispose()


@pytest.fixture
def organisation() -> ActiveOrganisation:
    return ActiveOrganisation.of_file(EXAMPLE)


@pytest.fixture
def active(organisation: ActiveOrganisation) -> ActiveMail:
    return ActiveMail(organisation)


@pytest.fixture
def ours(active: ActiveMail) -> OurMail:
    return active.ours


@pytest.fixture
def settings(mail_postgres: Postgres, mail_site: Site, tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "database_url": mail_postgres.url("ingest-email"),
            "organisation": EXAMPLE,
            "issuer": keys.ISSUER,
            "audience": keys.AUDIENCE,
            "jwks": str(keys.jwks(mail_site.secrets)),
            "smtp_port": 0,
            "size_limit": 200_000,
            "secrets": tmp_path / "secrets",
            "secrets_key": new_key(),
        }
    )


@pytest.fixture
async def readers(settings: Settings) -> AsyncIterator[Readers]:
    async with Readers(settings, now) as started:
        yield started


@pytest.fixture
async def smtp_port(
    settings: Settings, engine: AsyncEngine, active: ActiveMail, readers: Readers
) -> AsyncIterator[int]:
    """The port on which an SMTP server of the service listens."""
    server = await smtp.listen(settings, engine, active, readers)
    yield port_of(server)
    server.close()


@pytest.fixture
def secrets(settings: Settings) -> Secrets:
    return Secrets(settings.secrets, settings.secrets_key)


@pytest.fixture
async def api(
    settings: Settings,
    engine: AsyncEngine,
    mail_site: Site,
    organisation: ActiveOrganisation,
    secrets: Secrets,
) -> AsyncIterator[httpx.AsyncClient]:
    connections = Connections(
        organisation, secrets, accounts.connections, lambda one: imap_session.log_in(one, secrets)
    )
    access = Access(issuer=settings.issuer, audience=settings.audience, jwks=settings.jwks)
    transport = httpx.ASGITransport(application(engine, access, connections))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=bearer(mail_site, Role.AGENT)
    ) as client:
        yield client


@pytest.fixture(scope="session")
def corpus() -> list[Path]:
    folder = Path(__file__).parents[4] / "shared" / "corpora" / "email-mikel-mail"
    if not folder.is_dir():
        pytest.skip("the corpus email-mikel-mail is not beside the project")
    return sorted(path for path in folder.rglob("emails/**/*") if path.is_file())
