"""Wires the six services together for the ledgers, each as its own `__main__` does, without their periodic tasks."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import yaml
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

import case_mgmt.api
import case_mgmt.consumer
import customer_profile.consumer
import ingest_direct.api
import ingest_direct.consumer
import ingest_email.consumer
import ingest_social.consumer
import routing.intake.consumer
from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.base import Event
from antiphon.http.changes import ChangeFeed
from antiphon.kafka.consumer import Consumer, Handle
from antiphon.kafka.publisher import Publisher
from antiphon.kafka.relay import Relay
from antiphon.kafka.unclear_refusals import UnclearRefusals
from antiphon.postgres.engine import create_engine
from antiphon.postgres.query import driver_of
from antiphon.process.clock import utc_now
from antiphon.service_names import ROUTING, SERVICES
from case_mgmt.domain import tokens
from deploy import keys
from deploy.kafka import Kafka
from deploy.postgres import Postgres
from deploy.site import EXAMPLE, Site
from deploy.world import Pds
from ingest_email import smtp
from ingest_email.active_mail import ActiveMail
from ingest_email.reading.pool import Readers
from ingest_email.settings import Settings as MailSettings
from ingest_social.bluesky.network import Bluesky
from routing.configuration.active import Configurations
from tests.ledgers.system import STILL_LEADING, Service, Subscription, System
from tests.ledgers.wire import Wire
from tests.support.bluesky import PASSWORD, World
from tests.support.mail import port_of

SECRET = "a secret of the tests"
# The available agents: for planning, for posts, for rates. None is for roads.
PRESENT = ("elena", "grace", "amara")


class OtherSide:
    """The mail server of customers, which accepts every mail."""

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return "250 2.0.0 accepted"


@asynccontextmanager
async def open_system(
    site: Site, postgres: Postgres, kafka: Kafka, pds: Pds, databases: Mapping[str, str]
) -> AsyncGenerator[System]:
    """A system that is ready for the first interaction, on the migrated databases of the services."""
    async with AsyncExitStack() as stack:
        services = {name: await _service(stack, name, databases[name], postgres, kafka) for name in SERVICES}
        engines = {name: service.engine for name, service in services.items()}
        world = await _world(stack, engines["ingest-social"], pds)
        organisations = {name: ActiveOrganisation.of_file(EXAMPLE) for name in SERVICES if name != ROUTING}
        active = ActiveMail(organisations["ingest-email"])
        jwks = str(keys.jwks(site.secrets))
        access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=jwks)
        mail = await _mail(stack, engines["ingest-email"], active, jwks)
        configurations = Configurations()
        system = System(
            services,
            _subscriptions(engines, kafka.bootstrap, organisations, active, configurations),
            configurations,
            organisations,
            mail,
            {
                "ingest-direct": await _client(
                    stack,
                    ingest_direct.api.application(
                        engines["ingest-direct"], access,
                        ChangeFeed(engines["ingest-direct"]), utc_now, organisations["ingest-direct"], max_attachment_bytes=1000,
                    ),
                ),
                "case-mgmt": await _client(
                    stack,
                    case_mgmt.api.application(
                        engines["case-mgmt"], access, ChangeFeed(engines["case-mgmt"]), utc_now, token_secret=SECRET
                    ),
                ),
            },
            lambda who: keys.token(site.secrets, role=Role.AGENT, name=who, now=utc_now()),
            world,
            await world.somebody(),
        )  # fmt: skip
        await system.begin(_organisation(), PRESENT)
        await stack.enter_async_context(world.following())
        # The stream is in order: when this post has arrived, all earlier events have.
        await system.post(system.regular, "is anybody there?")
        yield system


async def _service(
    stack: AsyncExitStack, name: str, database: str, postgres: Postgres, kafka: Kafka
) -> Service:
    wire = await stack.enter_async_context(Wire(postgres.port))
    uncounted = create_engine(database)
    counted = uncounted.url.set(port=wire.port).update_query_dict({"ssl": "disable"})
    engine = create_engine(counted.render_as_string(hide_password=False))
    event.listen(engine.sync_engine, "do_connect", _keep_prepared)
    for own in (uncounted, engine):
        stack.push_async_callback(own.dispose)
    publisher = Publisher(
        kafka.bootstrap,
        f"{name}-relay",
        unclear=UnclearRefusals(),
        unknown_topic_waits=timedelta(seconds=30),
    )
    await publisher.start()
    stack.push_async_callback(publisher.end)
    relaying = await stack.enter_async_context(engine.connect())
    await relaying.execution_options(isolation_level="AUTOCOMMIT")
    await driver_of(relaying).fetch(STILL_LEADING)
    listening = await asyncpg.connect(
        uncounted.url.set(drivername="postgresql").render_as_string(hide_password=False)
    )
    stack.push_async_callback(listening.close)
    relay = Relay(name, engine, kafka.bootstrap, utc_now)
    service = Service(name, wire, engine, uncounted, relay, publisher, relaying, listening)
    await service.listen()
    return service


def _keep_prepared(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
    """Prepared statements do not expire: the driver would prepare them again after five minutes."""
    options["max_cached_statement_lifetime"] = 0


async def _world(stack: AsyncExitStack, engine: AsyncEngine, pds: Pds) -> World:
    handle = f"c{uuid4().hex[:10]}.test"
    did = await asyncio.to_thread(pds.account, handle, PASSWORD)
    http = await stack.enter_async_context(AsyncClient(timeout=30))
    world = World(engine, pds, http, handle, did)
    stack.push_async_callback(world.network.close)
    return world


async def _mail(stack: AsyncExitStack, engine: AsyncEngine, active: ActiveMail, jwks: str) -> MailSettings:
    """Settings with the ports of an open SMTP entry point and of the customers' mail server."""
    loop = asyncio.get_running_loop()
    other = await loop.create_server(lambda: SMTP(OtherSide(), hostname="other", loop=loop), "127.0.0.1", 0)
    stack.callback(other.close)
    values: dict[str, Any] = {
        "database_url": "unused", "organisation": EXAMPLE, "issuer": keys.ISSUER, "jwks": jwks,
        "relay_port": port_of(other), "smtp_port": 0, "secrets": "unused", "secrets_key": "unused",
    }  # fmt: skip
    settings = MailSettings.model_validate(values)
    readers = await stack.enter_async_context(Readers(settings, utc_now))
    entry = await smtp.listen(settings, engine, active, readers)
    stack.callback(entry.close)
    return settings.model_copy(update={"smtp_port": port_of(entry)})


