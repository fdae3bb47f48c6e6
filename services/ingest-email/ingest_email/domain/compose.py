"""An answer as the mail that leaves: decided and composed before it is sent, so that every attempt sends the same bytes."""

import re
from collections.abc import Sequence
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime, formataddr
from typing import Any, NamedTuple
from uuid import UUID

from antiphon.contracts.interactions import Automation, IdentifierKind
from antiphon.contracts.replies import ReplyRequested
from antiphon.text import clean, shorten
from ingest_email.domain.accounts import Account, OurMail, folded
from ingest_email.domain.automation import MARKER
from ingest_email.domain.mailboxes import is_address

LONGEST_QUOTE = 20_000
AUTOMATIC_SUBJECT = "We have received your message"
# Relays refuse header lines far below RFC 5322's sum; the first ids and the last tie a thread together.
LONGEST_REFERENCES = 1_500
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,500}>")
# A token needs no other characters; no other may change what the address is.
_NOT_IN_LOCAL = re.compile(r"[^A-Za-z0-9._~-]")
_PREFIX = re.compile(r"^\s*(?:(?:re|aw|sv|antw|odp|rif|ynt|vs)(?:\[\d+\])?\s?:\s*)+", re.IGNORECASE)


class Answered(NamedTuple):
    """The mail that is answered, as it was kept."""

    message_id: str | None
    sender: str | None
    sender_name: str | None
    return_path: str | None
    subject: str | None
    references: tuple[str, ...]
    automation: str
    words: str
    written_at: datetime


class Composed(NamedTuple):
    """A mail that is ready to leave."""

    message_id: str
    envelope_from: str
    recipient: str
    raw: bytes


class NotSent(NamedTuple):
    """An answer that must not leave, and why."""

    reason: str


def message_id_of(reply_id: UUID, domain: str) -> str:
    """The Message-ID of a reply: always the same, so that the other side recognises a repeat."""
    return f"<reply-{reply_id}@{domain}>"


def compose(
    request: ReplyRequested, answered: Answered | None, ours: OurMail, now: datetime
) -> Composed | NotSent:
    """The mail that answers `answered`, to the request's recipient and nobody else, or why there must be none.

    A request without a recipient is older than the field: it goes to From, and never to Reply-To. Words that nobody wrote
    go to the envelope sender or nowhere (RFC 3834, 4).
    """
    if answered is None:
        return NotSent("the mail that is answered is not known here")
    if answered.automation != Automation.NONE:
        return NotSent(f"what a machine wrote is not answered: {answered.automation}")
    recipient = _recipient(request, answered)
    if recipient is None:
        return NotSent("there is no mail address to which it may go")
    if ours.account_of(recipient):
        return NotSent("it would go to an address of our own")
    account = ours.account_of(request.account) or ours.accounts[0]
    case_address = _case_address(account, request.case_token)
    mail: Message[Any, Any] = Message()
    mail["MIME-Version"] = "1.0"
    mail["Content-Type"] = "text/plain"
    mail.set_payload(_body(request, answered), _charset())
    for name, value in _headers(request, answered, account, case_address, recipient, ours, now):
        mail[name] = value
    raw = mail.as_bytes(policy=compat32.clone(linesep="\r\n"))
    return Composed(message_id_of(request.reply_id, ours.domain), case_address, recipient, raw)


def _recipient(request: ReplyRequested, answered: Answered) -> str | None:
    if request.recipient is None:
        named = None if _is_automatic(request) else answered.sender
    else:
        named = request.recipient.value if request.recipient.kind == IdentifierKind.EMAIL else None
    if named is None or not is_address(named):
        return None
    if _is_automatic(request) and folded(named) != folded(answered.return_path or ""):
        return None
    return named


def _is_automatic(request: ReplyRequested) -> bool:
    return request.automation != Automation.NONE


def _headers(
    request: ReplyRequested,
    answered: Answered,
    account: Account,
    case_address: str,
    recipient: str,
    ours: OurMail,
    now: datetime,
) -> list[tuple[str, str | Header]]:
    is_automatic = _is_automatic(request)
    # A stranger chose the name and the subject, and, of words that nobody wrote, perhaps also who gets them.
    is_sender = not is_automatic and recipient == answered.sender
    name = _one_line(answered.sender_name or "") if is_sender else ""
    subject = AUTOMATIC_SUBJECT if is_automatic else _subject(request.subject_line or answered.subject or "")
    automatic: list[tuple[str, str | Header]] = [
        # RFC 3834, 5; the other is what Exchange looks at before it answers with an absence.
        ("Auto-Submitted", "auto-replied"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ]
    headers: list[tuple[str, str | Header]] = [
        ("From", formataddr((account.name, account.address))),
        ("To", formataddr((name, recipient)) if recipient.isascii() else recipient),
        ("Reply-To", formataddr((account.name, case_address))),
        ("Subject", _worded(subject)),
        ("Date", format_datetime(now)),
        ("Message-ID", message_id_of(request.reply_id, ours.domain)),
        (MARKER, str(request.reply_id)),
        *(automatic if is_automatic else ()),
    ]
    if answered.message_id and _MESSAGE_ID.fullmatch(answered.message_id):
        headers.append(("In-Reply-To", answered.message_id))
    references = trimmed_references(
        [*answered.references, *([answered.message_id] if answered.message_id else [])]
    )
    if references:
        headers.append(("References", " ".join(references)))
    return headers


def trimmed_references(ids: Sequence[str]) -> list[str]:
    """The ids that fit, each once: the first, and as many of the last as there is room for."""
    usable = [found for found in dict.fromkeys(ids) if _MESSAGE_ID.fullmatch(found)]
    room = LONGEST_REFERENCES - sum(len(found) + 1 for found in usable[:1])
    last: list[str] = []
    for found in reversed(usable[1:]):
        room -= len(found) + 1
        if room < 0:
            break
        last.insert(0, found)
    return [*usable[:1], *last]


def _case_address(account: Account, token: str) -> str:
    local, _, domain = account.address.rpartition("@")
    return f"{local}+{_NOT_IN_LOCAL.sub('', token)}@{domain}"


def _subject(subject: str) -> str:
    plain = _PREFIX.sub("", _one_line(subject)).strip()
    return f"Re: {shorten(plain, 500)}" if plain else "Re: your message"


def _body(request: ReplyRequested, answered: Answered) -> str:
    if _is_automatic(request):
        # Who writes in another's name must not have us carry their words to them.
        return f"{clean(request.text).strip()}\n"
    quoted = shorten(clean(answered.words), LONGEST_QUOTE)
    who = _one_line(answered.sender_name or answered.sender or "you")
    when = format_datetime(answered.written_at)
    below = "".join(f"> {line}".rstrip() + "\n" for line in quoted.strip().split("\n"))
    return f"{clean(request.text).strip()}\n\nOn {when}, {who} wrote:\n{below}"


def _one_line(text: str) -> str:
    """Nothing that a customer or colleague wrote may begin a header of its own."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", clean(text)).strip()


def _worded(text: str) -> str | Header:
    return text if text.isascii() else Header(text, "utf-8", header_name="Subject")


def _charset() -> Charset:
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return charset
