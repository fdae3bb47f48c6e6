"""Secrets are files that only their key opens; a connection that fails waits longer each time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from pydantic import SecretStr, ValidationError

from antiphon.connections.secrets import Secrets, new_key, without
from antiphon.connections.states import NotConnectedError, Reason, State, in_words, pause_after
from antiphon.connections.supervisor import Link
from antiphon.organisation.channels import Channels, EmailAccount, ImapMailbox, SocialNetwork
from ingest_social.networks import of_environment

SERVER = "imap.banksia.example:993 (implicit)"


class One(NamedTuple):
    """A connection."""

    name: str = "council@banksia.example"
    kind: str = "imap"
    server: str | None = SERVER
    is_enabled: bool = True


def key() -> SecretStr:
    return SecretStr(new_key())


def refusal(secrets: Secrets, one: One) -> Reason:
    with pytest.raises(NotConnectedError) as refused:
        secrets.read(one)
    return refused.value.reason


@pytest.mark.parametrize(
    "name", ["council@banksia.example", "bluesky:council.test", "../../etc/passwd", "..", "ü" * 300]
)
def test_a_secret_is_read_back_and_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "secrets"
    secrets = Secrets(folder, key())
    secrets.store(name, SERVER, "first")
    secrets.store(name, SERVER, "sécond")
    assert secrets.read(One(name)) == "sécond"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == list(folder.iterdir())
    assert len(list(folder.iterdir())) == 1


def test_a_key_can_be_replaced_while_the_key_before_still_opens(tmp_path: Path) -> None:
    old, new = key(), key()
    Secrets(tmp_path, old).store("a@b.example", SERVER, "secret")
    assert Secrets(tmp_path, new, old).read(One("a@b.example")) == "secret"
    assert refusal(Secrets(tmp_path, new), One("a@b.example")) is Reason.SECRET_UNREADABLE


def test_a_secret_that_is_missing_damaged_or_of_another_server_has_its_reason(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path, key())
    assert refusal(secrets, One()) is Reason.NO_SECRET
    secrets.store(One().name, SERVER, "secret")
    assert refusal(secrets, One(server="imap.evil.example:993 (implicit)")) is Reason.SECRET_OF_ANOTHER_SERVER
    next(tmp_path.iterdir()).write_bytes(b"damaged")
    assert refusal(secrets, One()) is Reason.SECRET_UNREADABLE


def test_what_a_server_repeats_of_a_secret_is_left_out() -> None:
    assert without("pw 1", "LOGIN jo pw 1 failed") == "LOGIN jo … failed"
    words = without('p"w\\ü', r'LOGIN jo "p\"w\\ü" {"password":"p\"w\\\u00fc"} failed')
    assert words == 'LOGIN jo "…" {"password":"…"} failed'
    assert without("", "LOGIN failed") == "LOGIN failed"


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_words_and_pauses_that_grow_to_a_longest_one(reason: Reason) -> None:
    assert in_words(reason).endswith(".")
    pauses = [pause_after(reason, failures) for failures in (1, 2, 3, 100, 10_000)]
    assert pauses[1] == 2 * pauses[0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pauses[-2] <= timedelta(minutes=30)


async def test_a_state_is_written_when_it_changes_and_else_once_a_minute() -> None:
    moments = [datetime(2026, 11, 23, 9, tzinfo=UTC)]
    link = Link("council@banksia.example", lambda: moments[0], asyncio.Event())

    def written(after: timedelta) -> tuple[State, Reason | None] | None:
        moments[0] += after
        row = link.due(moments[0])
        if row is None:
            return None
        link.written(row)
        return row.state, row.reason

    moment, minute = timedelta(milliseconds=1), timedelta(minutes=1)
    assert written(moment) is None
    link.connected()
    assert written(moment) == (State.CONNECTED, None)
    assert written(moment) is None
    assert written(minute) == (State.CONNECTED, None)
    link.retry_now.set()
    await link.failed(NotConnectedError(Reason.UNREACHABLE, "gone"))
    assert written(moment) == (State.NOT_CONNECTED, Reason.UNREACHABLE)
    link.retry_now.set()
    await link.failed(NotConnectedError(Reason.UNREACHABLE, "gone"))
    assert written(moment) is None
    assert written(minute) == (State.NOT_CONNECTED, Reason.UNREACHABLE)


def test_a_refused_login_waits_longest() -> None:
    assert all(
        pause_after(Reason.LOGIN_REFUSED, failures) > 100 * pause_after(Reason.UNREACHABLE, failures)
        for failures in (1, 5)
    )
    assert pause_after(Reason.LOGIN_REFUSED, 100) == timedelta(minutes=30)


def test_the_document_has_the_networks_of_the_service() -> None:
    assert set(get_args(SocialNetwork)) == set(of_environment())


@pytest.mark.parametrize(
    "channels",
    [
        {"email": [{"address": "a+b@b.example", "name": "A"}]},
        {"email": [{"address": "council", "name": "A"}]},
        {"social": [{"network": "nowhere", "handle": "us", "name": "Us"}]},
    ],
)
def test_channels_that_cannot_be_read_are_faults_of_the_document(channels: object) -> None:
    with pytest.raises(ValidationError):
        Channels.model_validate(channels)


@pytest.mark.parametrize(
    "part", [{"host": "a b"}, {"host": ""}, {"port": 0}, {"port": 70_000}, {"user": "a\r\nb"}, {"folder": ""}]
)
def test_a_mailbox_that_no_server_can_have_is_a_fault_of_the_document(part: dict[str, object]) -> None:
    whole: dict[str, object] = {"host": "imap.b.example", "user": "a"}
    mailbox = ImapMailbox.model_validate(whole)
    assert (mailbox.port, mailbox.folder, mailbox.tls, mailbox.enabled) == (993, "INBOX", "implicit", True)
    with pytest.raises(ValidationError):
        EmailAccount.model_validate({"address": "a@b.example", "name": "A", "imap": whole | part})
