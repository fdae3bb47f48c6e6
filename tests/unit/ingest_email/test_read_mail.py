# ruff: noqa: RUF001 - what people type
import encodings
import hashlib
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from antiphon.contracts.interactions import Automation, InteractionReceived
from ingest_email.domain.mail import Envelope
from ingest_email.domain.parser import read_mail
from tests.support.mail_samples import NOW, OURS, TO_US, corpus, given


def test_a_mail_becomes_an_interaction() -> None:
    read = given(
        "The pothole is back.\r\n-- \r\nJo",
        In_Reply_To="<a@x.example>",
        References="<b@x.example> <a@x.example>",
    )
    interaction = read.interaction
    assert interaction.speaker.address is not None
    assert interaction.speaker.address.key == "email:jo@mail.example"
    assert interaction.speaker.name == "Jo Harris"
    assert interaction.content.text == "The pothole is back."
    assert interaction.content.signature == "--\nJo"
    assert interaction.thread.native_id == "<one@mail.example>"
    assert interaction.thread.answers == ["<a@x.example>", "<b@x.example>"]
    assert interaction.occurred_at == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    assert interaction.accepted_at == NOW
    assert interaction.automation == Automation.NONE
    assert interaction.defects == []


@pytest.mark.parametrize(
    ("date", "defect"),
    [
        ("", "date-missing"),
        ("yesterday", "date-broken"),
        ("Mon, 99 Nov 2026 10:00:00 +0000", "date-broken"),
        ("Fri, 31 Dec 9999 23:59:59 -2359", "date-broken"),
        ("Mon, 23 Nov 2026 10:00:00 +9999", "date-broken"),
        ("Thu, 01 Jan 1970 00:00:00 +0000", "date-impossible"),
        ("Mon, 23 Nov 2036 10:00:00 +0000", "date-impossible"),
    ],
)
def test_without_a_usable_date_the_time_of_receipt_counts(date: str, defect: str) -> None:
    interaction = given(Date=date).interaction
    assert interaction.occurred_at == NOW
    assert defect in interaction.defects


def test_a_mail_without_message_id_has_one_made_from_the_interaction() -> None:
    interaction = given(Message_ID="").interaction
    assert interaction.thread.native_id == f"<{interaction.interaction_id}@no-message-id.invalid>"
    assert "message-id-missing" in interaction.defects


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=utf-8", "Schlaglöcher".encode(), "Schlaglöcher"),
        ("text/plain; charset=iso-8859-1", "Schlaglöcher".encode("latin-1"), "Schlaglöcher"),
        ("text/plain; charset=iso-8859-1", "„smart“ – ".encode("cp1252"), "„smart“ –"),
        ("text/plain; charset=x-unknown-9", "Schlaglöcher".encode(), "Schlaglöcher"),
        ("text/plain; charset=us-ascii", "Schlaglöcher".encode("cp1252"), "Schlaglöcher"),
        ("text/plain; charset=base64", b"plain", "plain"),
        ("text/plain; charset=rot13", b"plain", "plain"),
        ("text/plain; charset=undefined", b"plain", "plain"),
        ("text/plain; charset=utf-8", "Schlaglöcher".encode("cp1252"), "Schlagl�cher"),
        ("text/plain", "Schlaglöcher".encode("cp1252"), "Schlaglöcher"),
        ("text/plain", "穴があります".encode("iso-2022-jp"), "穴があります"),
        ("text/plain; charset=gb2312", "坑洞镕".encode("gb18030"), "坑洞镕"),
        ("text/plain; charset=ks_c_5601-1987", "구멍".encode("cp949"), "구멍"),
        ('text/html; charset="utf-8"', b"<p>One<br>two</p>", "One\ntwo"),
        ("text/html", b'<meta charset="shift_jis"><p>' + "穴".encode("cp932"), "穴"),
    ],
)
def test_text_is_read_whatever_charset_it_declares(content_type: str, body: bytes, text: str) -> None:
    raw = b"From: jo@mail.example\r\nContent-Type: " + content_type.encode() + b"\r\n\r\n" + body
    assert read_mail(raw, TO_US, NOW, OURS).interaction.content.text == text


