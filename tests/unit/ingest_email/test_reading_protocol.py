import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_email.domain.mail import Envelope, unreadable
from ingest_email.domain.parser import read_mail
from ingest_email.reading import protocol
from ingest_email.reading.protocol import Request
from tests.fuzz.growing import GROWING
from tests.support.mail_samples import NOW, OURS, TO_US, corpus


def back(raw: bytes) -> None:
    read = read_mail(raw, TO_US, NOW, OURS)
    message, data = protocol.answer(read, is_last=False)
    assert protocol.read_of(protocol.ANSWER.validate_json(message), b"".join(data)) == read


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2_000))
def test_what_a_worker_read_arrives_as_it_read_it(raw: bytes) -> None:
    back(raw)


@pytest.mark.parametrize("name", GROWING)
def test_what_a_worker_read_of_a_hostile_mail_arrives(name: str) -> None:
    back(GROWING[name](20_000))


def test_every_mail_of_the_corpus_arrives_as_it_was_read() -> None:
    for path in corpus("email-mikel-mail").rglob("emails/**/*"):
        if path.is_file():
            back(path.read_bytes())


@given(st.none() | st.text(), st.lists(st.text(), max_size=3))
def test_a_request_can_be_made_for_any_envelope(sender: str | None, recipients: list[str]) -> None:
    request = protocol.REQUEST.validate_json(
        protocol.encoded(Request(Envelope(sender, ("\udc80", *recipients)), NOW))
    )
    assert request.accepted_at == NOW
    assert (request.envelope.sender is None) == (sender is None)
    assert len(request.envelope.recipients) == len(recipients) + 1


def test_an_answer_whose_files_do_not_fit_is_refused() -> None:
    read = read_mail(b"Content-Type: application/pdf\r\n\r\nx", TO_US, NOW, OURS)
    message, _ = protocol.answer(read, is_last=False)
    with pytest.raises(ValueError, match="0 bytes"):
        protocol.read_of(protocol.ANSWER.validate_json(message), b"")


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_an_unreadable_mail_is_the_same_interaction_exactly_when_its_bytes_are(
    one: bytes, other: bytes
) -> None:
    first, second = (unreadable(raw, TO_US, NOW, OURS).interaction.interaction_id for raw in (one, other))
    assert (first == second) == (one == other)