async def _client(stack: AsyncExitStack, app: FastAPI) -> AsyncClient:
    return await stack.enter_async_context(AsyncClient(transport=ASGITransport(app), base_url="http://test"))


def _subscriptions(
    engines: dict[str, AsyncEngine],
    kafka: str,
    organisations: Mapping[str, ActiveOrganisation],
    active: ActiveMail,
    configurations: Configurations,
) -> list[Subscription]:
    """All consumers of all services, wired as in the services."""

    def consumer(
        service: str, topics: Sequence[str], handles: Iterable[type[Event]], handle: Handle
    ) -> Consumer:
        return Consumer(
            service=service, topics=topics, handles=handles, handle=handle, engine=engines[service],
            kafka=kafka, clock=utc_now,
        )  # fmt: skip

    of: dict[str, Sequence[Consumer]] = {
        "ingest-email": [
            ingest_email.consumer.create_consumer(
                engines["ingest-email"], kafka, organisations["ingest-email"], active, utc_now, "1"
            )
        ],
        "ingest-social": [
            ingest_social.consumer.create_consumer(
                engines["ingest-social"], kafka, organisations["ingest-social"], lambda: [Bluesky.name], utc_now, "1"
            )
        ],
        "ingest-direct": ingest_direct.consumer.consumers(engines["ingest-direct"], kafka, organisations["ingest-direct"], utc_now, "1"),
        "customer-profile": customer_profile.consumer.consumers(
            engines["customer-profile"], kafka, organisations["customer-profile"], utc_now, "1"
        ),
        "case-mgmt": case_mgmt.consumer.consumers(
            engines["case-mgmt"], kafka, organisations["case-mgmt"], partial(tokens.read, secrets=[SECRET]), partial(tokens.make, secret=SECRET),
            timedelta(days=14), utc_now, "1",
        ),
        "routing": [
            consumer(
                "routing", routing.intake.consumer.TOPICS, routing.intake.consumer.HANDLES,
                routing.intake.consumer.handler(configurations),
            )
        ],
    }  # fmt: skip
    return [Subscription(service, consumer) for service in SERVICES for consumer in of[service]]


def _organisation() -> str:
    """The example organisation, open around the clock, with agents who always have free capacity."""
    organisation: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    organisation["calendars"]["office"] = {"name": "Always open", "time_zone": "UTC", "hours": "always"}
    for agent in organisation["people"]:
        agent["capacity"] = 100
    for queue in organisation["queues"].values():
        queue["offer_timeout"] = "1h"
    return yaml.safe_dump(organisation, sort_keys=False)
