"""Mails that no mail program writes: each tries something that could break a reader or cost it much, and is named after it."""

import base64
import codecs
import encodings
import itertools
import pkgutil
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.growing import GROWING

_SERIAL = itertools.count(1)
MADE_UP = (
    "x-klingon",
    "utf-9",
    "'",
    "../../etc/passwd",
    "utf-8\x00",
    "a" * 5000,
    "unicode_escape",
    "rot13",
    "zip",
    "idna",
)
NASTY = "Grüße, 你好, שלום, 😀, \x1b$B\x1b(B, ~{, +AGE-, \\u0000"


class Mail(NamedTuple):
    """A mail and the name of what it tries."""

    name: str
    raw: bytes


def head(extra: bytes = b"", subject: bytes = b"Hello") -> bytes:
    """The usual headers of a mail, and `extra` ones."""
    return (
        b"From: Jo <jo@mail.example>\r\nTo: council@banksia.example\r\nSubject: " + subject
        + b"\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <%d@fuzz.example>\r\nMIME-Version: 1.0\r\n" % next(_SERIAL) + extra
    )  # fmt: skip


def mail(extra: bytes = b"", body: bytes = b"Hello.\r\n", subject: bytes = b"Hello") -> bytes:
    """A mail with these headers and this body."""
    return head(extra, subject) + b"\r\n" + body


def plain(number: int, run: str) -> bytes:
    """A good mail that differs from every other."""
    return mail(b"Message-ID: <plain-%d-%s@mail.example>\r\n" % (number, run.encode()), b"All is well.\r\n")


