"""To whom a reply goes, and when its author has to confirm that."""

import pytest

from antiphon.contracts.identified import CustomerFacts
from antiphon.contracts.interactions import Identifier, Interaction, Speaker
from case_mgmt.domain.recipients import Refusal, automatic_recipient_of, belongs_to, recipient_of, refusal
from tests.support.cases import MINE, NOW, interaction


def mail(address: str) -> Identifier:
    return Identifier(kind="email", value=address)


ADA, HOME, MALLORY = mail("ada@mail.example"), mail("home@mail.example"), mail("mallory@evil.example")
POST = Identifier(kind="did", value="did:plc:ada")
CUSTOMER = CustomerFacts(customer_id=MINE, since=NOW, identifiers=[ADA, HOME, POST])


def message(
    recipient: Identifier | None, channel: str = "email", speaker: Identifier | None = ADA
) -> Interaction:
    return interaction(channel=channel, recipient=recipient, speaker=Speaker(address=speaker))


@pytest.mark.parametrize(
    ("answered", "confirmed", "why"),
    [
        (message(ADA), None, None),
        (message(HOME), None, None),
        (message(ADA), "ada@mail.example", None),
        (message(ADA), "mallory@evil.example", Refusal.NOT_CONFIRMED),
        (message(ADA), "home@mail.example", Refusal.NOT_CONFIRMED),
        (message(MALLORY), None, Refusal.NOT_CONFIRMED),
        (message(MALLORY), "mallory@evil.example", None),
        (message(MALLORY), "Mallory@evil.example", Refusal.NOT_CONFIRMED),
        (message(MALLORY), "ada@mail.example", Refusal.NOT_CONFIRMED),
        # The same value of another kind is another address.
        (message(Identifier(kind="partner", value="ada@mail.example")), None, Refusal.NOT_CONFIRMED),
        (message(None), None, None),  # an interaction without the field
        (message(None, speaker=MALLORY), None, Refusal.NOT_CONFIRMED),
        (message(None, speaker=None), None, Refusal.NO_RECIPIENT),
        (message(None, speaker=None), "ada@mail.example", Refusal.NO_RECIPIENT),
        (message(POST, "social", POST), None, None),
        (message(None, "social", None), None, Refusal.NO_RECIPIENT),
        (message(None, "carrier pigeon", None), None, Refusal.NO_RECIPIENT),
        (message(None, "visit", None), None, None),
        (message(None, "web", None), None, None),
        (message(None, "web", None), "ada@mail.example", Refusal.NOT_CONFIRMED),
        (message(MALLORY, "web", ADA), None, Refusal.NOT_CONFIRMED),
    ],
)  # fmt: skip
def test_a_reply_goes_to_an_address_of_the_customer_or_to_a_confirmed_one(
    answered: Interaction, confirmed: str | None, why: Refusal | None
) -> None:
    assert refusal(answered, CUSTOMER, confirmed) == why


def test_a_customer_without_identifiers_has_no_address() -> None:
    nobody = CustomerFacts(customer_id=MINE, since=NOW)
    assert not belongs_to(ADA, nobody)
    assert not belongs_to(None, CUSTOMER)
    assert refusal(message(ADA, speaker=None), nobody, None) == Refusal.NOT_CONFIRMED


def test_an_automatic_message_goes_to_the_return_path_of_a_mail() -> None:
    forged = message(MALLORY).model_copy(update={"return_path": HOME})
    assert (recipient_of(forged), automatic_recipient_of(forged)) == (MALLORY, HOME)
    assert automatic_recipient_of(message(MALLORY).model_copy(update={"return_path": None})) is None
    assert automatic_recipient_of(message(POST, "social", POST)) == POST
