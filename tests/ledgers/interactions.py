"""The kinds of interactions that the ledger has: each is brought about once, whole, from its entry point on."""

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


async def _mailed(system: System, who: str, words: str, **headers: str) -> list[Part]:
    given = {
        "From": f"Jo <{who}>",
        "Subject": "A question",
        "Message_ID": f"<{uuid4()}@mail.example>",
        **headers,
    }
    raw = mail(0, words, **given)
    return await system.follow("ingest-email", "SMTP", partial(deliver, system.smtp_port, raw, sender=who))


def _somebody() -> str:
    return f"{uuid4().hex}@mail.example"


async def _case_of(system: System, who: str) -> AnyRow:
    (row,) = await system.services["case-mgmt"].look(
        "select case_id, revision from case_file where cast(customer as text) like :who", who=f"%{who}%"
    )
    return row


async def _completed(system: System, who: str) -> None:
    """Nothing is left that would make the next interaction wait behind it."""
    await system.complete((await _case_of(system, who)).case_id, "the end of a test")


async def lone_mail(system: System) -> list[Part]:
    """A mail of a new customer, offered at once."""
    return await _mailed(system, _somebody(), PERMIT)


async def lone_post(system: System) -> list[Part]:
    """A post of a new customer, offered at once."""
    person = await system.world.somebody()
    # Behind what the new account itself makes the stream say: the stream is in order.
    await _posted(system, system.regular)

    async def is_known() -> bool:
        return bool((await system.world.network.speaker(person.did)).also)

    # Who posts is asked of the network for a moment only: what it does not say in time is not in the event.
    await until(is_known, what="who posts is known")
    return await _posted(system, person)


async def _posted(system: System, who: Account) -> list[Part]:
    return await system.follow(
        "ingest-social", "stream", partial(system.post, who, "may I ask you something?")
    )


async def lone_call(system: System) -> list[Part]:
    """A call that an agent notes, of a new customer, offered to another agent at once."""
    given = {
        "channel": "phone",
        "speaker": {"phone": f"+61412{next(_NUMBERS):06}"},
        "text": "My rates notice is wrong.",
    }
    headers = {"Idempotency-Key": str(uuid4())}
    return await system.follow(
        "ingest-direct", "POST /interactions",
        lambda: system.ask("POST", "ingest-direct", "/interactions", "bruno", json=given, headers=headers),
    )  # fmt: skip


async def waiting_mail(system: System) -> list[Part]:
    """A mail of a new customer, to a team of which nobody is there."""
    who = _somebody()
    parts = await _mailed(system, who, POTHOLE)
    await _completed(system, who)
    return parts


async def second_mail(system: System) -> list[Part]:
    """A second mail on a case that waits."""
    who, first = _somebody(), f"<{uuid4()}@mail.example>"
    await _mailed(system, who, POTHOLE, Message_ID=first)
    parts = await _mailed(system, who, "It is deep.", In_Reply_To=first)
    await _completed(system, who)
    return parts


async def answer(system: System) -> list[Part]:
    """An answer to a mail whose work the agent accepted, from the request until it is sent."""
    who = _somebody()
    await _mailed(system, who, PERMIT)
    case = await _case_of(system, who)
    await system.follow("routing", "accept", partial(system.accept, case.case_id, "elena"))
    case = await _case_of(system, who)
    headers = {"If-Match": f'"{case.revision}"', "Idempotency-Key": str(uuid4())}
    path, given = f"/cases/{case.case_id}/replies", {"text": "Under 20 square metres none is needed."}
    return await system.follow(
        "case-mgmt", "POST /cases/…/replies",
        lambda: system.ask("POST", "case-mgmt", path, "elena", json=given, headers=headers),
    )  # fmt: skip


KINDS: dict[str, Kind] = {
    "mail": lone_mail,
    "post": lone_post,
    "call": lone_call,
    "mail-that-waits": waiting_mail,
    "second-mail": second_mail,
    "answer": answer,
}