@pytest.mark.parametrize(
    ("subject", "decoded"),
    [
        ("=?utf-8?q?L=C3=B6cher?=", "Löcher"),
        ("=?utf-8?B?TMO2?= =?utf-8?B?Y2hlcg==?=", "Löcher"),
        ("=?utf-8?B?TMM=?= =?utf-8?B?tmNoZXI=?=", "Löcher"),
        ("=?x-none?q?Loch?=", "Loch"),
        ("=?utf-8?B?!!!!?= after", "after"),
        ("=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
        ("one\r\n two", "one two"),
    ],
)
def test_subjects_are_decoded(subject: str, decoded: str) -> None:
    assert given(Subject=subject).interaction.content.subject == decoded


def test_the_same_mail_through_another_entry_point_is_the_same_interaction() -> None:
    raw = b"From: jo@mail.example\r\nMessage-ID: <1@x.example>\r\nSubject: a\r\n b\r\n\r\nHello.  \r\n\r\n"
    other = (
        b"Received: by there\nDelivered-To: rates@banksia.example\n"
        + raw.replace(b"\r\n", b"\n").rstrip()
        + b"\n"
    )
    one = read_mail(raw, TO_US, NOW, OURS).interaction
    two = read_mail(other, Envelope(None, ("rates@banksia.example",)), NOW, OURS).interaction
    assert one.interaction_id == two.interaction_id


def test_two_mails_with_one_message_id_are_two_interactions() -> None:
    assert given("One").interaction.interaction_id != given("Two").interaction.interaction_id


@pytest.mark.parametrize(
    ("recipients", "headers", "token"),
    [
        (("council+c-1042-abc@banksia.example",), {}, "c-1042-abc"),
        ((), {"Delivered_To": "Council+c-1042-abc@Banksia.example"}, "c-1042-abc"),
        ((), {"Cc": "x@y.example, <rates+c-1-z@banksia.example>"}, "c-1-z"),
        (("council@banksia.example",), {}, None),
        (("council+news@banksia.example",), {}, None),
        ((), {"To": "council+c-1042-abc@elsewhere.example"}, None),
    ],
)
def test_the_case_token_is_taken_from_our_addresses_only(
    recipients: tuple[str, ...], headers: dict[str, str], token: str | None
) -> None:
    read = given(envelope=Envelope("jo@mail.example", recipients), **headers)
    assert read.interaction.thread.case_token == token


def test_the_department_that_was_written_to_is_the_account() -> None:
    read = given(envelope=Envelope("jo@mail.example", ("council@banksia.example", "rates@banksia.example")))
    assert read.interaction.account == "rates@banksia.example"


def test_files_are_kept_with_harmless_names() -> None:
    raw = (
        b"From: jo@mail.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nSee the file.\r\n"
        b'--b\r\nContent-Type: application/pdf; name="../../etc/pass\xe2\x80\xaewd.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n'
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nInner words.\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\n!broken\r\n--b--\r\n"
    )
    read = read_mail(raw, TO_US, NOW, OURS)
    assert read.interaction.content.text == "See the file."
    attachments = [(file.filename, file.media_type) for file in read.interaction.attachments]
    assert attachments == [
        ("passwd.pdf", "application/pdf"),
        ("attachment-2.eml", "message/rfc822"),
        ("attachment-3.png", "image/png"),
    ]
    assert read.files[0].data == b"%PDF"
    assert b"Inner words." in read.files[1].data
    assert read.interaction.attachments[0].sha256 == hashlib.sha256(b"%PDF").hexdigest()


def test_a_bounce_answers_the_mail_that_came_back() -> None:
    raw = (
        b"From: MAILER-DAEMON@relay.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
        b"Final-Recipient: rfc822; jo@mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <reply-1@banksia.example>\r\n\r\n--b--\r\n"
    )
    read = read_mail(raw, Envelope(""), NOW, OURS)
    assert read.interaction.automation == Automation.BOUNCE
    assert read.interaction.thread.answers == ["<reply-1@banksia.example>"]
    assert read.bounce is not None
    assert read.bounce.is_permanent
    assert read.bounce.reason == "5.1.1 smtp; 550 no such user"
    later = raw.replace(b"Action: failed", b"Action: delayed").replace(b"5.1.1", b"4.4.1")
    delayed = read_mail(later, Envelope(""), NOW, OURS).bounce
    assert delayed is not None
    assert not delayed.is_permanent


def test_every_mail_of_the_corpus_is_read() -> None:
    files = [path for path in corpus("email-mikel-mail").rglob("emails/**/*") if path.is_file()]
    assert len(files) > 100
    for path in files:
        interaction = read_mail(path.read_bytes(), TO_US, NOW, OURS).interaction
        assert "mail-unreadable" not in interaction.defects, path.name
        assert InteractionReceived(interaction=interaction).model_dump_json().encode()


def test_parts_deeper_than_any_program_writes_are_a_file() -> None:
    levels = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(60)
    )
    read = read_mail(b"From: jo@mail.example\r\n" + levels + b"\r\nHello.", TO_US, NOW, OURS)
    assert "too-deep" in read.interaction.defects
    (file,) = read.files
    assert b"Hello." in file.data


def test_a_mail_that_was_forwarded_ten_times_is_read_whole() -> None:
    raw = b"From: jo@mail.example\r\n\r\nThe first words."
    for number in range(10):
        raw = (
            b"From: jo@mail.example\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n\r\nSee below.\r\n"
            b"--b%d\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--b%d--\r\n" % (number, number, number, raw, number)
        )  # fmt: skip
    read = read_mail(raw, TO_US, NOW, OURS)
    assert read.interaction.content.text == "See below."
    assert "too-deep" not in read.interaction.defects
    assert b"The first words." in read.files[0].data


