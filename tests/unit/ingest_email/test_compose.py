from dataclasses import dataclass
from email import message_from_bytes, policy
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.contracts.base import Actor
from antiphon.contracts.interactions import Identifier
from antiphon.contracts.replies import ReplyRequested
from antiphon.organisation import document
from deploy.site import EXAMPLE
from ingest_email.domain.accounts import Account, OurMail, of_organisation
from ingest_email.domain.compose import (
    LONGEST_REFERENCES,
    Answered,
    Composed,
    NotSent,
    compose,
    trimmed_references,
)
from ingest_email.domain.mail import Envelope
from ingest_email.domain.parser import read_mail
from tests.support.mail_samples import NOW, OURS

REQUEST = ReplyRequested(
    reply_id=UUID(int=1),
    case_id=UUID(int=2),
    channel="email",
    case_reference="C-1042",
    customer_id=UUID(int=3),
    answers=UUID(int=4),
    recipient=Identifier(kind="email", value="jo@mail.example"),
    account="rates@banksia.example",
    visibility="private",
    text="Dear Jo,\nwe come on Friday. Grüße",
    author=Actor(kind="agent", id="amara", name="Amara Osei"),
    case_token="c-1042-sig",
    requested_at=NOW,
)
ANSWERED = Answered(
    "<one@mail.example>", "jo@mail.example", "Jo Härris", "bounces@mail.example", "Pothole", ("<zero@mail.example>",), "none", "It is deep.", NOW
)  # fmt: skip


AUTOMATIC = REQUEST.model_copy(
    update={
        "automation": "auto-reply",
        "text": "We read this at eight.",
        "recipient": Identifier(kind="email", value="bounces@mail.example"),
    }
)


def to(address: str | None, request: ReplyRequested = REQUEST, *, kind: str = "email") -> ReplyRequested:
    recipient = Identifier(kind=kind, value=address) if address else None
    return request.model_copy(update={"recipient": recipient})


def made(request: ReplyRequested = REQUEST, answered: Answered | None = ANSWERED) -> Composed:
    composed = compose(request, answered, OURS, NOW)
    assert isinstance(composed, Composed), composed
    return composed


def test_an_answer_of_an_address_with_a_domain_in_letters_has_its_ascii_form() -> None:
    ours = OurMail("banksia.example", (Account("info@bürger.example", "Bürger"),))
    composed = compose(REQUEST.model_copy(update={"account": "info@bürger.example"}), ANSWERED, ours, NOW)
    assert isinstance(composed, Composed), composed
    mail = message_from_bytes(composed.raw, policy=policy.default)
    assert mail["From"].addresses[0].addr_spec == "info@xn--brger-kva.example"
    assert mail["From"].addresses[0].display_name == "Bürger"
    assert mail["Reply-To"].addresses[0].addr_spec == composed.envelope_from
    assert composed.envelope_from == "info+c-1042-sig@xn--brger-kva.example"


def test_a_message_id_has_the_domain_of_the_organisation_in_its_ascii_form() -> None:
    organisation = document.load(EXAMPLE)
    about = organisation.organisation.model_copy(update={"domain": "Bürger.example"})
    assert of_organisation(organisation.model_copy(update={"organisation": about})).domain == (
        "xn--brger-kva.example"
    )


def test_an_answer_is_threaded_and_comes_back_to_its_case() -> None:
    composed = made()
    mail = message_from_bytes(composed.raw, policy=policy.default)
    assert mail["From"] == '"City of Banksia, Rates" <rates@banksia.example>'
    assert mail["To"].addresses[0].addr_spec == "jo@mail.example"
    assert mail["To"].addresses[0].display_name == "Jo Härris"
    assert mail["Subject"] == "Re: Pothole"
    assert mail["Message-ID"] == f"<reply-{REQUEST.reply_id}@banksia.example>" == composed.message_id
    assert mail["In-Reply-To"] == "<one@mail.example>"
    assert mail["References"] == "<zero@mail.example> <one@mail.example>"
    assert mail["Reply-To"].addresses[0].addr_spec == "rates+c-1042-sig@banksia.example"
    assert mail["X-Antiphon-Reply"] == str(REQUEST.reply_id)
    assert mail["Auto-Submitted"] is None
    text = mail.get_content().replace("\r\n", "\n")
    assert text.startswith("Dear Jo,\nwe come on Friday. Grüße\n\nOn ")
    assert text.endswith("wrote:\n> It is deep.\n")
    assert composed.envelope_from == "rates+c-1042-sig@banksia.example"
    assert composed.recipient == "jo@mail.example"


def test_an_automatic_reply_is_marked_and_threaded_and_repeats_no_words_of_the_mail() -> None:
    composed = made(
        AUTOMATIC, ANSWERED._replace(subject="Win at https://evil.example", sender_name="Pay here")
    )
    mail = message_from_bytes(composed.raw, policy=policy.default)
    assert mail["Auto-Submitted"] == "auto-replied"
    assert (mail["In-Reply-To"], mail["Subject"]) == ("<one@mail.example>", "We have received your message")
    assert (composed.recipient, mail["To"]) == ("bounces@mail.example", "bounces@mail.example")
    assert mail["References"] == "<zero@mail.example> <one@mail.example>"
    assert mail["Reply-To"].addresses[0].addr_spec == "rates+c-1042-sig@banksia.example"
    assert mail.get_content().strip() == "We read this at eight."


