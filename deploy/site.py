"""The folder and the ports of one copy of Antiphon on this machine."""

import json
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from antiphon.process.settings import Port

PROJECT = Path(__file__).parent.parent
EXAMPLE = PROJECT / "deploy" / "example" / "council.yaml"
EMPTY = PROJECT / "deploy" / "example" / "empty" / "organisation.yaml"


class Ports(BaseSettings):
    """Ports on the loopback interface. The environment can set each one, e.g. `PORT_SMTP=2526`."""

    model_config = SettingsConfigDict(env_prefix="PORT_", frozen=True)

    smtp: Port = Field(default=2525, description="ingest-email receives mail here.")
    ingest_email: Port = Field(default=8101, description="API of ingest-email.")
    ingest_social: Port = Field(default=8102, description="API of ingest-social.")
    ingest_direct: Port = Field(default=8103, description="API of ingest-direct.")
    customer_profile: Port = Field(default=8110, description="API of customer-profile.")
    case_mgmt: Port = Field(default=8120, description="API of case-mgmt.")
    routing: Port = Field(default=8130, description="API of routing.")
    desktop: Port = Field(default=8100, description="The desktop: its pages, and the APIs for them.")
    desktop_api: Port = Field(default=8140, description="The desktop: all APIs for programs.")
    sign_in: Port = Field(default=8109, description="The sign-in provider of the example.")
    postgres: Port = Field(default=15432, description="PostgreSQL.")
    kafka: Port = Field(default=19092, description="Kafka's broker.")
    kafka_controller: Port = Field(default=19093, description="Kafka's controller.")
    world_smtp: Port = Field(default=3025, description="SMTP of the customers' mail server.")
    world_imap: Port = Field(default=3143, description="IMAP of the customers' mail server.")
    pds: Port = Field(default=2583, description="Bluesky's PDS.")
    plc: Port = Field(default=2582, description="Directory of Bluesky's accounts (PLC).")

    @classmethod
    def free(cls) -> Self:
        """Ports on which no program listens now."""
        sockets: list[socket.socket] = []
        chosen: dict[str, int] = {}
        for name in cls.model_fields:
            probe = socket.socket()
            probe.bind(("127.0.0.1", 0))
            sockets.append(probe)
            chosen[name] = probe.getsockname()[1]
        for probe in sockets:
            probe.close()
        return cls(**chosen)


@dataclass(frozen=True)
class Site:
    """One copy of Antiphon: all its files are under `directory`."""

    directory: Path
    ports: Ports = field(default_factory=Ports)
    organisation: Path = EXAMPLE
    durable: bool = True

    @classmethod
    def default(cls) -> Self:
        """The copy that `make` runs: in `.antiphon/`, on the ports of the environment."""
        return cls(PROJECT / ".antiphon")

    def as_started(self) -> Self:
        """While this site runs: the site with the ports that it was started with, whatever this terminal's environment says."""
        path = self.ports_file
        return replace(self, ports=Ports(**json.loads(path.read_text()))) if path.exists() else self

    @property
    def ports_file(self) -> Path:
        """The file with the ports in use. It exists while a supervisor runs."""
        return self.directory / "ports.json"

    @property
    def logs(self) -> Path:
        """The folder with one log file a process."""
        return self.directory / "logs"

    @property
    def secrets(self) -> Path:
        """The folder of keys and passwords. They are created at the first run; only their owner can read them."""
        return self.directory / "secrets"

    def port(self, service: str) -> int:
        """The HTTP port of a service."""
        port: int = getattr(self.ports, service.replace("-", "_"))
        return port

    @property
    def issuer(self) -> str:
        """Who issues the tokens of this site: its sign-in provider, and `make token` with the same key."""
        return f"http://localhost:{self.ports.sign_in}"

    @property
    def pages(self) -> str:
        """The address that people open. Its cookies are `Secure`: over plain HTTP browsers keep those of `localhost` only."""
        return f"http://localhost:{self.ports.desktop}"

    @property
    def apis(self) -> str:
        """The address of all APIs for programs, which issues the tokens for API keys."""
        return f"http://localhost:{self.ports.desktop_api}"

    @property
    def roles(self) -> Path:
        """The file with the roles of people who are no agents, beside the organisation's file."""
        return self.organisation.with_name("roles.yaml")

    def url(self, service: str) -> str:
        """The base address of a service's API."""
        return f"http://127.0.0.1:{self.port(service)}"