def test_of_more_parts_than_are_read_the_first_are() -> None:
    parts = b"".join(b"--b\r\n\r\n%d\r\n" % number for number in range(50_000))
    raw = b"From: jo@mail.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts
    interaction = read_mail(raw, TO_US, NOW, OURS).interaction
    assert "too-many-parts" in interaction.defects
    assert interaction.content.text.startswith("0\n1\n2\n")


def test_a_header_of_a_part_that_is_too_long_is_cut_and_the_part_is_read() -> None:
    raw = (
        b"From: jo@mail.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8;"
        b' a="' + b";" * 100_000 + b'"\r\n\r\nSchlagl\xc3\xb6cher\r\n--b--\r\n'
    )  # fmt: skip
    interaction = read_mail(raw, TO_US, NOW, OURS).interaction
    assert interaction.content.text == "Schlaglöcher"
    assert "header-too-long" in interaction.defects


def test_a_charset_in_an_extended_parameter_does_not_hide_the_words() -> None:
    raw = (
        b"From: jo@mail.example\r\nContent-Type: text/plain; charset*=utf-8''utf-8\r\n\r\nSchlagl\xc3\xb6cher"
    )
    assert read_mail(raw, TO_US, NOW, OURS).interaction.content.text == "Schlaglöcher"


def test_names_of_charsets_that_there_are_not_are_not_kept_in_memory() -> None:
    words = b" ".join(b"=?x-made-up-%d?q?a?=" % number for number in range(500))
    read_mail(
        b"Subject: " + words + b"\r\nContent-Type: text/plain; charset=x-made-up\r\n\r\nx", TO_US, NOW, OURS
    )
    kept: dict[str, object] = encodings._cache  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
    assert not [name for name in kept if "made_up" in name]


@settings(max_examples=300, deadline=None)
@for_all(st.binary(max_size=3000))
def test_any_bytes_are_an_interaction(raw: bytes) -> None:
    interaction = read_mail(raw, TO_US, NOW, OURS).interaction
    assert InteractionReceived(interaction=interaction).model_dump_json().encode()
    assert interaction.raw_sha256 == hashlib.sha256(raw).hexdigest()
    assert "\x00" not in interaction.model_dump_json()


MIME = (
    b"From: =?utf-8?q?J=C3=B6?= <jo@mail.example>\r\nTo: a:b@c.example,;\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\nReferences: <a@b> <c@d>\r\n\r\n--b\r\n'
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>=C3=B6<b>\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n--b\r\n"
    b"Content-Disposition: attachment; filename*0*=utf-8''%41; filename*1=b\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n"
    b"begin 644 x\r\n#0V%T\r\n`\r\nend\r\n--b--\r\n"
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@for_all(st.integers(), st.integers(1, 30))
def test_a_mail_that_was_damaged_on_its_way_is_an_interaction(seed: int, damages: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    raw = bytearray(MIME)
    for _ in range(damages):
        at = chance.randrange(len(raw))
        kind = chance.randrange(3)
        if kind == 0:
            raw[at] = chance.randrange(256)
        elif kind == 1:
            del raw[at : at + chance.randrange(1, 20)]
        else:
            raw[at:at] = raw[chance.randrange(len(raw)) :][: chance.randrange(1, 40)]
    interaction = read_mail(bytes(raw), TO_US, NOW, OURS).interaction
    assert InteractionReceived(interaction=interaction).model_dump_json().encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"\x00" * 1000,
        b"From: " + b"<" * 50_000 + b"\r\n\r\n",
        b"To: " + b"a," * 50_000 + b"\r\n\r\n",
        b"Subject: " + b"=?utf-8?q?" * 20_000 + b"\r\n\r\n",
        b"References: " + b"<" * 100_000 + b"\r\n\r\n",
        b"\r\n" + b"On " * 100_000,
        b"\r\n" + b"From: a\n" * 20_000,
        b"\r\n" + b">" * 200_000,
        b"Content-Type: text/html\r\n\r\n" + b"<div>" * 200_000,
        b"Content-Type: text/html\r\n\r\n" + b"<b><table>" * 2_000,
        b"Content-Type: text/html\r\n\r\n" + b"<" * 200_000,
        b"Content-Type: text/html\r\n\r\n" + b"<script" * 20_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(1000)),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5_000,
        b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
        b"Content-Type: message/rfc822\r\n\r\n" * 2_000,
    ],
    ids=range(18),
)
def test_a_mail_made_to_harm_is_read_in_bounded_time(raw: bytes) -> None:
    import time  # noqa: PLC0415

    began = time.process_time()
    interaction = read_mail(raw, TO_US, NOW, OURS).interaction
    assert time.process_time() - began < 3
    assert len(InteractionReceived(interaction=interaction).model_dump_json()) < 4_000_000
