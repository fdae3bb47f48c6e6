"""Apache Kafka in KRaft mode, from its Maven artifacts: a single broker, or one broker of a cluster."""

import asyncio
import socket
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from antiphon.contracts.envelope import MAX_EVENT_BYTES
from antiphon.contracts.topics import TOPICS, dead_letter_topic
from deploy.processes import Process, StartError

PARTITIONS = 6
# Kafka keeps events for days only: the lasting record is in the databases, where personal data can be erased.
RETENTION_MS = 14 * 24 * 3600 * 1000
# A dead letter is the event and what went wrong: larger than the event.
MAX_MESSAGE_BYTES = MAX_EVENT_BYTES * 3 // 2
# Only the first compiler (C1): on two shared cores a start then takes half the CPU, and so does a record in the first minutes.
_JAVA = (
    "java",
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
)


def all_topics() -> list[str]:
    """Every topic of the contracts, and the dead-letter topic of each reader."""
    letters = [dead_letter_topic(topic.name, reader) for topic in TOPICS.values() for reader in topic.readers]
    return [*TOPICS, *letters]


class Node(NamedTuple):
    """A broker of a cluster: its number and its loopback ports."""

    number: int
    port: int
    controller_port: int


class Kafka:
    """One broker with its log under `directory`. With `members` it is one broker of their cluster."""

    def __init__(
        self, directory: Path, port: int, controller_port: int, jars: Path, *,
        log: Path | None = None, number: int = 1, members: Sequence[Node] = (),
    ) -> None:  # fmt: skip
        self.directory = directory
        self.number = number
        self._members = members or [Node(number, port, controller_port)]
        self.bootstrap = ",".join(f"127.0.0.1:{member.port}" for member in self._members)
        self._replicas = min(3, len(self._members))
        self._port = port
        self._controller_port = controller_port
        self._jars = jars
        self._configuration = directory / "server.properties"
        self.process = Process(
            "kafka" if number == 1 else f"kafka-{number}",
            [*_JAVA, f"-Dlog4j2.configurationFile={directory / 'log4j2.yaml'}", "-cp", f"{jars}/*", "kafka.Kafka",
             str(self._configuration)],
            log or directory.parent / "logs" / "kafka.log",
            folder=directory,
        )  # fmt: skip

    def start(self) -> None:
        """Starts the broker and returns when it answers. Formats the log at the first start. Raises StartError."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts the broker without waiting for it. Formats the log at the first start. Raises StartError."""
        if not list(self._jars.glob("kafka-server-*.jar")):
            raise StartError("Apache Kafka is not installed; make set-up installs it")
        first = not (self.directory / "data" / "meta.properties").exists()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write_configuration()
        if first:
            self._format()
        self.process.start(lambda: True, within=5)

    def wait(self) -> None:
        """Returns when the broker answers; a broker of a cluster answers once most of the cluster runs. Raises StartError."""
        self.process.wait(self._answers, within=180)

    def _write_configuration(self) -> None:
        settings: Mapping[str, object] = {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": ",".join(
                f"{member.number}@127.0.0.1:{member.controller_port}" for member in self._members
            ),
            "listeners": f"PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.directory / "data",
            "num.partitions": PARTITIONS,
            "auto.create.topics.enable": "false",
            "min.insync.replicas": min(2, self._replicas),
            "offsets.topic.replication.factor": self._replicas,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": self._replicas,
            "transaction.state.log.min.isr": min(2, self._replicas),
            "group.initial.rebalance.delay.ms": 0,
            "group.coordinator.append.linger.ms": 0,  # a commit then costs 1 ms instead of 6
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "log.retention.ms": RETENTION_MS,
            "log.message.timestamp.after.max.ms": 24 * 3600 * 1000,
        }
        self._configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        (self.directory / "log4j2.yaml").write_text(
            "Configuration:\n  Appenders:\n    Console:\n      name: out\n      PatternLayout:\n"
            '        pattern: "%d{ISO8601} %p %m (%c)%n"\n'
            "  Loggers:\n    Root:\n      level: WARN\n      AppenderRef:\n        - ref: out\n"
        )

    def _format(self) -> None:
        # All brokers of a cluster are formatted with the same cluster id.
        cluster = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.directory.parent}:{self.bootstrap}").hex[:22]
        done = subprocess.run(
            [*_JAVA, "-cp", f"{self._jars}/*", "kafka.tools.StorageTool", "format", "-t", cluster,
             "-c", str(self._configuration), "--ignore-formatted"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise StartError(
                f"Kafka's log could not be formatted: {(done.stderr or done.stdout).strip()[-500:]}"
            )

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", self._port)):
                return False
        try:
            asyncio.run(self._describe())
        except Exception:  # noqa: BLE001 - any failure means "not yet"; the caller sets the time limit
            return False
        return True

    async def _describe(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=2000)
        try:
            await admin.start()
            await admin.list_topics()
        finally:
            await admin.close()

    def create_topics(self, *names: str) -> None:
        """Creates the topics that are missing: those named, or all of the contracts."""
        asyncio.run(self._create(list(names) or all_topics()))

    async def _create(self, names: list[str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            missing = sorted(set(names) - set(await admin.list_topics()))
            if missing:
                await admin.create_topics(
                    [
                        NewTopic(
                            name,
                            num_partitions=1 if name.endswith("-dlq") else PARTITIONS,
                            replication_factor=self._replicas,
                        )
                        for name in missing
                    ]
                )
        finally:
            await admin.close()

    def leaders(self, topic: str) -> list[int]:
        """The number of the broker that leads each partition of a topic."""
        return asyncio.run(self._leaders(topic))

    async def _leaders(self, topic: str) -> list[int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            (described,) = await admin.describe_topics([topic])
        finally:
            await admin.close()
        return [int(partition["leader"]) for partition in described["partitions"]]

    def stop(self) -> None:
        """Shuts the broker down."""
        self.process.stop(within=30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
