"""Headers of a parsed mail as text, addresses and times. Nothing here raises, whatever stands in them.

Python's header objects raise on some mails of the world, so headers are read from the parser's raw values.
Sources: RFC 5322 (format), RFC 2047 (encoded words), RFC 2231 is left to the parser.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime

from antiphon.text import clean, shorten
from ingest_email.domain import charsets, mailboxes, mime

# Of one value, for what makes something of it.
LONGEST = 20_000
LONGEST_NAME = 200
# Of one value in all, and of all values of the names that addresses are looked for in.
LONGEST_VALUE = 32_768
LONGEST_ADDRESSES = 65_536
MOST_HEADERS = 1_000
# Of one name; there is to be one.
MOST_LISTS = 3
_WORD = re.compile(r"=\?([^?*\s]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?]*)\?=")
_BRACKETED = re.compile(r"<\s*([^<>\s@]{1,200}@[^<>\s@]{1,200})\s*>")
_BARE = re.compile(r"[^\s<>@,;:\"()\[\]]{1,100}@[^\s<>@,;:\"()\[\]]{1,200}")
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,500})>")
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


class Headers:
    """The headers of one mail, in order, as far as they are read.

    `is_whole` is false when the parser has left some out. `cut` are the names, in lower case, of which something was cut,
    `doubtful` those that other programs may find elsewhere in the mail.
    """

    def __init__(self, items: Sequence[tuple[str, str]], *, is_whole: bool = True) -> None:
        self.is_whole = is_whole
        self.cut = {
            name.strip().lower()
            for place, (name, value) in enumerate(items)
            if place >= MOST_HEADERS or len(value) > LONGEST_VALUE
        }
        self.doubtful: set[str] = set()
        self.items = [
            (clean(name[:LONGEST_VALUE]), _unfolded(value[:LONGEST_VALUE]))
            for name, value in items[:MOST_HEADERS]
        ]
        self._by_name: dict[str, list[str]] = {}
        for name, value in self.items:
            self._by_name.setdefault(name.strip().lower(), []).append(value)

    @classmethod
    def of(cls, message: Message) -> "Headers":
        """The headers of a parsed message."""
        try:
            items = [(str(name), str(value)) for name, value in message.raw_items()]
            left_out = any(isinstance(defect, mime.TooManyHeadersDefect) for defect in message.defects)
            return cls(items, is_whole=not left_out)
        except Exception:  # noqa: BLE001 - a mail without readable headers is still a mail
            return cls([])

    def all(self, name: str) -> list[str]:
        """Every value of a header, unfolded, encoded words as they stand."""
        return self._by_name.get(name.lower(), [])

    def raw(self, name: str) -> str:
        """The first value of a header that has one, encoded words as they stand; empty when there is none."""
        return next((value for value in self.all(name) if value), "")

    def has(self, name: str) -> bool:
        """Whether the header is there, even if empty."""
        return name.lower() in self._by_name

    def text(self, name: str) -> str:
        """The first value of a header for people: encoded words decoded."""
        return decoded(self.raw(name))

    def mailbox_lists(self, name: str) -> list[mailboxes.MailboxList]:
        """What each header of this name that is not empty lists, names decoded. Who speaks or is answered is read here.

        None is well-formed where something of these headers was cut, or others may find other ones: they may say otherwise.
        """
        values = [value for value in self.all(name) if value]
        read = [mailboxes.read(value) for value in values[:MOST_LISTS]]
        whole = self.is_whole and name.lower() not in self.cut | self.doubtful and len(values) <= MOST_LISTS
        return [
            mailboxes.MailboxList(
                tuple(_named(found) for found in one.mailboxes), is_well_formed=one.is_well_formed and whole
            )
            for one in read
        ]

    def addresses(self, *names: str) -> list[str]:
        """The addresses in the headers of these names, in order, as far as their first 64 KiB; else what looks like some.

        To be compared with our own addresses, never to be written to.
        """
        found: list[str] = []
        left = LONGEST_ADDRESSES
        for value in (value for name in names for value in self.all(name)):
            if left <= 0:
                break
            given = value[:left]
            found += [
                one.address
                for one in mailboxes.read(given, most=None).mailboxes or _looking_like_addresses(given)
            ]
            left -= min(len(value), LONGEST)
        return found

    def message_ids(self, name: str) -> list[str]:
        """The Message-IDs in a header, with brackets, in order, each once."""
        found = [f"<{match}>" for value in self.all(name) for match in _MESSAGE_ID.findall(value[:LONGEST])]
        return list(dict.fromkeys(found))


def _unfolded(value: str) -> str:
    # The parser keeps bytes beyond ASCII as lone surrogates.
    data = (
        value.encode("utf-8", "surrogateescape") if _is_escaped(value) else value.encode("utf-8", "replace")
    )
    return re.sub(r"\s+", " ", clean(charsets.decode(data, None).text)).strip()


def _is_escaped(value: str) -> bool:
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def decoded(value: str) -> str:
    """`value` with its encoded words decoded; what cannot be decoded stays as it stands."""
    out: list[str] = []
    pending: tuple[str, list[bytes]] | None = None
    place = 0
    for match in _WORD.finditer(value):
        between = value[place : match.start()]
        data = _word_bytes(match[2], match[3])
        charset = match[1].lower()
        adjacent = pending is not None and not between.strip()
        if pending is not None and adjacent and pending[0] == charset and data is not None:
            # A character may be split over two encoded words.
            pending[1].append(data)
        else:
            if pending is not None:
                out.append(charsets.decode(b"".join(pending[1]), pending[0]).text)
                pending = None
            if not adjacent:
                out.append(between)
            if data is None:
                out.append(match[0])
            else:
                pending = (charset, [data])
        place = match.end()
    if pending is not None:
        out.append(charsets.decode(b"".join(pending[1]), pending[0]).text)
    out.append(value[place:])
    return re.sub(r"\s+", " ", clean("".join(out))).strip()


def _word_bytes(encoding: str, text: str) -> bytes | None:
    try:
        if encoding in "bB":
            text = re.sub(r"[^A-Za-z0-9+/]", "", text)
            return base64.b64decode(text + "=" * (-len(text) % 4))
        return quopri.decodestring(text.encode("utf-8", "replace"), header=True)
    except (binascii.Error, ValueError):
        return None


def _named(found: mailboxes.Mailbox) -> mailboxes.Mailbox:
    return found._replace(name=shorten(decoded(found.name or ""), LONGEST_NAME) or None)


def _looking_like_addresses(value: str) -> list[mailboxes.Mailbox]:
    plain = decoded(value[: mailboxes.LONGEST])
    found = _BRACKETED.findall(plain) or _BARE.findall(plain)
    return [mailboxes.Mailbox(None, address) for address in found if mailboxes.is_address(address)]


def sent_at(headers: Headers, accepted_at: datetime) -> tuple[datetime, str | None]:
    """When the mail says it was written, in UTC; `accepted_at` and a defect when that can't be true."""
    value = headers.raw("Date")
    if not value:
        return accepted_at, "date-missing"
    try:
        time = parsedate_to_datetime(value[:200])
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except Exception:  # noqa: BLE001 - ValueError, TypeError, OverflowError, IndexError: all mean "no date"
        return accepted_at, "date-broken"
    if not _EARLIEST <= time <= accepted_at + timedelta(days=1):
        return accepted_at, "date-impossible"
    return time, None
