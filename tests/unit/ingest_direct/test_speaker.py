"""Who spoke in an interaction that is brought directly: the address is where an answer goes, the rest are claims."""

from uuid import UUID

import pytest

from antiphon import identifiers
from antiphon.access.roles import Identity, Role
from antiphon.contracts.interactions import Speaker
from antiphon.process.clock import utc_now
from ingest_direct.actions.permissions import noted_by
from ingest_direct.domain import interactions
from ingest_direct.domain.interactions import NewInteraction

ALL = {"phone": "(02) 5550 1234", "email": "Jo@Mail.example", "account_number": "r-1", "partner_id": "7"}
KEYS = {
    "phone": "phone:+61255501234",
    "email": "email:jo@mail.example",
    "account_number": "account:R-1",
    "partner_id": "partner:crm/7",
}


def speaker(channel: str, stated: dict[str, str], *, by_staff: bool) -> Speaker:
    note = NewInteraction.model_validate({"channel": channel, "speaker": stated, "text": "Hello"})
    return interactions.speaker(note, source="crm", by_staff=by_staff, region="AU")


@pytest.mark.parametrize(
    ("channel", "by_staff", "decides"),
    [
        ("web", False, "email"),
        ("web", True, "email"),
        ("chat", False, "partner_id"),
        ("chat", True, "partner_id"),
        ("partner", False, "partner_id"),
        ("partner", True, "partner_id"),
        ("phone", False, "phone"),
        ("phone", True, "phone"),
        ("letter", False, None),
        ("letter", True, "account_number"),
        ("visit", False, None),
        ("visit", True, "account_number"),
    ],
)
def test_the_address_is_where_an_answer_goes_and_the_rest_are_claims(
    channel: str, by_staff: bool, decides: str | None
) -> None:
    who = speaker(channel, ALL, by_staff=by_staff)
    assert (who.address and who.address.key) == (KEYS[decides] if decides else None)
    assert {claim.key for claim in who.also} == {key for field, key in KEYS.items() if field != decides}
    assert {claim.stated_by for claim in who.also} == {"agent" if by_staff else "customer"}


@pytest.mark.parametrize(
    ("channel", "stated"),
    [
        ("web", {"phone": ALL["phone"], "account_number": "R-1", "partner_id": "7"}),
        ("chat", {"phone": ALL["phone"], "email": ALL["email"], "account_number": "R-1"}),
        ("partner", {"phone": ALL["phone"], "email": ALL["email"], "account_number": "R-1"}),
        ("phone", {"email": ALL["email"], "account_number": "R-1", "partner_id": "7"}),
        ("letter", ALL),
        ("visit", ALL),
        ("web", {}),
    ],
)
def test_a_systems_interaction_without_the_channels_address_has_no_address(
    channel: str, stated: dict[str, str]
) -> None:
    who = speaker(channel, stated, by_staff=False)
    assert who.address is None
    assert len(who.also) == len(stated)


def test_the_address_of_a_chat_without_a_partner_id_is_its_conversation() -> None:
    body = {"channel": "chat", "speaker": {"email": ALL["email"]}, "text": "Hello", "conversation": "7"}
    note = NewInteraction.model_validate(body)
    who = interactions.speaker(note, source="crm", by_staff=False, region="AU")
    assert who.address
    assert who.address.key == "partner:crm%/7"
    # It is no one's partner id: no source can have that name, and no id of a source either.
    assert identifiers.partner("crm%", "7") != who.address
    assert [claim.key for claim in who.also] == [KEYS["email"]]
    named = NewInteraction.model_validate(body | {"speaker": {"partner_id": "7"}})
    known = interactions.speaker(named, source="crm", by_staff=False, region="AU").address
    assert known
    assert known.key == KEYS["partner_id"]


def test_no_source_can_name_the_conversation_of_another_source() -> None:
    def named(source: str, conversation: str) -> str | None:
        body = {"channel": "chat", "speaker": {}, "text": "Hello", "conversation": conversation}
        built = interactions.build(
            NewInteraction.model_validate(body), identity=UUID(int=1), source=source, noted_by=None,
            attachments=[], region="AU", now=utc_now(),
        )  # fmt: skip
        assert built.thread.answers == []
        return built.thread.conversation

    assert named("bot", "7") == "bot:7"
    assert len({named("bot:a", "7"), named("bot", "a:7"), named("bot%3Aa", "7")}) == 3


def test_each_interaction_without_an_address_has_a_speaker_key_of_its_own() -> None:
    note = NewInteraction.model_validate(
        {"channel": "web", "speaker": {"account_number": "R-1"}, "text": "Hello"}
    )
    keys: list[str] = []
    for key in ("a", "b"):
        identity = interactions.interaction_id(note, "web-form", key)
        built = interactions.build(
            note, identity=identity, source="web-form", noted_by=None, attachments=[], region="AU",
            now=utc_now(),
        )  # fmt: skip
        assert built.speaker_key == f"anonymous:{identity}"
        keys.append(built.speaker_key)
    assert len(set(keys)) == 2


@pytest.mark.parametrize(
    ("roles", "is_person"),
    [
        ({Role.AGENT}, True),
        ({Role.SUPERVISOR}, True),
        ({Role.OPERATIONS}, True),
        ({Role.ADMINISTRATOR}, True),
        ({Role.INTEGRATION}, False),
        ({Role.INTEGRATION, Role.AGENT}, False),
        ({Role.INTEGRATION, Role.SUPERVISOR, Role.OPERATIONS}, False),
    ],
)
def test_a_token_with_the_role_integration_notes_for_no_person(roles: set[Role], is_person: bool) -> None:
    assert (noted_by(Identity("crm", "CRM", frozenset(roles))) == "crm") is is_person
