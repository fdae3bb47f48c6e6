"""A mail as it was read, or as it is when it can't be read. Nothing here parses bytes.

The main process imports this module; only the workers import `parser`, whose libraries need more memory.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple

from antiphon import ids
from antiphon.contracts.interactions import Automation, Content, Interaction, Speaker, Thread, Visibility
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.bounce import Bounce
from ingest_email.domain.correspondents import correspondents
from ingest_email.domain.headers import Headers
from ingest_email.domain.parts import File

CHANNEL = "email"
UNREADABLE = "mail-unreadable"


class Envelope(NamedTuple):
    """What the entry point knows beside the bytes. `sender` is None where it can't know it, and empty for `<>`.

    `peer` is the IP address of the sending server, `helo` the name by which it introduced itself.
    """

    sender: str | None = None
    recipients: tuple[str, ...] = ()
    peer: str | None = None
    helo: str | None = None


class ReadMail(NamedTuple):
    """A mail that was read: its interaction, and what only this service stores."""

    interaction: Interaction
    envelope: Envelope
    message_id: str | None
    reply_to: tuple[str, ...]
    references: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    files: tuple[File, ...]
    bounce: Bounce | None


def unreadable(raw: bytes, envelope: Envelope, accepted_at: datetime, ours: OurMail) -> ReadMail:
    """A mail that can't be read: it has no text, and the sender and account that the entry point knows.

    Its id is derived from the bytes, which are not parsed. A person has to look at it, so it does not count as automatic.
    """
    sha256 = hashlib.sha256(raw).hexdigest()
    interaction_id = ids.interaction_id(CHANNEL, UNREADABLE, sha256)
    # It has no speaker. The agent who answers sees where the answer goes, and confirms it.
    sent_by = correspondents(Headers([]), envelope.sender or "", ours).return_path
    account = ours.first_account(envelope.recipients)
    interaction = Interaction(
        interaction_id=interaction_id,
        channel=CHANNEL,
        account=account.address if account else ours.accounts[0].address,
        visibility=Visibility.PRIVATE,
        speaker=Speaker(address=None),
        content=Content(text=""),
        recipient=sent_by,
        return_path=sent_by,
        thread=Thread(
            native_id=f"<{interaction_id}@no-message-id.invalid>",
            answers=[],
            case_token=ours.case_token(envelope.recipients),
        ),
        occurred_at=accepted_at,
        accepted_at=accepted_at,
        automation=Automation.NONE,
        defects=[UNREADABLE],
        raw_sha256=sha256,
    )
    return ReadMail(interaction, envelope, None, (), (), (), (), None)
