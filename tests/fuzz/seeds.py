"""Mails to mutate: real ones from the corpora, or a few of this project; and mails that hypothesis generates."""

import base64
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.mail_bombs import mail

MOST_BYTES = 300_000
SLOW = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
)
OWN = (
    mail(b"Message-ID: <one@mail.example>\r\n", b"Is the light in Wattle Street repaired?\r\n\r\nBest regards,\r\nJo\r\n"),
    mail(
        b'Content-Type: multipart/mixed; boundary="b"\r\n',
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
        b'--b\r\nContent-Type: image/png; name="a.png"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        b"iVBORw0KGgo=\r\n--b--\r\n",
    ),
    mail(
        b'Content-Type: multipart/alternative; boundary="b"\r\nIn-Reply-To: <one@mail.example>\r\n',
        b'--b\r\nContent-Type: text/plain\r\n\r\nYes.\r\n> No?\r\n--b\r\nContent-Type: text/html; charset="iso-8859-1"\r\n\r\n'
        b"<p>Yes.</p><blockquote>No?</blockquote>\r\n--b--\r\n",
    ),
    mail(
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\nAuto-Submitted: auto-replied\r\n",
        b"--b\r\n\r\nIt came back.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n",
        b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=",
    ),
)  # fmt: skip


def real(corpora: Path) -> list[bytes]:
    """The mails of the corpora, ordered by name; empty without corpora."""
    files = sorted(path for folder in corpora.glob("email-*") for path in folder.rglob("*") if path.is_file())
    mails = (path for path in files if path.suffix in {".eml", ".txt", ".html"})
    return [raw for path in mails if 0 < len(raw := path.read_bytes()) <= MOST_BYTES]


_TOKEN = st.sampled_from(
    ["text/plain", "text/html", "multipart/mixed", "multipart/alternative", "message/rfc822", "image/png", "*/*", "text", "", "/"]
)  # fmt: skip
_CHARSET = st.sampled_from(["utf-8", "utf-16", "utf-7", "iso-2022-jp", "big5", "cp037", "x-none", "", "hz"])
_ENCODING = st.sampled_from(
    ["7bit", "8bit", "base64", "quoted-printable", "x-uuencode", "binary", "none", ""]
)
_NAME = st.sampled_from(
    ["Subject", "From", "To", "Cc", "Date", "Message-ID", "References", "In-Reply-To", "Reply-To", "Sender", "Received",
     "Content-ID", "Content-Language", "Auto-Submitted", "List-Id", "Return-Path", "Precedence", "X-Any"]
)  # fmt: skip
_ATOM = st.sampled_from(
    [b"<a@b.example>", b"=?utf-8?q?a=20b?=", b"=?x?b?/?=", b'"', b"(", b")", b"<", b">", b",", b";", b":", b"\r\n ", b"\x00",
     b"\xff\xfe", b"@", b"jo@mail.example", b"Mon, 23 Nov 2026 09:00:00 +0000", b"no", b"\t", b"\\", b"%", b"=?"]
)  # fmt: skip
_VALUE = st.lists(_ATOM | st.binary(max_size=12), max_size=12).map(b" ".join)
_HEADER = st.tuples(_NAME, _VALUE).map(lambda pair: pair[0].encode() + b": " + pair[1] + b"\r\n")
_TEXT = st.binary(max_size=300) | st.text(max_size=200).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@st.composite
def _part(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    boundary = draw(st.sampled_from([b"b", b"bb", b"", b"b b", b'"']))
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in draw(st.lists(inner, max_size=4)))
    kind = draw(_TOKEN).encode()
    end = draw(st.sampled_from([b"--" + boundary + b"--\r\n", b"", b"--\r\n"]))
    return b"Content-Type: " + kind + b'; boundary="' + boundary + b'"\r\n\r\n' + body + end


@st.composite
def _leaf(draw: st.DrawFn) -> bytes:
    data, encoding = draw(_TEXT), draw(_ENCODING)
    if encoding == "base64" and draw(st.booleans()):
        data = base64.encodebytes(data)
    head = f'Content-Type: {draw(_TOKEN)}; charset="{draw(_CHARSET)}"\r\nContent-Transfer-Encoding: {encoding}\r\n'
    extra = b"".join(draw(st.lists(_HEADER, max_size=2)))
    return head.encode() + extra + b"\r\n" + data


MAILS: st.SearchStrategy[bytes] = st.tuples(
    st.lists(_HEADER, max_size=12).map(b"".join), st.recursive(_leaf(), _part, max_leaves=12)
).map(lambda parts: parts[0] + parts[1])


def grown(number: int, strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """What hypothesis generates from a seed: the same for the same seed."""
    examples: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=SLOW
    )  # fmt: skip
    @given(strategy)
    def collect(each: Any) -> None:
        examples.append(each)

    collect()
    return examples
