import pytest

from ingest_email.domain.parser import read_mail
from ingest_email.domain.words import split
from tests.support.mail_samples import NOW, OURS, TO_US, corpus

QUOTED = [
    "On Mon, 23 Nov 2026 at 09:00, City <council@banksia.example> wrote:\n> Dear Jo",
    "On Mon, 23 Nov 2026 at 09:00, City of Banksia\n<council@banksia.example>\nwrote:\n> Dear Jo",
    "On Mon, 23 Nov 2026 at 09:00, City <council@banksia.example> wrote:\n\nDear Jo,\nnot marked at all",
    "Am 23.11.2026 um 09:00 schrieb City of Banksia:\n> Liebe Jo",
    "Le lun. 23 nov. 2026 à 09:00, City <council@banksia.example> a écrit :\n> Chère Jo",
    "El lun, 23 nov 2026 a las 9:00, City (<council@banksia.example>) escribió:\n> Hola",
    "Il giorno lun 23 nov 2026 alle ore 09:00 City <c@b.example> ha scritto:\n> Cara Jo",
    "Op ma 23 nov. 2026 om 09:00 schreef City <c@b.example>:\n> Beste Jo",
    "Den mån 23 nov. 2026 kl 09:00 skrev City <c@b.example>:\n> Hej",
    "-----Original Message-----\nFrom: City\nSent: Monday\nTo: Jo\nSubject: Pothole\n\nDear Jo",
    "________________________________\nFrom: City <c@b.example>\nSent: Monday\nTo: Jo\nSubject: Pothole\n\nDear Jo",
    "From: City <c@b.example>\nSent: Monday\nTo: Jo\nSubject: Pothole\n\nDear Jo",
    "Von: City <c@b.example>\nGesendet: Montag\nAn: Jo\nBetreff: Schlagloch\n\nLiebe Jo",
    "De : City <c@b.example>\nEnvoyé : lundi\nÀ : Jo\nObjet : Trou\n\nChère Jo",
    "> Dear Jo,\n> we will come.",
]


@pytest.mark.parametrize("quoted", QUOTED)
def test_quoted_lines_are_separated_from_new_ones(quoted: str) -> None:
    parts = split(f"It is still there.\n\n{quoted}")
    assert parts.new == "It is still there."
    assert parts.quoted == quoted


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nJo Harris\n12 Wattle Street",
        "--\nJo",
        "Sent from my iPhone",
        "Sent from my Samsung Galaxy smartphone.",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Gesendet von meinem iPhone",
        "Enviado desde mi iPhone",
        "Envoyé de mon iPhone",
        "Kind regards,\nJo Harris\n0412 345 678",
        "Mit freundlichen Grüßen\nJo Harris",
        "Cordialement,\nJo",
    ],
)
def test_a_signature_is_separated_from_new_lines(signature: str) -> None:
    parts = split(f"It is still there.\n\n{signature}\n")
    assert parts.new == "It is still there."
    assert parts.signature == "\n".join(line.rstrip() for line in signature.split("\n"))


@pytest.mark.parametrize(
    "text",
    [
        "Three things:\n- the light\n- the path\nPlease repair all.",
        "Thanks, but the pothole is back.\nCome again.",
        "Sent from my desk, which is easier than a phone.",
        "On Monday my neighbour wrote: nothing happens.\nSo I write too.",
        "From: the corner of Wattle Street\nthe path is broken.",
        "I said -- and I mean it -- come.",
        "Best regards to Amara, who helped me.\nBut the light is dark again, and has been for three weeks now, every night.",
        "Warning: the tree will fall. My mail was ignored.",
        "5 > 3 and that is what you charge me.",
    ],
)
def test_words_that_only_look_like_a_quotation_or_signature_stay(text: str) -> None:
    assert split(text) == (text, None, None)


def test_answers_between_the_quoted_lines_are_all_kept() -> None:
    parts = split("On 1/2/2026 City wrote:\n> Which street?\nWattle Street.\n> Which side?\nNorth.")
    assert parts.new == "Wattle Street.\nNorth."


@pytest.mark.parametrize(
    "text", ["> only\n> quoted", "--\nJo", "-----Original Message-----\nFrom: x\nTo: y\nSubject: z\n\nwords"]
)
def test_when_nothing_new_would_be_left_all_is_new(text: str) -> None:
    assert split(text) == (text, None, None)


@pytest.mark.parametrize("name", ["android", "aol", "apple_mail", "apple_mail_2", "comcast", "gmail", "hotmail", "iphone", "outlook", "sparrow", "thunderbird", "yahoo"])  # fmt: skip
def test_replies_of_real_programs(name: str) -> None:
    raw = (corpus("email-talon") / "tests/fixtures/standard_replies" / f"{name}.eml").read_bytes()
    assert read_mail(raw, TO_US, NOW, OURS).interaction.content.text == "Hello"


@pytest.mark.parametrize(
    ("name", "begins", "lacks"),
    [
        ("email_1_2", "Hi,\n\nYou can list the keys", "Abhishek"),
        ("email_1_4", "Awesome!", "Loader"),
        ("email_1_8", "I will reply under this one\n\nand under this.", "signature"),
        ("email_2_1", "Outlook with a reply", "Google Apps"),
        ("email_2_2", "Outlook with a reply directly above line", "CRM"),
        ("email_bullets", "test 2 this should list second\n\nand have spaces", "Joe Smith"),
        ("email_sent_from_my_not_signature", "Here is another email\n\nSent from my desk", "zzz"),
        ("pathological", "I think you're onto something.", "Sullivan"),
        ("greedy_on", "On your remote host you can run:", "George"),
    ],
)
def test_replies_of_the_second_corpus(name: str, begins: str, lacks: str) -> None:
    new = split((corpus("email-reply-parser") / "test/emails" / f"{name}.txt").read_text()).new
    assert new.startswith(begins)
    assert lacks not in new
