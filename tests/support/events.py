"""Events for tests, made from the published examples."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from antiphon import ids
from antiphon.contracts import generate
from antiphon.contracts.base import Event
from antiphon.contracts.envelope import Envelope
from antiphon.contracts.identified import CustomerFacts, IdentifiedInteractionReceived, Reading
from antiphon.contracts.interactions import (
    Channel,
    Identifier,
    InteractionReceived,
    Speaker,
    StatedIdentifier,
)
from antiphon.kafka.consumer import Received
from antiphon.process.clock import utc_now

_OFFSETS = itertools.count(1000)


def received(
    events: Sequence[Event], at: datetime | None = None, offset: int | None = None
) -> list[Received]:
    """A batch as a handler gets it, after all earlier batches in the log, or at `offset`. Equal events have equal ids."""
    now = at or utc_now()
    return [
        Received(
            e,
            Envelope(str(ids.event_id(e.type, e.model_dump_json())), "/test", e.type, None, now, None),
            "t",
            0,
            next(_OFFSETS) if offset is None else offset + n,
        )
        for n, e in enumerate(events)
    ]


def spoken(address: str | None, *, also: Sequence[str] = (), text: str = "Hello", name: str | None = None,
           identity: UUID | None = None, channel: Channel = Channel.EMAIL, noted_by: str | None = None,
           **changes: Any) -> InteractionReceived:  # fmt: skip
    """An interaction that a customer makes, or that a member of staff notes. Identifiers are `kind:value`."""
    event = InteractionReceived.model_validate(generate.example("interaction.received.v1")["data"])
    example = event.interaction
    interaction_id = identity or uuid4()
    speaker = Speaker(
        address=_identifier(address) if address else None,
        name=name,
        also=[
            StatedIdentifier(**dict(_identifier(other)), stated_by="agent" if noted_by else "customer")
            for other in also
        ],
    )
    update = {
        "channel": channel,
        "noted_by": noted_by,
        "interaction_id": interaction_id,
        "speaker": speaker,
        "recipient": speaker.address,
        "return_path": speaker.address,
        "content": example.content.model_copy(update={"text": text, "subject": None}),
        "thread": example.thread.model_copy(
            update={"native_id": f"<{interaction_id}@mail.example>", **changes}
        ),
        "attachments": [],
    }
    return event.model_copy(update={"interaction": example.model_copy(update=update)})


def noted(address: str | None, *, channel: Channel = Channel.PHONE, **more: Any) -> InteractionReceived:
    """An interaction on the phone, a visit or a letter that a member of staff notes."""
    return spoken(address, channel=channel, noted_by="bruno", **more)


def identified(
    customer: UUID, *, department: str | None = "rates", **changes: Any
) -> IdentifiedInteractionReceived:
    """An interaction of a customer, about a topic of a department."""
    interaction = spoken(f"email:{customer}@mail.example", **changes).interaction
    address = interaction.speaker.address
    return IdentifiedInteractionReceived(
        interaction=interaction,
        customer=CustomerFacts(
            customer_id=customer, name="Jo", identifiers=[address] if address else [], since=utc_now()
        ),
        reading=Reading(department=department),
        identified_by="new",
    )


def _identifier(key: str) -> Identifier:
    kind, _, value = key.partition(":")
    return Identifier(kind=kind, value=value)
