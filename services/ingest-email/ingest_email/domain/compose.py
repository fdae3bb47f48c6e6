"""Composes the mail in which a reply leaves, before the first attempt: so every attempt sends the same bytes."""

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
from ingest_email.domain.accounts import Account, OurMail, folded, in_ascii
from ingest_email.domain.automation import MARKER
from ingest_email.domain.mailboxes import is_address

LONGEST_QUOTE = 20_000
AUTOMATIC_SUBJECT = "We have received your message"
# Relays refuse long headers, though RFC 5322 allows them. Programs thread by the first id and the last ones.
LONGEST_REFERENCES = 1_500
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{3,500}>")
# A case token has no other characters, and another one could change the address.
_NOT_IN_LOCAL = re.compile(r"[^A-Za-z0-9._~-]")
_PREFIX = re.compile(r"^\s*(?:(?:re|aw|sv|antw|odp|rif|ynt|vs)(?:\[\d+\])?\s?:\s*)+", re.IGNORECASE)


class Answered(NamedTuple):
    """The mail that is answered, as it is stored."""

    message_id: str | None
    sender: str | None
    sender_name: str | None
    return_path: str | None
    subject: str | None
    references: tuple[str, ...]
    automation: str
    text: str
    written_at: datetime


class Composed(NamedTuple):
    """A mail that is ready to be sent."""

    message_id: str
    envelope_from: str
    recipient: str
    raw: bytes


class NotSent(NamedTuple):
    """A reply that must not be sent, and why."""

    reason: str


def message_id_of(reply_id: UUID, domain: str) -> str:
    """The Message-ID of a reply. It is the same at every attempt, so that the recipient's program recognises a repeat."""
    return f"<reply-{reply_id}@{domain}>"


def compose(
    request: ReplyRequested, answered: Answered | None, ours: OurMail, now: datetime
) -> Composed | NotSent:
    """The mail that answers `answered`, to the recipient of the request and nobody else; or why it must not be sent.

    A request without a recipient is older than that field. Its reply goes to From, never to Reply-To. An automatic reply goes
    to the envelope sender, or is not sent (RFC 3834, 4).
    """
    if answered is None:
        return NotSent("this service does not have the mail that is answered")
    if answered.automation != Automation.NONE:
        return NotSent(f"a program wrote the mail ({answered.automation}), and only people are answered")
    recipient = _recipient(request, answered)
    if recipient is None:
        return NotSent("there is no mail address to which the reply may go")
    if ours.account_of(recipient):
        return NotSent("the reply would go to one of our own addresses")
    account = ours.account_of(request.account)
    if account is None:
        return NotSent(f"{request.account} is no longer an address of ours")
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
        recipient = None if _is_automatic(request) else answered.sender
    else:
        recipient = request.recipient.value if request.recipient.kind == IdentifierKind.EMAIL else None
    if recipient is None or not is_address(recipient):
        return None
    if _is_automatic(request) and folded(recipient) != folded(answered.return_path or ""):
        return None
    return recipient


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
    # A stranger chose the name and the subject, and may have chosen who gets an automatic reply: it repeats neither.
    is_sender = not is_automatic and recipient == answered.sender
    name = _one_line(answered.sender_name or "") if is_sender else ""
    subject = AUTOMATIC_SUBJECT if is_automatic else _subject(request.subject_line or answered.subject or "")
    automatic: list[tuple[str, str | Header]] = [
        # RFC 3834, 5. Exchange looks at the second one before it sends an absence notice.
        ("Auto-Submitted", "auto-replied"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ]
    headers: list[tuple[str, str | Header]] = [
        ("From", formataddr((account.name, in_ascii(account.address)))),
        ("To", formataddr((name, recipient)) if recipient.isascii() else recipient),
        ("Reply-To", formataddr((account.name, case_address))),
        ("Subject", _encoded(subject)),
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
    """The ids for References, each once: the first, and as many of the last as fit."""
    usable = [one for one in dict.fromkeys(ids) if _MESSAGE_ID.fullmatch(one)]
    left = LONGEST_REFERENCES - sum(len(one) + 1 for one in usable[:1])
    last: list[str] = []
    for one in reversed(usable[1:]):
        left -= len(one) + 1
        if left < 0:
            break
        last.insert(0, one)
    return [*usable[:1], *last]


def _case_address(account: Account, token: str) -> str:
    local, _, domain = in_ascii(account.address).rpartition("@")
    return f"{local}+{_NOT_IN_LOCAL.sub('', token)}@{domain}"


def _subject(subject: str) -> str:
    plain = _PREFIX.sub("", _one_line(subject)).strip()
    return f"Re: {shorten(plain, 500)}" if plain else "Re: your message"


def _body(request: ReplyRequested, answered: Answered) -> str:
    if _is_automatic(request):
        # A stranger who writes in the name of another must not be able to have us send them text of his choice.
        return f"{clean(request.text).strip()}\n"
    quoted = shorten(clean(answered.text), LONGEST_QUOTE)
    who = _one_line(answered.sender_name or answered.sender or "you")
    when = format_datetime(answered.written_at)
    below = "".join(f"> {line}".rstrip() + "\n" for line in quoted.strip().split("\n"))
    return f"{clean(request.text).strip()}\n\nOn {when}, {who} wrote:\n{below}"


def _one_line(text: str) -> str:
    """`text` on one line: nothing that a customer or a colleague wrote may begin another header."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", clean(text)).strip()


def _encoded(text: str) -> str | Header:
    return text if text.isascii() else Header(text, "utf-8", header_name="Subject")


def _charset() -> Charset:
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return charset
