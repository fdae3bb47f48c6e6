"""To whom a reply goes, and whether its author must confirm that first."""

from enum import StrEnum

from antiphon.contracts.identified import CustomerFacts
from antiphon.contracts.interactions import Channel, Identifier, Interaction

# On these channels a person or a system hands the reply over, so that the speaker needs no address.
_HANDED_OVER = (
    Channel.PHONE,
    Channel.LETTER,
    Channel.VISIT,
    Channel.WEB,
    Channel.CHAT,
    Channel.PARTNER,
)


class Refusal(StrEnum):
    """Why a reply is not sent yet."""

    NO_RECIPIENT = "no-recipient"
    NOT_CONFIRMED = "not-confirmed"


def recipient_of(interaction: Interaction) -> Identifier | None:
    """To whom a reply goes. An interaction without the field `recipient` is answered to its speaker's address."""
    return interaction.recipient or interaction.speaker.address


def automatic_recipient_of(interaction: Interaction) -> Identifier | None:
    """To whom an automatic message goes: for a mail the envelope sender or nobody (RFC 3834, section 4)."""
    return interaction.return_path if interaction.channel == Channel.EMAIL else recipient_of(interaction)


def is_handed_over(interaction: Interaction) -> bool:
    """Whether a person or system hands the reply over, so that it needs no address."""
    return interaction.channel in _HANDED_OVER


def belongs_to(recipient: Identifier | None, customer: CustomerFacts) -> bool:
    """Whether `recipient` is one of the customer's identifiers."""
    return recipient is not None and recipient.key in {identifier.key for identifier in customer.identifiers}


def refusal(interaction: Interaction, customer: CustomerFacts, confirmed: str | None) -> Refusal | None:
    """Why a reply to `interaction` may not be sent, or None if it may.

    `confirmed` is the recipient's address as the author of the reply repeats it. A stranger who writes in a customer's
    name can name an address of their own: the author must confirm an address that is not the customer's. A
    confirmation must name the recipient, also where none is needed.
    """
    recipient = recipient_of(interaction)
    if recipient is None and not is_handed_over(interaction):
        return Refusal.NO_RECIPIENT
    if confirmed is not None:
        return None if recipient is not None and confirmed == recipient.value else Refusal.NOT_CONFIRMED
    return None if recipient is None or belongs_to(recipient, customer) else Refusal.NOT_CONFIRMED
