"""The servers below the services, as `make run` starts them: used, killed and started again."""

import asyncio
import json
import smtplib
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from imapclient import IMAPClient

from deploy import leftovers
from deploy.kafka import all_topics
from deploy.postgres import Postgres
from deploy.processes import Process, StartError
from deploy.site import Ports, Site
from deploy.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    servers = Stack(Site(tmp_path_factory.mktemp("site"), Ports.free()))
    try:
        servers.start_infrastructure()
        yield servers
    finally:
        servers.stop()


def test_committed_rows_survive_a_kill_of_postgresql(stack: Stack) -> None:
    stack.postgres.sql("postgres", "create table kept (value text)")
    stack.postgres.sql("postgres", "insert into kept values ('here')")
    stack.postgres.process.kill()
    stack.postgres.start()
    assert stack.postgres.sql("postgres", "select value from kept") == "here"


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_postgresql_starts_below_a_folder_that_its_user_may_or_may_not_enter(mode: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(mode)
        with Postgres(Path(folder) / "site" / "postgres", Ports.free().postgres, durable=False) as server:
            assert server.sql("postgres", "select 1") == "1"


def test_a_service_reaches_its_own_database_and_no_other(stack: Stack) -> None:
    async def connect(database: str) -> str:
        own = stack.postgres.url("routing").replace("postgresql+asyncpg", "postgresql")
        connection = await asyncpg.connect(own.rsplit("/", 1)[0] + f"/{database}")
        try:
            return str(await connection.fetchval("select current_database()"))
        finally:
            await connection.close()

    assert asyncio.run(connect("routing")) == "routing"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(connect("case_mgmt"))


def test_the_error_of_a_refused_statement_does_not_contain_the_statement(stack: Stack) -> None:
    with pytest.raises(StartError, match="does not exist") as refused:
        stack.postgres.sql("postgres", "alter role nobody password 'hush'")
    assert "hush" not in str(refused.value)


def test_acknowledged_records_survive_a_kill_of_kafka(stack: Stack) -> None:
    async def produce() -> None:
        async with AIOKafkaProducer(bootstrap_servers=stack.kafka.bootstrap, acks="all") as producer:
            await producer.send_and_wait("cases", b"said", key=b"one", partition=0)

    async def consume() -> bytes | None:
        reader = AIOKafkaConsumer(
            "cases", bootstrap_servers=stack.kafka.bootstrap, auto_offset_reset="earliest"
        )
        async with reader, asyncio.timeout(30):
            return (await reader.getone()).value

    asyncio.run(produce())
    stack.kafka.process.kill()
    stack.kafka.start()
    assert asyncio.run(consume()) == b"said"


def test_each_topic_of_the_contracts_exists_with_the_dead_letter_topics_of_readers(stack: Stack) -> None:
    async def topics() -> set[str]:
        async with AIOKafkaConsumer(bootstrap_servers=stack.kafka.bootstrap) as reader:
            return set(await reader.topics())

    assert asyncio.run(topics()) >= set(all_topics())
    assert "cases-routing-dlq" in all_topics()


def test_the_mail_server_delivers_into_a_customers_mailbox(stack: Stack) -> None:
    with smtplib.SMTP("127.0.0.1", stack.mail.smtp_port) as smtp:
        smtp.sendmail("council@banksia.example", "jo@mail.example", "Subject: an answer\r\n\r\nYes.")
    with IMAPClient("127.0.0.1", stack.mail.imap_port, ssl=False) as imap:
        imap.login("jo@mail.example", stack.mail.password("jo@mail.example"))
        imap.select_folder("INBOX")
        assert len(imap.search("SUBJECT answer")) == 1


def test_an_account_of_the_pds_keeps_its_identity_through_a_kill(stack: Stack) -> None:
    before = stack.pds.account("someone.test", "her-password")
    stack.pds.process.kill()
    stack.pds.start()
    assert stack.pds.account("someone.test", "her-password") == before


def test_secrets_are_readable_by_their_owner_only(stack: Stack) -> None:
    secrets = stack.site.secrets
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    private = [path for path in secrets.rglob("*") if path.is_file() and path.name != "jwks.json"]
    assert private
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_a_taken_port_is_named_with_the_setting_that_moves_it(stack: Stack) -> None:
    with pytest.raises(StartError, match=rf"port {stack.site.ports.postgres} \(postgres\).*PORT_POSTGRES"):
        Stack(stack.site).start()
    assert stack.postgres.process.pid is not None


def test_a_server_that_died_is_started_again(stack: Stack) -> None:
    stack.mail.process.kill()
    messages: list[str] = []
    assert stack.restart_dead(messages.append) == ["mail-server"]
    assert messages[0].startswith("mail-server died (signal 9)")
    assert stack.mail.process.pid is not None


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = Process("sleeper", ["sleep", "600"], tmp_path / "sleeper.log")
    process.start(lambda: True, within=5)
    yield process
    process.kill()


@pytest.mark.parametrize(("off_by_s", "ended"), [(0, ["sleeper"]), (3600, [])])
def test_only_a_killed_supervisors_own_processes_are_ended(
    tmp_path: Path, sleeper: Process, off_by_s: int, ended: list[str]
) -> None:
    created = sleeper.created_at()
    assert created is not None
    site = Site(tmp_path)
    recorded = {"sleeper": {"pid": sleeper.pid, "started": created + off_by_s}}
    (tmp_path / "processes.json").write_text(json.dumps(recorded))
    assert leftovers.end(site, lambda _: None) == ended
    assert (sleeper.pid is None) == bool(ended)


def test_a_program_that_ends_at_once_is_reported_with_its_last_output(tmp_path: Path) -> None:
    process = Process("broken", ["sh", "-c", "echo no such thing; exit 3"], tmp_path / "broken.log")
    with pytest.raises(StartError, match=r"broken ended with status 3: no such thing"):
        process.start(lambda: False, within=10)
