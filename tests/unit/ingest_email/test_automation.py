import pytest

from antiphon.contracts.interactions import Automation
from ingest_email.domain.mail import Envelope
from tests.support.mail_samples import TO_US, given

US = ("council@banksia.example",)


@pytest.mark.parametrize(
    ("headers", "automation"),
    [
        ({}, Automation.NONE),
        ({"Auto_Submitted": "no"}, Automation.NONE),
        ({"X_Auto_Response_Suppress": "None"}, Automation.NONE),
        ({"Precedence": "first-class"}, Automation.NONE),
        ({"Subject": "Re: Automatic reply: what does it mean?"}, Automation.NONE),
        ({"Subject": "Undelivered parcel"}, Automation.NONE),
        ({"Auto_Submitted": "auto-replied"}, Automation.AUTO_REPLY),
        ({"Auto_Submitted": "Auto-Generated; owner-email=x"}, Automation.AUTO_REPLY),
        ({"X_Auto_Response_Suppress": "All"}, Automation.AUTO_REPLY),
        ({"X_Autoreply": "yes"}, Automation.AUTO_REPLY),
        ({"X_Autorespond": "1"}, Automation.AUTO_REPLY),
        ({"Precedence": "auto_reply"}, Automation.AUTO_REPLY),
        ({"X_Precedence": "auto-reply"}, Automation.AUTO_REPLY),
        ({"Subject": "Automatic reply: Pothole"}, Automation.AUTO_REPLY),
        ({"Subject": "=?utf-8?q?R=C3=A9ponse_automatique_:_Trou?="}, Automation.AUTO_REPLY),
        (
            {"Content_Type": "multipart/report; report-type=disposition-notification; boundary=b"},
            Automation.AUTO_REPLY,
        ),
        ({"Precedence": "Bulk"}, Automation.BULK),
        ({"List_Id": "<news.shop.example>"}, Automation.BULK),
        ({"List_Unsubscribe": "<https://shop.example/u>"}, Automation.BULK),
        ({"From": "MAILER-DAEMON@relay.example"}, Automation.BOUNCE),
        ({"From": "postmaster@relay.example", "Subject": "Undeliverable: Pothole"}, Automation.BOUNCE),
        ({"From": "postmaster@relay.example"}, Automation.NONE),
        ({"Content_Type": "multipart/report; report-type=delivery-status; boundary=b"}, Automation.BOUNCE),
        ({"X_Failed_Recipients": "jo@mail.example"}, Automation.BOUNCE),
        ({"Return_Path": "<>"}, Automation.BOUNCE),
        ({"Return_Path": "<>", "Auto_Submitted": "auto-replied"}, Automation.AUTO_REPLY),
        ({"X_Antiphon_Reply": "x"}, Automation.LOOP),
        ({"From": "rates@banksia.example"}, Automation.LOOP),
        ({"From": "Council <Council+c-1-x@BANKSIA.example>"}, Automation.LOOP),
        ({"Message_ID": "<reply-0b9d3d3c-5a7e-5c55-9d43-0a4a4f1d6a10@banksia.example>"}, Automation.LOOP),
    ],
)
def test_the_kind_of_writer_is_recognised(headers: dict[str, str], automation: Automation) -> None:
    assert given(envelope=TO_US, **headers).interaction.automation == automation


def test_a_mail_with_an_empty_envelope_sender_is_a_bounce() -> None:
    assert given(envelope=Envelope("", US)).interaction.automation == Automation.BOUNCE


def test_a_mail_that_goes_round_is_a_loop() -> None:
    hops = "\r\n".join(["by relay.example"] + ["Received: by relay.example"] * 60)
    assert given(Received=hops).interaction.automation == Automation.LOOP
