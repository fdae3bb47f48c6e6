"""Where one copy of Antiphon lives on this machine: its folder and its ports."""

import json
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).parent.parent
EXAMPLE = PROJECT / "deploy" / "example" / "council.yaml"


class Ports(BaseSettings):
    """Ports on the loopback interface; each can be set in the environment, e.g. `PORT_SMTP=2526`."""

    model_config = SettingsConfigDict(env_prefix="PORT_", frozen=True)

    smtp: int = 2525
    ingest_email: int = 8101
    ingest_social: int = 8102
    ingest_direct: int = 8103
    customer_profile: int = 8110
    case_mgmt: int = 8120
    routing: int = 8130
    postgres: int = 15432
    kafka: int = 19092
    kafka_controller: int = 19093
    world_smtp: int = 3025
    world_imap: int = 3143
    pds: int = 2583
    plc: int = 2582

    @classmethod
    def free(cls) -> Self:
        """Ports that nothing listens on now."""
        held: list[socket.socket] = []
        chosen: dict[str, int] = {}
        for name in cls.model_fields:
            probe = socket.socket()
            probe.bind(("127.0.0.1", 0))
            held.append(probe)
            chosen[name] = probe.getsockname()[1]
        for probe in held:
            probe.close()
        return cls(**chosen)


@dataclass(frozen=True)
class Site:
    """One copy: all that it keeps is under `directory`."""

    directory: Path
    ports: Ports = field(default_factory=Ports)
    organisation: Path = EXAMPLE
    durable: bool = True

    @classmethod
    def default(cls) -> Self:
        """The project's own, under `.antiphon/`, on the ports of the environment."""
        return cls(PROJECT / ".antiphon")

    def as_started(self) -> Self:
        """This site on the ports that it was started on, while it runs; another terminal's settings do not matter."""
        path = self.ports_file
        return replace(self, ports=Ports(**json.loads(path.read_text()))) if path.exists() else self

    @property
    def ports_file(self) -> Path:
        """The ports in use; there while a supervisor runs."""
        return self.directory / "ports.json"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.directory / "logs"

    @property
    def secrets(self) -> Path:
        """Keys and passwords, made at the first run, readable by their owner only."""
        return self.directory / "secrets"

    def port(self, service: str) -> int:
        """The HTTP port of a service."""
        port: int = getattr(self.ports, service.replace("-", "_"))
        return port

    def url(self, service: str) -> str:
        """The base address of a service's API."""
        return f"http://127.0.0.1:{self.port(service)}"
