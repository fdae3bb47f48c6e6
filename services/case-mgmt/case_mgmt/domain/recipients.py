"""To whom an answer goes, and whether somebody must confirm that first. Pure."""

from enum import StrEnum

from antiphon.contracts.identified import CustomerFacts
from antiphon.contracts.interactions import Channel, Identifier, Interaction

# Whoever brought the interaction in hands over the answer, also to one who gave no address.
_HANDED_OVER = (
    Channel.PHONE,
    Channel.LETTER,
    Channel.VISIT,
    Channel.WEB,
    Channel.CHAT,
    Channel.PARTNER,
)


class Refusal(StrEnum):
    """Why an answer does not leave yet; the value is the `type` of the problem that the API answers with."""

    NO_RECIPIENT = "urn:antiphon:problem:no-recipient"
    NOT_CONFIRMED = "urn:antiphon:problem:recipient-not-confirmed"


def recipient_of(interaction: Interaction) -> Identifier | None:
    """To whom an answer goes. One that is older than the field is answered to its speaker's address."""
    return interaction.recipient or interaction.speaker.address


def automatic_recipient_of(interaction: Interaction) -> Identifier | None:
    """To whom words go that nobody wrote for it: of a mail the envelope sender or nobody (RFC 3834, 4)."""
    return interaction.return_path if interaction.channel == Channel.EMAIL else recipient_of(interaction)


def is_handed_over(interaction: Interaction) -> bool:
    """Whether a person or system hands the answer over, so that it needs no address."""
    return interaction.channel in _HANDED_OVER


def belongs_to(recipient: Identifier | None, customer: CustomerFacts) -> bool:
    """Whether it is one of the customer's identifiers."""
    return recipient is not None and recipient.key in {known.key for known in customer.identifiers}


def refusal(interaction: Interaction, customer: CustomerFacts, confirmed: str | None) -> Refusal | None:
    """Why an answer to `interaction` may not leave, None if it may. `confirmed` is the recipient's value as a person repeats it.

    Who writes in a customer's name may name a recipient of their own: one that is not the customer's is confirmed by a person.
    What a person confirms must be true, also where nothing needs to be confirmed.
    """
    recipient = recipient_of(interaction)
    if recipient is None and not is_handed_over(interaction):
        return Refusal.NO_RECIPIENT
    if confirmed is not None:
        return None if recipient is not None and confirmed == recipient.value else Refusal.NOT_CONFIRMED
    return None if recipient is None or belongs_to(recipient, customer) else Refusal.NOT_CONFIRMED
