"""Who speaks in a mail, and where its answer goes. Only From names a speaker; Reply-To and others name a recipient.

Sources: RFC 5322, 3.6.2 (From, Reply-To) and 3.6.7 (Return-Path); RFC 3834, 4 (where automatic replies go).
"""

from collections.abc import Sequence
from typing import NamedTuple

from antiphon import identifiers
from antiphon.contracts.interactions import Identifier
from antiphon.text import clean
from ingest_email.domain.accounts import OurMail, folded
from ingest_email.domain.headers import Headers
from ingest_email.domain.mailboxes import Mailbox, MailboxList, is_address


class Correspondents(NamedTuple):
    """`speaker` is the one mailbox of From; `authors` are all of them.

    A person's answer goes to `recipient`, an automatic reply to `return_path`.
    """

    speaker: Mailbox | None
    authors: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    recipient: Identifier | None
    return_path: Identifier | None
    defects: tuple[str, ...]


def correspondents(headers: Headers, envelope_sender: str | None, ours: OurMail) -> Correspondents:
    """Reads them. Where `envelope_sender` is None, the Return-Path of the delivering server stands for it."""
    written = headers.mailbox_lists("From")
    authors = _in(written)
    speaker, defects = _speaker(written, authors)
    reply_to = _in(headers.mailbox_lists("Reply-To"))
    wanted = _others(reply_to, ours)
    if len(wanted) > 1:
        defects = [*defects, "reply-to-several"]
    recipient = next(iter([*wanted, *_others(authors, ours)]), None)
    return_path = _return_path(headers) if envelope_sender is None else _address(envelope_sender)
    if return_path and ours.account_of(return_path.value):
        return_path = None
    return Correspondents(speaker, authors, reply_to, recipient, return_path, tuple(defects))


def _in(lists: Sequence[MailboxList]) -> tuple[Mailbox, ...]:
    return tuple(mailbox for one in lists for mailbox in one.mailboxes)


def _speaker(written: Sequence[MailboxList], authors: Sequence[Mailbox]) -> tuple[Mailbox | None, list[str]]:
    """The one author. Of several none is the speaker: nobody knows for which of them the sender's server vouched."""
    if not written:
        return None, ["from-missing"]
    if not authors or not all(one.is_well_formed for one in written):
        return None, ["from-broken"]
    if len({folded(address) for address in {author.address for author in authors}}) > 1:
        return None, ["from-several"]
    return authors[0], []


def _others(mailboxes: Sequence[Mailbox], ours: OurMail) -> list[Identifier]:
    """Their addresses, each once, without our own."""
    written = dict.fromkeys(mailbox.address for mailbox in mailboxes)
    addresses = [_address(address) for address in written if not ours.account_of(address)]
    return list({address.key: address for address in addresses if address}.values())


def _return_path(headers: Headers) -> Identifier | None:
    """The topmost Return-Path: the server that delivered the mail wrote it."""
    for one in headers.mailbox_lists("Return-Path")[:1]:
        if one.is_well_formed and len(one.mailboxes) == 1:
            return _address(one.mailboxes[0].address)
    return None


def _address(text: str) -> Identifier | None:
    address = clean(text)
    return identifiers.email(address) if is_address(address) else None
