"""Starts and stops everything on one machine, in order: for `make`, the end-to-end tests and the stands."""

import contextlib
import json
import signal
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from antiphon.service_names import PROCESSES, SERVICES
from deploy import keys, services
from deploy.kafka import Kafka, Node
from deploy.morning import story
from deploy.postgres import Postgres
from deploy.processes import Process, StartError
from deploy.sign_in import SignIn
from deploy.site import Ports, Site
from deploy.world import MailServer, Pds, jars, listens

Report = Callable[[str], None]


@dataclass
class _Restarts:
    failures: int = 0
    not_before: float = 0.0


def _name(service: str, replica: int) -> str:
    return service if replica == 1 else f"{service}#{replica}"


class Stack:
    """One copy of Antiphon, with the customers' mail server and a Bluesky PDS. `report` gets one line a step.

    `brokers` are the ports of further Kafka brokers. `extra_settings` are further environment variables, by service.
    With `desktop` it has the desktop and the sign-in provider too.
    """

    def __init__(
        self,
        site: Site,
        report: Report = lambda _: None,
        brokers: Sequence[tuple[int, int]] = (),
        *,
        desktop: bool = False,
    ) -> None:
        self.site = site
        self._names = PROCESSES if desktop else SERVICES
        self.extra_settings: dict[str, dict[str, str]] = {}
        self._report = report
        self._sites = {1: site}
        self.postgres = Postgres(
            site.directory / "postgres",
            site.ports.postgres,
            log=site.logs / "postgres.log",
            durable=site.durable,
        )
        ports = [(site.ports.kafka, site.ports.kafka_controller), *brokers]
        nodes = [Node(number, *pair) for number, pair in enumerate(ports, start=1)]
        self.brokers = [self._broker(node, nodes) for node in nodes]
        self.kafka = self.brokers[0]
        mailboxes = [customer.email for customer in story.load().customers.values() if customer.email]
        self.mail = MailServer(site, mailboxes)
        self.pds = Pds(site)
        self.sign_in = SignIn(site) if desktop else None
        self.services: dict[str, Process] = {}
        self._restarts: dict[str, _Restarts] = {}

    def _broker(self, node: Node, members: Sequence[Node]) -> Kafka:
        name = "kafka" if node.number == 1 else f"kafka-{node.number}"
        return Kafka(
            self.site.directory / name, node.port, node.controller_port, jars(self.site),
            log=self.site.logs / f"{name}.log", number=node.number, members=members,
        )  # fmt: skip

    def start(self) -> None:
        """Starts everything. Stops what was started and raises StartError when something does not start."""
        try:
            self.start_infrastructure()
            for service in self._names:
                self.start_service(service, wait=False)
            self.write_state()
            with self._step("services are ready"):
                for service in self._names:
                    self.wait_ready(service)
        except BaseException:
            self.stop()
            raise

    def start_infrastructure(self) -> None:
        """Starts PostgreSQL, Kafka, the mail server and the PDS, and migrates the databases. Raises StartError."""
        self._refuse_taken_ports()
        self.site.directory.mkdir(parents=True, exist_ok=True)
        with self._step("PostgreSQL"):
            self.postgres.start()
        with self._step("Apache Kafka"):
            for broker in self.brokers:
                broker.launch()
            for broker in self.brokers:
                broker.wait()
            self.kafka.create_topics()
        with self._step("the customers' mail server and a Bluesky PDS"):
            self.mail.start()
            self.pds.start()
            self.pds.account(services.SOCIAL_HANDLE, keys.secret(self.site.secrets, "social-account"))
            services.store_secrets(self.site)
        if self.sign_in is not None:
            with self._step("the sign-in provider of the example"):
                self.sign_in.start()
        self.write_state()
        with self._step("databases migrated"):
            for service in PROCESSES:
                self.postgres.create_database(service)
            services.migrate(self.site, self.postgres, self.kafka)

    def _refuse_taken_ports(self) -> None:
        for name, port in self.site.ports.model_dump().items():
            if listens(port):
                raise StartError(
                    f"port {port} ({name}) is taken by another program. Set PORT_{name.upper()} to a free port, or end "
                    "that program (make down, if it is an earlier start of Antiphon)"
                )

    def start_service(self, service: str, *, replica: int = 1, wait: bool = True) -> None:
        """Starts a replica of a service: replica 1 on the site's ports, others on free ports. Raises StartError."""
        process = services.process(self._site_of(replica), service, self.postgres, self.kafka)
        settings = {"ANTIPHON_REPLICA": str(replica), **self.extra_settings.get(service, {})}
        process.environment = {**process.environment, **settings}
        self.services[_name(service, replica)] = process
        process.start(lambda: True, within=5)
        if wait:
            self.wait_ready(service, replica=replica)

    def _site_of(self, replica: int) -> Site:
        if replica not in self._sites:
            # Only the services listen on ports of their own; PostgreSQL, Kafka and the outside servers are shared.
            free = Ports.free().model_dump(include={"smtp", *(s.replace("-", "_") for s in PROCESSES)})
            self._sites[replica] = replace(self.site, ports=self.site.ports.model_copy(update=free))
        return self._sites[replica]

    def wait_ready(self, service: str, within: float = 60, *, replica: int = 1) -> None:
        """Returns when the service is ready. Raises StartError."""
        process = self.services[_name(service, replica)]
        until = time.monotonic() + within
        while not services.is_ready(self._site_of(replica), service):
            if process.pid is None or time.monotonic() > until:
                raise StartError(f"{service} did not become ready: {process.log_tail()}")
            time.sleep(0.1)

    def stop_service(self, service: str, *, replica: int = 1) -> None:
        """Stops a replica of a service; it completes the work in progress first."""
        self.services.pop(_name(service, replica)).stop()

    def kill(self, service: str) -> None:
        """Kills a service, as a power cut would."""
        self.services[service].kill()

    def send_signal(self, service: str, number: signal.Signals) -> None:
        """Sends a signal to a service."""
        self.services[service].signal(number)

    def processes(self) -> dict[str, Process]:
        """All processes by name, in the order of their start."""
        brokers = {broker.process.name: broker.process for broker in self.brokers}
        infrastructure = {"postgres": self.postgres.process, **brokers}
        outside = {"mail-server": self.mail.process, "pds": self.pds.process}
        if self.sign_in is not None:
            outside["sign-in"] = self.sign_in.process
        return {**infrastructure, **outside, **self.services}

    def restart_dead(self, warn: Report = lambda _: None) -> list[str]:
        """Starts again each process that has ended, after a pause that grows with its failures. Returns the names of those it started.

        `warn` gets a line for each process that has ended or does not start.
        """
        starters: dict[str, Callable[[], None]] = {
            "postgres": self.postgres.start,
            **{broker.process.name: broker.start for broker in self.brokers},
            "mail-server": self.mail.start,
            "pds": self.pds.start,
        }
        if self.sign_in is not None:
            starters["sign-in"] = self.sign_in.start
        started: list[str] = []
        for name, process in self.processes().items():
            if process.pid is not None:
                continue
            restarts = self._restarts.setdefault(name, _Restarts())
            if time.monotonic() < restarts.not_before:
                continue
            restarts.failures += 1
            restarts.not_before = time.monotonic() + min(30, 2**restarts.failures)
            warn(f"{name} died ({process.ending()}) and is started again; its log: {process.log}")
            try:
                starters.get(name, lambda name=name: self._restart_service(name))()
                started.append(name)
            except StartError as error:
                warn(str(error))
        return started

    def _restart_service(self, name: str) -> None:
        service, _, replica = name.partition("#")
        self.start_service(service, replica=int(replica or 1), wait=False)

    def write_state(self) -> None:
        """Writes the processes into a file for `make status` and for the next start."""
        state = {
            name: {"pid": process.pid, "started": process.created_at()}
            for name, process in self.processes().items()
        }
        path = self.site.directory / "processes.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(state))
        temporary.replace(path)

    def stop(self) -> None:
        """Stops everything in reverse order; services complete the work in progress first."""
        for process in self.services.values():
            process.signal(signal.SIGTERM)
        for name, process in reversed(list(self.processes().items())):
            if process.pid is not None:
                with self._step(f"{name} stopped"):
                    process.stop()
        (self.site.directory / "processes.json").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _step(self, what: str) -> Generator[None]:
        began = time.monotonic()
        yield
        self._report(f"{what} ({time.monotonic() - began:.1f} s)")

    def token(self, role: Role, name: str, subject: str | None = None) -> str:
        """A token of the development issuer."""
        return keys.token(
            self.site.secrets, role=role, name=name, now=utc_now(), subject=subject, issuer=self.site.issuer
        )

    def url(self, service: str, *, replica: int = 1) -> str:
        """The base address of a service's API."""
        return self._site_of(replica).url(service)

    def smtp_port(self, *, replica: int = 1) -> int:
        """The port on which ingest-email receives mail."""
        return self._site_of(replica).ports.smtp

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
