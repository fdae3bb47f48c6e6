"""Mails for unit tests, and the organisation that receives them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest_email.domain.accounts import Account, OurMail
from ingest_email.domain.mail import Envelope, ReadMail
from ingest_email.domain.parser import read_mail

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OURS = OurMail(
    "banksia.example",
    (
        Account("council@banksia.example", "City of Banksia"),
        Account("rates@banksia.example", "City of Banksia, Rates", "rates"),
    ),
)
TO_US = Envelope("jo@mail.example", ("council@banksia.example",))
CORPORA = Path(__file__).parents[3] / "shared" / "corpora"


def corpus(name: str) -> Path:
    folder = CORPORA / name
    if not folder.is_dir():
        pytest.skip(f"the corpus {name} is not beside the project")
    return folder


def given(body: str = "Hello.", *, envelope: Envelope = TO_US, **headers: str) -> ReadMail:
    """A plain mail of Jo's with these headers (`_` for `-`); an empty value leaves a header out."""
    fields = {
        "From": "Jo Harris <jo@mail.example>",
        "To": "council@banksia.example",
        "Subject": "Pothole",
        "Date": "Mon, 23 Nov 2026 19:00:00 +1100",
        "Message_ID": "<one@mail.example>",
        **headers,
    }
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items() if value)
    return read_mail(f"{head}\r\n{body}".encode(), envelope, NOW, OURS)