@pytest.mark.parametrize("stripped", [(), ("X-Antiphon-Reply", "Message-ID")])
def test_an_automatic_reply_that_comes_back_to_a_system_like_ours_is_never_answered(
    stripped: tuple[str, ...],
) -> None:
    mail = message_from_bytes(made(AUTOMATIC).raw)
    for name in (*stripped, "From"):
        del mail[name]
    mail["From"] = "other@elsewhere.example"
    read = read_mail(mail.as_bytes(), Envelope(), NOW, OURS)
    assert read.interaction.automation == ("auto-reply" if stripped else "loop")


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("Pothole", "Re: Pothole"),
        ("Re: Pothole", "Re: Pothole"),
        ("RE: re[2]: AW: Pothole", "Re: Pothole"),
        (None, "Re: your message"),
        ("Löcher überall", "Re: Löcher überall"),
        ("x\r\nBcc: spy@evil.example", "Re: x Bcc: spy@evil.example"),
    ],
)
def test_the_subject_says_re_once_and_nothing_else(subject: str | None, sent: str) -> None:
    mail = message_from_bytes(made(answered=ANSWERED._replace(subject=subject)).raw, policy=policy.default)
    assert mail["Subject"] == sent
    assert mail["Bcc"] is None


@dataclass
class Refusal:
    answered: Answered | None
    reason: str
    request: ReplyRequested = REQUEST


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(None, "does not have"),
        Refusal(ANSWERED._replace(automation="bounce"), "bounce"),
        Refusal(ANSWERED._replace(automation="auto-reply"), "auto-reply"),
        Refusal(
            ANSWERED,
            "no longer an address of ours",
            REQUEST.model_copy(update={"account": "pool@banksia.example"}),
        ),
        Refusal(ANSWERED, "our own", to("council@banksia.example")),
        Refusal(ANSWERED, "our own", to("Rates+c-1-x@banksia.example")),
        Refusal(ANSWERED._replace(sender="council@banksia.example"), "our own", to(None)),
        Refusal(ANSWERED._replace(sender=None), "no mail address", to(None)),
        Refusal(ANSWERED, "no mail address", to("+61255501234", kind="phone")),
        Refusal(ANSWERED, "no mail address", to("jo@mail.example", kind="partner")),
        Refusal(ANSWERED, "no mail address", to("a@mail.example,b@mail.example")),
        Refusal(ANSWERED, "no mail address", to(None, AUTOMATIC)),
        Refusal(ANSWERED, "no mail address", to("jo@mail.example", AUTOMATIC)),
        Refusal(ANSWERED._replace(return_path=None), "no mail address", AUTOMATIC),
        Refusal(
            ANSWERED._replace(return_path="council@banksia.example"),
            "our own",
            to("council@banksia.example", AUTOMATIC),
        ),
    ],
)
def test_some_mails_are_never_answered(refusal: Refusal) -> None:
    composed = compose(refusal.request, refusal.answered, OURS, NOW)
    assert isinstance(composed, NotSent)
    assert refusal.reason in composed.reason


def test_a_reply_goes_to_the_named_recipient_and_shows_no_other_persons_name() -> None:
    composed = made(to("home@mail.example"))
    assert composed.recipient == "home@mail.example"
    mail = message_from_bytes(composed.raw, policy=policy.default)
    assert mail["To"] == "home@mail.example"
    assert "jo@mail.example" not in str(mail["To"])


def test_a_request_that_is_older_than_recipients_goes_to_who_wrote() -> None:
    assert made(to(None)).recipient == "jo@mail.example"


def test_long_references_keep_the_first_and_the_last() -> None:
    ids = [f"<{number}-{'x' * 60}@mail.example>" for number in range(100)]
    kept = trimmed_references(ids)
    assert kept[0] == ids[0]
    assert kept[1:] == ids[-len(kept) + 1 :]
    assert sum(len(found) + 1 for found in kept) <= LONGEST_REFERENCES


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(),
    subject=st.text(),
    name=st.text(),
    token=st.text(min_size=1),
    message_id=st.text(),
    words=st.text(),
)
def test_nothing_that_people_wrote_becomes_a_header(
    text: str, subject: str, name: str, token: str, message_id: str, words: str
) -> None:
    answered = ANSWERED._replace(subject=subject, sender_name=name, message_id=message_id, text=words)
    raw = made(REQUEST.model_copy(update={"text": text, "case_token": token}), answered).raw
    allowed = {
        "mime-version", "content-type", "content-transfer-encoding", "from", "to", "reply-to", "subject", "date",
        "message-id", "x-antiphon-reply", "in-reply-to", "references",
    }  # fmt: skip
    names = [name.lower() for name, _ in message_from_bytes(raw).raw_items()]
    assert set(names) <= allowed
    assert len(set(names)) == len(names)