def bombs(size_limit: int) -> Iterator[Mail]:
    """All bombs; each is made when the iterator reaches it."""
    yield from _mime()
    yield from _headers()
    yield from _addresses()
    yield from _dates()
    yield from _bodies()
    yield from _html()
    yield from _charsets()
    yield from _growing()
    yield Mail(f"one line of {size_limit // 2**20} MB", _long_line(size_limit - 4096))
    yield Mail(
        f"lines of {size_limit // 2**20} MB",
        mail(b"", (b"word " * 15 + b"\r\n") * ((size_limit - 4096) // 77)),
    )


def too_big(size_limit: int) -> Mail:
    """The mail that must be refused because of its size."""
    return Mail("one line, larger than the limit", _long_line(size_limit + 2**16))


def _long_line(size: int) -> bytes:
    return mail(b"", b"a" * size + b"\r\n")


def _mime() -> Iterator[Mail]:
    for depth in (20, 200, 2_000, 20_000):
        nested = b"".join(
            b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (d, d) for d in range(depth)
        )
        yield Mail(
            f"multipart {depth:,} deep", head() + nested + b"Content-Type: text/plain\r\n\r\nHello.\r\n"
        )
        one = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * depth
        yield Mail(f"multipart {depth:,} deep, one boundary", head() + one + b"\r\nHello.\r\n")
        inner = b"Content-Type: message/rfc822\r\n\r\n" * depth
        yield Mail(f"mail in a mail {depth:,} deep", head() + inner + b"Subject: x\r\n\r\nHello.\r\n")
    many = b"--b\r\nContent-Type: text/plain\r\n\r\nHello.\r\n" * 50_000
    yield Mail("50,000 parts", mail(b"Content-Type: multipart/mixed; boundary=b\r\n", many + b"--b--\r\n"))
    files = b'--b\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nx\r\n' * 3_000
    yield Mail(
        "3,000 files of one name",
        mail(b"Content-Type: multipart/mixed; boundary=b\r\n", files + b"--b--\r\n"),
    )
    yield Mail(
        "a boundary of 100 kB",
        mail(b"Content-Type: multipart/mixed; boundary=" + b"b" * 100_000 + b"\r\n", b"--b\r\n\r\nx\r\n"),
    )
    yield Mail(
        "an empty boundary",
        mail(b'Content-Type: multipart/mixed; boundary=""\r\n', b"--\r\n\r\nx\r\n" * 1000),
    )
    yield Mail("no boundary", mail(b"Content-Type: multipart/mixed\r\n", b"--\r\n\r\nx\r\n--\r\n"))
    yield Mail(
        "a part of part of a mail", mail(b'Content-Type: message/partial; number=1; total=9; id="x"\r\n')
    )
    yield Mail(
        "an external body",
        mail(b'Content-Type: message/external-body; access-type=local-file; name="/etc/passwd"\r\n'),
    )
    report = (
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"Action: failed\r\nStatus: 5.1.1\r\n\r\n" * 20_000
    )
    yield Mail(
        "a report of 20,000 recipients",
        mail(
            b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
            report + b"--b--\r\n",
        ),
    )


def _headers() -> Iterator[Mail]:
    yield Mail("10,000 headers", mail(b"".join(b"X-Header-%d: value\r\n" % n for n in range(10_000))))
    yield Mail("100,000 headers of one name", mail(b"Received: from a by b\r\n" * 100_000))
    yield Mail("a header of 1 MB", mail(b"X-Long: " + b"a" * 2**20 + b"\r\n"))
    yield Mail("a subject of 1 MB", mail(subject=b"a " * 2**19))
    yield Mail("a name of a header of 1 MB", mail(b"X" * 2**20 + b": x\r\n"))
    yield Mail("a header folded 100,000 times", mail(b"X-Folded: a\r\n" + b" a\r\n" * 100_000))
    yield Mail("a subject folded into nothing", mail(subject=b"\r\n " * 50_000 + b"x"))
    yield Mail("10,000 encoded words", mail(subject=b"=?utf-8?q?a?= " * 10_000))
    yield Mail("encoded words without an end", mail(subject=b"=?utf-8?q?" * 20_000))
    yield Mail(
        "broken encoded words",
        mail(subject=b"=?utf-8?b?%%%%?= =?x?x?x?= =?utf-8?q?=ZZ=?= =??q?a?= =?utf-8*en?q?=00?="),
    )
    yield Mail("question marks", mail(subject=b"=?" * 30_000 + b"?=" * 30_000))
    yield Mail(
        "NULs in headers", mail(b"X-Nul: a\x00b\r\nMessage-ID: <a\x00b@mail.example>\r\n", subject=b"a\x00b")
    )
    yield Mail(
        "bytes beyond ASCII in headers",
        mail(bytes(range(0x80, 0x100)).join((b"X-High: ", b"\r\n")), subject=bytes(range(0x80, 0x100))),
    )
    yield Mail(
        "surrogates in headers", mail(subject=b"=?utf-8?q?=ED=A0=80?= =?utf-16?b?2AA=?= =?utf-7?q?+2AA-?=")
    )
    yield Mail("100,000 references", mail(b"References: " + b"<a@b>\r\n " * 100_000 + b"<a@b>\r\n"))
    yield Mail("a reference of 1 MB", mail(b"In-Reply-To: <" + b"a" * 2**20 + b"@b>\r\n"))
    yield Mail(
        "angle brackets",
        mail(b"References: " + b"<" * 50_000 + b"\r\nIn-Reply-To: " + b"<a" * 20_000 + b"\r\n"),
    )
    continued = b"".join(b"; name*%d*=utf-8''a" % n for n in range(20_000))
    yield Mail("a parameter in 20,000 pieces", mail(b"Content-Type: text/plain" + continued + b"\r\n"))
    yield Mail("20,000 parameters", mail(b"Content-Type: text/plain" + b"; a=b" * 20_000 + b"\r\n"))
    yield Mail("quotes in parameters", mail(b"Content-Type: text/plain; name=" + b'\\"' * 50_000 + b"\r\n"))
    yield Mail("no headers", b"\r\nHello.\r\n")
    yield Mail("nothing", b"\r\n")
    yield Mail("no body", head()[:-2])
    yield Mail("spaces before colons", b"From : jo@mail.example\r\nSubject\t: x\r\n\r\nHello.\r\n")
    yield Mail("a line that is no header among them", head(b"this is none\r\n" * 1000) + b"\r\nHello.\r\n")
    yield Mail("every header twice", head() + head() + b"\r\nHello.\r\n")
    yield Mail("an mbox line first", b">From jo@mail.example\r\nFrom jo Mon Nov 23\r\n" + mail())


def _addresses() -> Iterator[Mail]:
    yield Mail("100,000 addresses", mail(b"Cc: " + b"a@b.example, " * 100_000 + b"c@d.example\r\n"))
    yield Mail(
        "comments 20,000 deep",
        mail(b"Reply-To: " + b"(" * 20_000 + b"\r\nCc: " + b"(" * 9_000 + b")" * 9_000 + b" a@b.example\r\n"),
    )
    yield Mail("groups in groups", mail(b"Cc: " + b"a:" * 20_000 + b";" * 20_000 + b"\r\n"))
    yield Mail(
        "quotes without an end", mail(b'Reply-To: "' + b"a" * 50_000 + b"\r\nCc: " + b'"a' * 20_000 + b"\r\n")
    )
    yield Mail("routes", mail(b"Reply-To: <" + b"@a," * 20_000 + b":b@c.example>\r\n"))
    yield Mail(
        "an address of 100 kB", mail(b"Reply-To: " + b"a" * 50_000 + b"@" + b"b" * 50_000 + b".example\r\n")
    )
    yield Mail("100,000 at signs", mail(b"Reply-To: " + b"@" * 100_000 + b"\r\n"))
    yield Mail(
        "a From that is a bomb",
        b"From: " + b'"a\\" <' * 10_000 + b"\r\nTo: council@banksia.example\r\n\r\nHello.\r\n",
    )
    yield Mail("1,000 Froms", b"From: jo@mail.example\r\n" * 1_000 + b"\r\nHello.\r\n")
    yield Mail(
        "a script for a name", b'From: "<script>alert(1)</script>" <jo@mail.example>\r\n\r\nHello.\r\n'
    )


def _dates() -> Iterator[Mail]:
    nonsense = (
        b"yesterday", b"Mon, 99 Foo 99999 99:99:99 +9999", b"1", b"-1", b"9" * 100_000, b"0000-00-00T00:00:00Z",
        b"Mon, 23 Nov 2026 09:00:00 +9999999999", b"Mon, 23 Nov 0001 00:00:00 +1400", b"Fri, 31 Dec 9999 23:59:59 -2359",
        b"Mon, 23 Nov 2026 09:00:00 (" + b"(" * 10_000, b"\x00", b"Mon, 23 Nov 2026 24:60:61 EST", b":" * 10_000, b"Mon," * 10_000,
    )  # fmt: skip
    for number, date in enumerate(nonsense):
        raw = b"From: jo@mail.example\r\nDate: " + date + b"\r\nSubject: date %d\r\n\r\nHello.\r\n" % number
        yield Mail(f"a date that is none: {date[:30]!r}", raw)


def _bodies() -> Iterator[Mail]:
    yield Mail(
        "broken base64", mail(b"Content-Transfer-Encoding: base64\r\n", b"!!!=A=B==\r\n\x00\xff\r\n" * 100)
    )
    yield Mail(
        "base64 without an end", mail(b"Content-Transfer-Encoding: base64\r\n", b"QUJD" * 300_000 + b"Q")
    )
    yield Mail(
        "broken quoted-printable",
        mail(b"Content-Transfer-Encoding: quoted-printable\r\n", b"=ZZ=\r\n==\r\n=\x00=4" * 10_000),
    )
    yield Mail(
        "uuencode without an end",
        mail(b"Content-Transfer-Encoding: x-uuencode\r\n", b"begin 644 a\r\n" + b"M" * 100_000),
    )
    yield Mail(
        "an encoding that there is not", mail(b"Content-Transfer-Encoding: " + b"x" * 10_000 + b"\r\n")
    )
    yield Mail("NULs", mail(b"", b"\x00" * 100_000 + b"\r\n"))
    yield Mail("bare CR", mail(b"", b"a\rb\r\rc\r" * 10_000 + b"\r\n"))
    yield Mail("bare LF", mail(b"", b"a\nb\n\nc\n" * 10_000 + b"\r\n").replace(b"\r\n", b"\n"))
    yield Mail("dots", mail(b"", b".\r\n..\r\n.a\r\n" * 1_000))
    yield Mail("an end of data that is none", mail(b"", b"a\n.\nMAIL FROM:<evil@mail.example>\n.\r\nb\r\n"))
    yield Mail("every byte", mail(b"", bytes(range(256)) * 100 + b"\r\n"))
    yield Mail("300,000 empty lines", mail(b"", b"\r\n" * 300_000))
    yield Mail("quotations", mail(b"", b"> " * 5_000 + b"x\r\n" + b"> x\r\n" * 50_000 + b"-- \r\n" * 10_000))
    yield Mail(
        "attributions", mail(b"", b"On Mon, 1 Jan 2026 at 1:00, Jo <a@b>\r\n" * 20_000 + b"wrote:\r\n")
    )
    yield Mail("header blocks", mail(b"", b"From: a\r\nTo: b\r\nSent: c\r\nSubject:\r\n" * 20_000))
    yield Mail("closings", mail(b"", b"Best regards,\r\n\r\n" * 30_000))
    zipped = base64.encodebytes(b"PK\x03\x04" + b"\x00" * 100_000 + b"PK\x05\x06" + b"\xff" * 18)
    parts = b"--b\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s"
    names = (
        b"bomb.zip",
        b'"../../../etc/passwd"',
        b'"a\x00.exe"',
        b'"CON"',
        b'"a' + b"b" * 10_000 + b'"',
        b'"=?utf-8?q?=E2=80=AEgpj.exe?="',
        b"\xff\xfe",
        b'""',
    )
    files = b"".join(parts % (name, zipped) for name in names)
    yield Mail(
        "zip-like files of hostile names",
        mail(b"Content-Type: multipart/mixed; boundary=b\r\n", files + b"--b--\r\n"),
    )


def _html() -> Iterator[Mail]:
    html = b"Content-Type: text/html; charset=utf-8\r\n"
    pages = {
        "divs 100,000 deep": b"<div>" * 100_000,
        "divs 2,900 deep": b"<div>" * 2_900 + b"x",
        "tables 2,900 deep": b"<table><tr><td>" * 2_900,
        "tags without an end": b"<a " * 100_000,
        "angle brackets": b"<" * 300_000,
        "10,000 attributes": b"<p " + b'a="b" ' * 10_000 + b">x</p>",
        "comments without an end": b"<!--" * 50_000,
        "scripts without an end": b"<script>" * 30_000,
        "entities": b"&lt;&#x0;&#55296;&#99999999999;&amp" * 10_000,
        "a table of 100,000 columns": b"<table><tr>" + b"<td>x</td>" * 30_000 + b"</tr></table>",
        "a cell of 10^9 columns": b'<table><tr><td colspan="1000000000" rowspan="1000000000">x</td></tr></table>',
        "a list from 10^30 on": b'<ol start="1000000000000000000000000000000"><li>x</ol>',
        "lists in lists": b"<ul><li>" * 2_900 + b"x",
        "NULs and controls": bytes(range(32)) * 1_000,
        "formatting that never closes": b"<b><i><p>" * 20_000 + b"x",
    }
    for name, page in pages.items():
        yield Mail(f"HTML: {name}", mail(html, page + b"\r\n", subject=name.encode()))


def _growing() -> Iterator[Mail]:
    """The growing mails in two sizes: one for quick runs, and one at which quadratic costs show."""
    for size in (20_000, 500_000):
        for name, make in GROWING.items():
            yield Mail(
                f"{name}, {size:,} bytes", make(size).replace(b"<grown@", b"<grown-%d@" % next(_SERIAL), 1)
            )


def _charsets() -> Iterator[Mail]:
    known = sorted(
        {
            *encodings.aliases.aliases.values(),
            *(module.name for module in pkgutil.iter_modules(encodings.__path__)),
        }
    )
    for name in known:
        try:
            written: Any = codecs.encode(NASTY, name, "replace")
        except Exception:  # noqa: BLE001 - not every codec is one of text
            written = NASTY.encode()
        data = written if isinstance(written, bytes) else NASTY.encode()
        yield charset_mail(name, data + bytes(range(0x80, 0x100)))
    for name in MADE_UP:
        yield charset_mail(name, NASTY.encode())


def charset_mail(name: str, data: bytes) -> Mail:
    """A mail whose text, subject and file name declare a charset."""
    encoded = name.encode()
    extra = (
        b'Content-Type: text/plain; charset="'
        + encoded
        + b'"; name*='
        + encoded
        + b"''%41\r\nContent-Transfer-Encoding: base64\r\n"
    )
    subject = b"=?" + encoded + b"?b?" + base64.b64encode(data[:30]) + b"?="
    return Mail(f"charset {name[:30]!r}", mail(extra, base64.encodebytes(data), subject))


def mutated(raw: bytes, other: bytes, dice: Random) -> bytes:
    """A mail with one to eight random changes; some insert bytes of another mail."""
    out = bytearray(raw)
    for _ in range(dice.randint(1, 8)):
        _mutate(out, other, dice)
    return bytes(out)


def _mutate(out: bytearray, other: bytes, dice: Random) -> None:
    at = dice.randrange(len(out) + 1)
    end = min(len(out), at + dice.choice((1, 2, 8, 64, 1024)))
    kind = dice.randrange(9)
    if kind == 0:
        out[at:end] = bytes(dice.randrange(256) for _ in range(end - at))
    elif kind == 1:
        del out[at:end]
    elif kind == 2:
        out[at:at] = out[at:end] * dice.choice((1, 2, 50))
    elif kind == 3:
        out[at:at] = dice.choice(
            (b"\x00", b"\r", b"\n", b"\r\n\r\n", b"\r\n ", b"=?", b"?=", b"--", b"\xff", b"<", b'"', b"(")
        )
    elif kind == 4:
        start = dice.randrange(len(other) + 1)
        out[at:end] = other[start : start + 500]
    elif kind == 5:
        del out[at:]
    elif kind == 6:
        lines = out.split(b"\n")
        dice.shuffle(lines)
        out[:] = b"\n".join(lines)
    elif kind == 7:
        out[:] = out.replace(
            b"utf-8", dice.choice((b"utf-16", b"utf-7", b"x-none", b"iso-2022-jp", b""))
        ).replace(b"base64", b"8bit")
    else:
        out[:] = out.replace(b"boundary", b"bounday").replace(
            b"Content-Type", dice.choice((b"Content-type ", b"Content-Typ", b"\tContent-Type"))
        )
