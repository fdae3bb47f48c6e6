"""To whom an answer goes, and when a person has to confirm it."""

import pytest

from antiphon.contracts.identified import CustomerFacts
from antiphon.contracts.interactions import Identifier, Interaction, Speaker
from case_mgmt.domain.recipients import (
    Refusal,
    automatic_recipient_of,
    belongs_to,
    recipient_of,
    refusal,
)
from tests.support.cases import MINE, NOW, interaction


def mail(address: str) -> Identifier:
    return Identifier(kind="email", value=address)


ADA, HOME, MALLORY = mail("ada@mail.example"), mail("home@mail.example"), mail("mallory@evil.example")
POST = Identifier(kind="did", value="did:plc:ada")
CUSTOMER = CustomerFacts(customer_id=MINE, since=NOW, identifiers=[ADA, HOME, POST])


def said(
    recipient: Identifier | None, channel: str = "email", speaker: Identifier | None = ADA
) -> Interaction:
    return interaction(channel=channel, recipient=recipient, speaker=Speaker(address=speaker))


@pytest.mark.parametrize(
    ("answered", "confirmed", "why"),
    [
        (said(ADA), None, None),
        (said(HOME), None, None),
        (said(ADA), "ada@mail.example", None),
        (said(ADA), "mallory@evil.example", Refusal.NOT_CONFIRMED),
        (said(ADA), "home@mail.example", Refusal.NOT_CONFIRMED),
        (said(MALLORY), None, Refusal.NOT_CONFIRMED),
        (said(MALLORY), "mallory@evil.example", None),
        (said(MALLORY), "Mallory@evil.example", Refusal.NOT_CONFIRMED),
        (said(MALLORY), "ada@mail.example", Refusal.NOT_CONFIRMED),
        # The same value of another kind is another address.
        (said(Identifier(kind="partner", value="ada@mail.example")), None, Refusal.NOT_CONFIRMED),
        (said(None), None, None),  # older than recipients
        (said(None, speaker=MALLORY), None, Refusal.NOT_CONFIRMED),
        (said(None, speaker=None), None, Refusal.NO_RECIPIENT),
        (said(None, speaker=None), "ada@mail.example", Refusal.NO_RECIPIENT),
        (said(POST, "social", POST), None, None),
        (said(None, "social", None), None, Refusal.NO_RECIPIENT),
        (said(None, "carrier pigeon", None), None, Refusal.NO_RECIPIENT),
        (said(None, "visit", None), None, None),
        (said(None, "web", None), None, None),
        (said(None, "web", None), "ada@mail.example", Refusal.NOT_CONFIRMED),
        (said(MALLORY, "web", ADA), None, Refusal.NOT_CONFIRMED),
    ],
)  # fmt: skip
def test_an_answer_leaves_for_an_address_of_the_customer_or_for_one_that_is_confirmed(
    answered: Interaction, confirmed: str | None, why: Refusal | None
) -> None:
    assert refusal(answered, CUSTOMER, confirmed) == why


def test_a_customer_without_identifiers_has_no_address() -> None:
    nobody = CustomerFacts(customer_id=MINE, since=NOW)
    assert not belongs_to(ADA, nobody)
    assert not belongs_to(None, CUSTOMER)
    assert refusal(said(ADA, speaker=None), nobody, None) == Refusal.NOT_CONFIRMED


def test_words_that_nobody_wrote_go_to_the_return_path_of_a_mail_and_else_where_an_answer_goes() -> None:
    forged = said(MALLORY).model_copy(update={"return_path": HOME})
    assert (recipient_of(forged), automatic_recipient_of(forged)) == (MALLORY, HOME)
    assert automatic_recipient_of(said(MALLORY).model_copy(update={"return_path": None})) is None
    assert automatic_recipient_of(said(POST, "social", POST)) == POST
