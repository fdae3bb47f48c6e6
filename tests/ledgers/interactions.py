"""The kinds of interactions in the ledger. Each function sends one through its entry point and follows it to its end."""

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from uuid import uuid4

from antiphon.postgres.query import AnyRow
from deploy.morning.bluesky import Account
from tests.ledgers.system import Part, System
from tests.support.mail import deliver, mail
from tests.support.waiting import until

PERMIT = "Do I need a permit for a pergola?"
POTHOLE = "There is a pothole in Wattle Street."

_NUMBERS = count(1)

Kind = Callable[[System], Awaitable[list[Part]]]


async def _send_mail(system: System, who: str, words: str, **headers: str) -> list[Part]:
    fields = {
        "From": f"Jo <{who}>",
        "Subject": "A question",
        "Message_ID": f"<{uuid4()}@mail.example>",
        **headers,
    }
    raw = mail(0, words, **fields)
    return await system.follow("ingest-email", "SMTP", partial(deliver, system.smtp_port, raw, sender=who))


def _new_address() -> str:
    return f"{uuid4().hex}@mail.example"


async def _case_of(system: System, who: str) -> AnyRow:
    (row,) = await system.services["case-mgmt"].look(
        "select case_id, revision from case_file where cast(customer as text) like :who", who=f"%{who}%"
    )
    return row


async def _complete(system: System, who: str) -> None:
    """Completes the work, so that the next interaction does not wait for it."""
    await system.complete((await _case_of(system, who)).case_id, "the end of a test")


async def lone_mail(system: System) -> list[Part]:
    """A mail of a new customer, which is offered at once."""
    return await _send_mail(system, _new_address(), PERMIT)


async def lone_post(system: System) -> list[Part]:
    """A post of a new customer, which is offered at once."""
    person = await system.world.somebody()
    # The stream is in order: with this post the events of the new account have arrived too.
    await _post(system, system.regular)

    async def is_known() -> bool:
        return bool((await system.world.network.speaker(person.did)).also)

    # ingest-social asks the network for the author with a time limit, and the event lacks what does not come in time.
    await until(is_known, what="the network has the author")
    return await _post(system, person)


async def _post(system: System, who: Account) -> list[Part]:
    return await system.follow(
        "ingest-social", "stream", partial(system.post, who, "may I ask you something?")
    )


async def lone_call(system: System) -> list[Part]:
    """A call of a new customer that an agent notes, which is offered to another agent at once."""
    note = {
        "channel": "phone",
        "speaker": {"phone": f"+61412{next(_NUMBERS):06}"},
        "text": "My rates notice is wrong.",
    }
    headers = {"Idempotency-Key": str(uuid4())}
    return await system.follow(
        "ingest-direct", "POST /interactions",
        lambda: system.ask("POST", "ingest-direct", "/interactions", "bruno", json=note, headers=headers),
    )  # fmt: skip


async def waiting_mail(system: System) -> list[Part]:
    """A mail of a new customer to a team of which no agent is available."""
    who = _new_address()
    parts = await _send_mail(system, who, POTHOLE)
    await _complete(system, who)
    return parts


async def second_mail(system: System) -> list[Part]:
    """A second mail on a case whose work waits."""
    who, first = _new_address(), f"<{uuid4()}@mail.example>"
    await _send_mail(system, who, POTHOLE, Message_ID=first)
    parts = await _send_mail(system, who, "It is deep.", In_Reply_To=first)
    await _complete(system, who)
    return parts


async def answer(system: System) -> list[Part]:
    """An answer to a mail whose work the agent has accepted, from the request until it is sent."""
    who = _new_address()
    await _send_mail(system, who, PERMIT)
    case = await _case_of(system, who)
    await system.follow("routing", "accept", partial(system.accept, case.case_id, "elena"))
    case = await _case_of(system, who)
    headers = {"If-Match": f'"{case.revision}"', "Idempotency-Key": str(uuid4())}
    path, body = f"/cases/{case.case_id}/replies", {"text": "Under 20 square metres none is needed."}
    return await system.follow(
        "case-mgmt", "POST /cases/…/replies",
        lambda: system.ask("POST", "case-mgmt", path, "elena", json=body, headers=headers),
    )  # fmt: skip


KINDS: dict[str, Kind] = {
    "mail": lone_mail,
    "post": lone_post,
    "call": lone_call,
    "mail-that-waits": waiting_mail,
    "second-mail": second_mail,
    "answer": answer,
}
