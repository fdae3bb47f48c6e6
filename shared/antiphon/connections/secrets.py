"""The secrets of connections: an encrypted file each, read when it is used, never shown, logged or published.

A secret is stored for one server: who can change the host in the document does not get the secret sent there.
"""

import json
import os
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import NamedTuple
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr, TypeAdapter, ValidationError

from antiphon.connections.states import Connection, NotConnectedError, Reason

LONGEST_NAME = 200


class _Stored(NamedTuple):
    server: str
    secret: str


_STORED = TypeAdapter(_Stored)


def new_key() -> str:
    """A key for `Secrets`: 32 random bytes in URL-safe base64, as Fernet has it."""
    return Fernet.generate_key().decode()


class Secrets:
    """The files of one folder. `key` encrypts; what the key before encrypted can still be read."""

    def __init__(self, folder: Path, key: SecretStr, previous: SecretStr | None = None) -> None:
        self._folder = folder
        keys = [key] if previous is None else [key, previous]
        self._fernet = MultiFernet([Fernet(one.get_secret_value()) for one in keys])

    def read(self, connection: Connection) -> str:
        """The secret of a connection as of now. Raises NotConnectedError."""
        try:
            token = self._path(connection.name).read_bytes()
        except FileNotFoundError:
            raise NotConnectedError(Reason.NO_SECRET, "there is no file") from None
        except OSError as error:
            raise NotConnectedError(Reason.SECRET_UNREADABLE, type(error).__name__) from None
        try:
            stored = _STORED.validate_json(self._fernet.decrypt(token))
        except (InvalidToken, ValidationError):
            # Without its cause: the message of a validation error shows what was read.
            raise NotConnectedError(Reason.SECRET_UNREADABLE, "no key fits the file") from None
        if stored.server != connection.server:
            raise NotConnectedError(Reason.SECRET_OF_ANOTHER_SERVER, f"it was stored for {stored.server}")
        return stored.secret

    def store(self, name: str, server: str, secret: str) -> None:
        """Replaces the secret of the connection `name`, whole or not at all. Raises OSError."""
        token = self._fernet.encrypt(_STORED.dump_json(_Stored(server, secret)))
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes a file that only its owner can read and write.
        handle, made = mkstemp(dir=self._folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(token)
                file.flush()
                os.fsync(file.fileno())
            Path(made).replace(self._path(name))
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise

    def _path(self, name: str) -> Path:
        written = quote(name, safe="@:+")
        is_a_name = len(written) <= LONGEST_NAME and not written.startswith(".")
        return self._folder / (written if is_a_name else sha256(name.encode()).hexdigest())


def without(secret: str, text: str) -> str:
    """A text of a server, without the secret that it may repeat: as it is, or as JSON, IMAP or Python quote it."""
    # IMAP quotes as JSON does. The library shows what the server answers as Python shows text and bytes.
    sent = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for form in sorted(sent.union(*map(_shown, sent)) - {""}, key=len, reverse=True):
        text = text.replace(form, "…")
    return text


def _shown(text: str) -> set[str]:
    """How Python shows it as text and as bytes, in a text with one kind of quotes and with both."""
    data = text.encode(errors="replace")
    return {repr(text)[1:-1], repr(f'{text}"')[1:-2], repr(data)[2:-1], repr(data + b'"')[2:-2]}
