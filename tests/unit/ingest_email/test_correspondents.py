"""Who speaks in a mail and who is answered, whatever stands in its headers."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from ingest_email.domain.headers import LONGEST_VALUE, MOST_HEADERS
from ingest_email.domain.heads import LONGEST as LONGEST_HEAD
from ingest_email.domain.mail import Envelope, ReadMail
from ingest_email.domain.mailboxes import LONGEST, read
from ingest_email.domain.parser import read_mail
from tests.support.mail_samples import NOW, OURS, TO_US, given

MALLORY = "mallory@evil.example"
MAILS = Path(__file__).parent / "mails"


def speaker(mail: ReadMail) -> str | None:
    address = mail.interaction.speaker.address
    return address.value if address else None


def recipient(mail: ReadMail) -> str | None:
    found = mail.interaction.recipient
    return found.value if found else None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (f"ada@mail.example <{MALLORY}>", "ada@mail.example"),
        (f'"ada@mail.example" <{MALLORY}>', "ada@mail.example"),
        (f'"Ada <ada@mail.example>" <{MALLORY}>', "Ada <ada@mail.example>"),
        (f'"Ada <ada@mail.example>,\\"" <{MALLORY}>', 'Ada <ada@mail.example>,"'),
        (f'"Harris, Ada" <{MALLORY}>', "Harris, Ada"),
        (f"Harris, Ada <{MALLORY}>", "Harris, Ada"),
        (f"ada@mail.example]<{MALLORY}>", "ada@mail.example]"),
        (f"=?utf-8?q?Ada_=3Cada=40mail.example=3E?= <{MALLORY}>", "Ada <ada@mail.example>"),
        (f"=?utf-8?q?ada=40mail.example=2C?= <{MALLORY}>", "ada@mail.example,"),
        (f"(ada@mail.example) {MALLORY}", "ada@mail.example"),
        (f"(<ada@mail.example>, (x)\\)) {MALLORY}", "<ada@mail.example>, (x)\\)"),
        (f"{MALLORY} (Ada)", "Ada"),
        (f"Ada (ada@mail.example) <{MALLORY}> (<ada@mail.example>)", "Ada"),
        (f"Ada < {MALLORY} >", "Ada"),
        (f"<MALLORY@Evil.Example>, <{MALLORY}>", None),
        (f"Mallory <{MALLORY}> <{MALLORY}>", f"Mallory <{MALLORY}>"),
        (f"Ada <ada> <{MALLORY}>", "Ada <ada>"),
        (f"Staff: Mallory <{MALLORY}>;", "Mallory"),
        (f'"Ada <{MALLORY}>', '"Ada'),
        (f"Ada (home <{MALLORY}>", "Ada (home"),
        (f"Ada :-) <{MALLORY}>", "-)"),
        (f",, <{MALLORY}>,", None),
        (f"Ada\r\n\t<{MALLORY}>", "Ada"),
    ],
)
def test_of_a_name_and_an_address_in_brackets_the_address_speaks(written: str, name: str | None) -> None:
    mail = given(From=written)
    assert (speaker(mail), mail.interaction.speaker.name) == (MALLORY, name)
    assert mail.interaction.defects == []


@pytest.mark.parametrize(
    ("written", "defect"),
    [
        ("", "from-missing"),
        (" ", "from-missing"),
        ("Ada", "from-broken"),
        ("undisclosed:;", "from-broken"),
        ("=?utf-8?q?Ada_=3Cada=40mail.example=3E?=", "from-broken"),
        ("=?utf-8?b?YWRhQG1haWwuZXhhbXBsZQ==?=", "from-broken"),
        ("=?utf-8?q?ada@mail.example?=", "from-broken"),
        ("<=?utf-8?q?ada=40mail.example?=>", "from-broken"),
        ("=?utf-8?q?Ada_<ada@mail.example>?=", "from-broken"),
        (f"Ada <ada@mail.example> <{MALLORY}>", "from-broken"),
        (f"Mallory <{MALLORY}> <ada@mail.example>", "from-broken"),
        (f"Ada\r\n <ada@mail.example\r\n\t> <{MALLORY}>", "from-broken"),
        (f"<{MALLORY}> ada@mail.example", "from-broken"),
        (f"<{MALLORY}> Mallory", "from-broken"),
        ("ada@mail.example Ada", "from-broken"),
        ("Ada ada@mail.example", "from-broken"),
        ('"ada@mail.example"', "from-broken"),
        ('"ada@mail.example"@evil.example', "from-broken"),
        ("ada@mail.example@evil.example", "from-broken"),
        ("ada@mail.example(.evil.example)x", "from-broken"),
        ("<ada@mail.example", "from-broken"),
        ("ada@mail.example>", "from-broken"),
        ("<@evil.example:ada@mail.example>", "from-broken"),
        ("<ada@mail.\r\n example>", "from-broken"),
        ("<ada\u200b@mail.example>", "from-broken"),
        ("<ada@[192.0.2.1]>", "from-broken"),
        (f"ada@mail.example, {MALLORY}", "from-several"),
        (f"{MALLORY}, Ada <ada@mail.example>", "from-several"),
        (f"Staff: ada@mail.example, {MALLORY};", "from-several"),
        (f"ada@mail.example; {MALLORY}", "from-several"),
        (f"ada@mail.example\r\nFrom: {MALLORY}", "from-several"),
        (f"{MALLORY}\r\nfrom: ada@mail.example", "from-several"),
        ("ada@mail.example\r\nFrom: Mallory", "from-broken"),
        (f"ada@mail.example, {'x' * LONGEST}", "from-broken"),
        (f"{'ada@mail.example, ' * 100}{MALLORY}", "from-broken"),
        (f"{'<x>' * 100} <ada@mail.example>", "from-broken"),
        (f"{MALLORY}: ada@mail.example", "from-broken"),
        (f"{MALLORY} (Mallory): ada@mail.example;", "from-broken"),
        (f"Mallory {MALLORY} : Ada <ada@mail.example>;", "from-broken"),
        (f'"{MALLORY}": ada@mail.example', "from-broken"),
        (f"<{MALLORY}>: ada@mail.example", "from-broken"),
        (f"Staff: {MALLORY}: ada@mail.example;", "from-broken"),
        (f"ada@mail.example: <{MALLORY}>;", "from-broken"),
    ],
)
def test_without_one_well_formed_author_nobody_speaks(written: str, defect: str) -> None:
    others = "Sender: ada@mail.example\r\nReply-To: ada@mail.example\r\nReturn-Path: <ada@mail.example>"
    mail = given(
        From=f"{written}\r\n{others}" if written else f"\r\n{others}", envelope=Envelope("ada@mail.example")
    )
    assert speaker(mail) is None
    assert mail.interaction.speaker.name is None
    assert mail.interaction.speaker_key.startswith("anonymous:")
    assert defect in mail.interaction.defects
    assert recipient(mail) == "ada@mail.example"  # of whom nobody is the customer: a person confirms it


def test_a_from_field_that_is_missing_is_not_made_up_for_by_others() -> None:
    raw = b"Sender: ada@mail.example\r\nReply-To: ada@mail.example\r\nReturn-Path: <ada@mail.example>\r\n\r\nHello"
    mail = read_mail(raw, Envelope("ada@mail.example"), NOW, OURS)
    assert speaker(mail) is None
    assert "from-missing" in mail.interaction.defects


def test_a_from_field_behind_a_line_that_is_no_header_counts_with_the_first() -> None:
    raw = b"From: mallory@evil.example\r\nno header\r\nFrom : ada@mail.example\r\n\r\nHello"
    assert speaker(read_mail(raw, TO_US, NOW, OURS)) is None


ADA = "From: ada@mail.example"


@pytest.mark.parametrize(
    "fields",
    [
        f"Subject: hi\r\nno header line\r\n{ADA}",
        f"Subject: hi\r\nno header line\r\n{ADA}\r\nX: y\r\nnone either",
        f"no header line\r\n{ADA}",
        f" folded from nothing\r\n{ADA}",
        f"Subject : hi\r\n{ADA}",
        f"Sub\0ject: hi\r\n{ADA}",
        f"From mallory@evil.example Mon Nov 23 2026\r\nno header line\r\n{ADA}",
        f"Subject: hi\r\nFrom mallory@evil.example Mon Nov 23 2026\r\n{ADA}",
        f"From : {MALLORY}\r\n{ADA}",
        f"Subject: hi\r\nFrom : {MALLORY}\r\n{ADA}",
        f"{ADA}\r\nno header line\r\nFrom: {MALLORY}",
        f"{ADA}\r\nno header line\r\n{ADA}",
        f"Subject: hi\r{ADA}",
        f"Subject: hi\r{ADA}\r\nX: y",
        f"{ADA}\rSubject: hi",
        f"{ADA}\r\nX: y\r\r\nFrom: {MALLORY}",
        f"{ADA}\r\nX: y\r\rz\r\nFrom: {MALLORY}",
        f"Subject: hi\n{ADA}\r\nX: y",
        f"{ADA}\nX: y\r\nSubject: hi",
        f"{ADA}\r\nX: y\n\nz\r\nFrom: {MALLORY}",
        f"{'X: y' * (LONGEST_HEAD // 4)}\r\n{ADA}",
    ],
    ids=range(21),
)
def test_who_is_not_in_the_from_field_for_every_program_does_not_speak(fields: str) -> None:
    mail = read_mail(f"{fields}\r\n\r\nHello".encode(), TO_US, NOW, OURS)
    assert speaker(mail) is None
    assert mail.interaction.speaker_key.startswith("anonymous:")
    assert {"from-missing", "from-broken", "from-several"} & set(mail.interaction.defects)


@pytest.mark.parametrize(
    "mail",
    [
        f"{ADA}\r\nno header line\r\nSubject: hi\r\n\r\nHello",
        f"From mallory@evil.example Mon Nov 23 10:00:00 2026\r\n{ADA}\r\n\r\nHello",
        f"{ADA}\r\nX: y\rz\r\n\r\nHello",
        f"X: y\rz\r\n{ADA}\r\n\r\nHello",
        f"X: y\nY: z\r\n{ADA}\r\n\r\nHello",
        f"From:\r\n\tada@mail.example\r\nX: y\r\n\r\n{ADA}\r\n\r\nHello",
        f"X: y\n{ADA}\n\nHello\r\n\r\nFrom: {MALLORY}\r\n\r\n",
        f"{ADA}\r\n\r\nno header line\r\nFrom: {MALLORY}\r\n\r\n",
        ADA,
        f"X: y\r\n{ADA}",
        f"{ADA}\r\n\r\n{'x' * LONGEST_HEAD}",
    ],
    ids=range(11),
)
def test_who_is_in_the_from_field_for_every_program_speaks_whatever_else_is_broken(mail: str) -> None:
    assert speaker(read_mail(mail.encode(), TO_US, NOW, OURS)) == "ada@mail.example"


@pytest.mark.parametrize(
    "fields",
    [
        f"From: ada@mail.example{' ' * LONGEST_VALUE}<{MALLORY}>",
        "From: ada@mail.example\r\n" + "X: y\r\n" * MOST_HEADERS + f"From: {MALLORY}",
        "From: ada@mail.example\r\n" * 3 + f"From: {MALLORY}",
    ],
)
def test_who_stands_before_what_is_cut_does_not_speak(fields: str) -> None:
    mail = read_mail(f"{fields}\r\n\r\nHello".encode(), TO_US, NOW, OURS)
    assert speaker(mail) is None
    assert "from-broken" in mail.interaction.defects


@settings(max_examples=300, deadline=None)
@for_all(st.text(alphabet=st.characters(exclude_characters="\r\n")))
@example('ada@mail.example" <ada@mail.example>')
@example("ada@mail.example\\")
def test_a_quoted_name_may_hold_anything(name: str) -> None:
    quoted = name.encode("utf-8", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
    assert speaker(given(From=f'"{quoted}" <{MALLORY}>')) == MALLORY


HOSTILE = st.text(alphabet='ada@mail.example<>()[]"\\,:;= ?\t.-é', max_size=60)


@settings(max_examples=500, deadline=None)
@for_all(HOSTILE)
def test_whatever_stands_before_the_brackets_nobody_else_speaks(name: str) -> None:
    assert speaker(given(From=f"{name} <{MALLORY}>")) in {MALLORY, None}


@settings(max_examples=500, deadline=None)
@for_all(st.text(alphabet="ada@mail.example<>[]\\,:;= ?\t.-é", max_size=60))
@example("a@x.example <b@x.example>")
@example("a@x.example")
def test_the_only_mailbox_is_what_the_last_brackets_hold_or_all_there_is(value: str) -> None:
    found = read(value)
    if found.is_well_formed and len(found.mailboxes) == 1:
        brackets = re.findall(r"<([^<>]*)>", value)
        parts = [part.strip() for part in re.split("[,;:]", value) if "@" in part]
        assert found.mailboxes[0].address == (brackets[-1].strip() if brackets else parts[-1])


@pytest.mark.parametrize(
    "value",
    ["(" * LONGEST, "()" * LONGEST, '"\\' * LONGEST, "<" * LONGEST, '<"' * LONGEST, "a@b.example," * LONGEST,
     ":" * LONGEST, "a <b@c.example> " * LONGEST, "@" * LONGEST, "(\\" * LONGEST, '"' + "a" * LONGEST, "a." * LONGEST],
    ids=range(12),
)  # fmt: skip
def test_reading_a_list_of_addresses_costs_no_more_than_its_length(value: str) -> None:
    began = time.process_time()
    read(value)
    assert time.process_time() - began < 0.5


def test_an_address_before_the_address_is_a_name() -> None:
    raw = (MAILS / "21-address-before-the-address.eml").read_bytes()
    mail = read_mail(raw, TO_US, NOW, OURS)
    assert (speaker(mail), mail.interaction.speaker.name) == ("pat21@try.example", "shop21@partner.example")


@pytest.mark.parametrize(
    ("reply_to", "to", "defects"),
    [
        ("", "jo@mail.example", []),
        ("Jo <home@mail.example>", "home@mail.example", []),
        (f"jo@mail.example <{MALLORY}>", MALLORY, []),
        ("=?utf-8?q?=3Chome=40mail.example=3E?=", "jo@mail.example", []),
        ("council@banksia.example", "jo@mail.example", []),
        ("rates+c-1-x@banksia.example, home@mail.example", "home@mail.example", []),
        (f"home@mail.example, {MALLORY}", "home@mail.example", ["reply-to-several"]),
        (f"home@mail.example\r\nReply-To: {MALLORY}", "home@mail.example", ["reply-to-several"]),
        ("home@mail.example, Home@mail.example", "home@mail.example", []),
    ],
)
def test_an_answer_goes_to_the_first_reply_to_that_is_not_ours_else_to_from(
    reply_to: str, to: str, defects: list[str]
) -> None:
    mail = given(Reply_To=reply_to)
    assert (recipient(mail), speaker(mail)) == (to, "jo@mail.example")
    assert mail.interaction.defects == defects


def test_of_copies_to_any_number_of_people_the_one_to_us_is_found() -> None:
    copies = ", ".join(f"p{number}@mail.example" for number in range(500))
    mail = given(To=f"{copies}, rates@banksia.example", envelope=Envelope("jo@mail.example"))
    assert mail.interaction.account == "rates@banksia.example"


def test_of_several_authors_the_first_is_answered_and_none_speaks() -> None:
    assert recipient(given(From=f"{MALLORY}, ada@mail.example")) == MALLORY
    assert recipient(given(From="Ada")) is None


@pytest.mark.parametrize(
    ("envelope", "headers", "return_path"),
    [
        (Envelope("Bounce+1@Mailer.example"), {}, "bounce+1@mailer.example"),
        (Envelope("bounce@mailer.example"), {"Return_Path": "<ada@mail.example>"}, "bounce@mailer.example"),
        (Envelope(""), {"Return_Path": "<ada@mail.example>"}, None),
        (Envelope("council+c-1-x@banksia.example"), {}, None),
        (Envelope("not an address"), {}, None),
        (Envelope(None), {"Return_Path": "<bounce@mailer.example>"}, "bounce@mailer.example"),
        (Envelope(None), {"Return_Path": "<first@x.example>\r\nReturn-Path: <second@x.example>"}, "first@x.example"),
        (Envelope(None), {"Return_Path": "<>\r\nReturn-Path: <second@x.example>"}, None),
        (Envelope(None), {"Return_Path": "<a@x.example>, <b@x.example>"}, None),
        (Envelope(None), {}, None),
    ],
)  # fmt: skip
def test_automatic_answers_go_to_the_envelope_sender_and_else_nowhere(
    envelope: Envelope, headers: dict[str, str], return_path: str | None
) -> None:
    found = given(envelope=envelope, Reply_To=MALLORY, **headers).interaction.return_path
    assert (found.value if found else None) == return_path
