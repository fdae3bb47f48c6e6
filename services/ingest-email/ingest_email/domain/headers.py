"""Headers of a parsed mail as text, addresses and times. Nothing here raises, whatever is in them.

Python's header objects raise on some mails, so headers are read from the parser's raw values.
Sources: RFC 5322 (format), RFC 2047 (encoded words); the parser reads RFC 2231.
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

# Characters of one value that are searched for Message-IDs, and that count towards LONGEST_ADDRESSES.
LONGEST = 20_000
LONGEST_NAME = 200
# Characters of one value that are read, and of all values that are searched for our addresses.
LONGEST_VALUE = 32_768
LONGEST_ADDRESSES = 65_536
MOST_HEADERS = 1_000
# Headers of one name that are read as address lists. A mail should have one.
MOST_LISTS = 3
_WORD = re.compile(r"=\?([^?*\s]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?]*)\?=")
_BRACKETED = re.compile(r"<\s*([^<>\s@]{1,200}@[^<>\s@]{1,200})\s*>")
_BARE = re.compile(r"[^\s<>@,;:\"()\[\]]{1,100}@[^\s<>@,;:\"()\[\]]{1,200}")
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,500})>")
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


class Headers:
    """The headers of one mail, in order, up to the limits.

    `is_whole` is false when the parser left some out. `cut` has the names, in lower case, of headers that were cut or left
    out. `doubtful` has those that other programs may find elsewhere in the mail.
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
        except Exception:  # noqa: BLE001 - a mail whose headers can't be read is still a mail
            return cls([])

    def all(self, name: str) -> list[str]:
        """Every value of a header on one line; encoded words are not decoded."""
        return self._by_name.get(name.lower(), [])

    def raw(self, name: str) -> str:
        """The first value that is not empty, as in `all`; empty when there is none."""
        return next((value for value in self.all(name) if value), "")

    def has(self, name: str) -> bool:
        """Whether the mail has this header, even an empty one."""
        return name.lower() in self._by_name

    def text(self, name: str) -> str:
        """The first value for people to read: encoded words are decoded."""
        return decoded(self.raw(name))

    def mailbox_lists(self, name: str) -> list[mailboxes.MailboxList]:
        """The mailboxes in each header of this name that is not empty; names are decoded. They decide who speaks or is answered.

        When one of these headers was cut, or other programs may read other ones, no list is well-formed.
        """
        values = [value for value in self.all(name) if value]
        read = [mailboxes.read(value) for value in values[:MOST_LISTS]]
        whole = self.is_whole and name.lower() not in self.cut | self.doubtful and len(values) <= MOST_LISTS
        return [
            mailboxes.MailboxList(
                tuple(_named(mailbox) for mailbox in one.mailboxes),
                is_well_formed=one.is_well_formed and whole,
            )
            for one in read
        ]

    def addresses(self, *names: str) -> list[str]:
        """The addresses in the first 64 KiB of these headers, in order. Where a header has none, what looks like addresses.

        For comparing with our own addresses only: the service never writes to one of them.
        """
        addresses: list[str] = []
        left = LONGEST_ADDRESSES
        for value in (value for name in names for value in self.all(name)):
            if left <= 0:
                break
            searched = value[:left]
            addresses += [
                mailbox.address
                for mailbox in mailboxes.read(searched, most=None).mailboxes
                or _looking_like_addresses(searched)
            ]
            left -= min(len(value), LONGEST)
        return addresses

    def message_ids(self, name: str) -> list[str]:
        """The Message-IDs in a header, with brackets, in order, each once."""
        ids = [f"<{match}>" for value in self.all(name) for match in _MESSAGE_ID.findall(value[:LONGEST])]
        return list(dict.fromkeys(ids))


def _unfolded(value: str) -> str:
    # The parser gives bytes that are not ASCII as lone surrogates.
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
    """`value` with its encoded words decoded. One that can't be decoded stays as it is."""
    out: list[str] = []
    pending: tuple[str, list[bytes]] | None = None
    place = 0
    for match in _WORD.finditer(value):
        between = value[place : match.start()]
        data = _word_bytes(match[2], match[3])
        charset = match[1].lower()
        adjacent = pending is not None and not between.strip()
        if pending is not None and adjacent and pending[0] == charset and data is not None:
            # A program may split a character between two encoded words.
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


def _named(mailbox: mailboxes.Mailbox) -> mailboxes.Mailbox:
    return mailbox._replace(name=shorten(decoded(mailbox.name or ""), LONGEST_NAME) or None)


def _looking_like_addresses(value: str) -> list[mailboxes.Mailbox]:
    plain = decoded(value[: mailboxes.LONGEST])
    candidates = _BRACKETED.findall(plain) or _BARE.findall(plain)
    return [mailboxes.Mailbox(None, address) for address in candidates if mailboxes.is_address(address)]


def sent_at(headers: Headers, accepted_at: datetime) -> tuple[datetime, str | None]:
    """The time in Date, in UTC. When it is missing or can't be true: `accepted_at` and the defect."""
    value = headers.raw("Date")
    if not value:
        return accepted_at, "date-missing"
    try:
        time = parsedate_to_datetime(value[:200])
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except Exception:  # noqa: BLE001 - ValueError, TypeError, OverflowError, IndexError: each means that it is no date
        return accepted_at, "date-broken"
    if not _EARLIEST <= time <= accepted_at + timedelta(days=1):
        return accepted_at, "date-impossible"
    return time, None
