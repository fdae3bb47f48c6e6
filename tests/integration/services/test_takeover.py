"""Nobody becomes another customer by an identifier that they state, and nobody's later words go to them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon.access.roles import Role
from tests.conftest import NewDatabase
from tests.support.chain import Chain, Json, identifiers, whose

IVY, MALLORY = "ivy@mail.example", "mallory@evil.example"
PHONE = {"phone": "(02) 5550 1234"}
ACCOUNT = {"account_number": "R-20418"}


@pytest.fixture
async def chain(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[Chain]:
    made = Chain(
        await new_database("ingest_direct"),
        await new_database("customer_profile"),
        await new_database("case_mgmt"),
        tmp_path,
    )
    yield made
    await made.close()


async def ivy_of(chain: Chain) -> Json:
    """Ivy, whose number and account an agent linked, and her open case."""
    case = await chain.mail(IVY, "My debt of 5000 is wrong")
    for kind, value in (("phone", PHONE["phone"]), ("account", ACCOUNT["account_number"])):
        assert (await chain.link(whose(case), kind, value, role=Role.AGENT)).status_code == 201
    return case


@pytest.mark.parametrize(
    ("channel", "given"),
    [
        ("web", {"email": MALLORY, **PHONE}),
        ("web", {"email": MALLORY, **ACCOUNT}),
        ("web", {"email": MALLORY, **PHONE, **ACCOUNT, "partner_id": "7"}),
        ("web", PHONE),
        ("web", ACCOUNT),
        ("chat", {"partner_id": "7", "email": IVY, **PHONE}),
        ("chat", {"email": IVY}),
        ("partner", {"partner_id": "7", **ACCOUNT}),
        ("phone", {"phone": "0491 570 156", **ACCOUNT}),
        ("phone", ACCOUNT),
        ("letter", ACCOUNT),
        ("visit", {"email": IVY, **PHONE, **ACCOUNT}),
    ],
)
async def test_a_system_stating_anothers_identifiers_makes_a_new_customer_and_a_conflict(
    chain: Chain, channel: str, given: Json
) -> None:
    hers = await ivy_of(chain)
    before = await chain.customer(whose(hers))
    theirs = await chain.bring(channel, {"name": "Mallory", **given})
    assert theirs["case"]["case_id"] != hers["case"]["case_id"]
    assert whose(theirs) != whose(hers)
    ivy, mallory = await chain.customer(whose(hers)), await chain.customer(whose(theirs))
    assert identifiers(ivy) == identifiers(before)
    (entry,) = theirs["interactions"]
    known = {"phone:+61255501234", "account:R-20418", f"email:{IVY}"}
    claimed = {f"{i['kind']}:{i['value']}" for i in entry["interaction"]["speaker"]["also"]} & known
    assert claimed
    shown = {f"{c['identifier']['kind']}:{c['identifier']['value']}" for c in entry["conflicts"]}
    assert shown == claimed
    assert {c["other_customer_id"] for c in entry["conflicts"]} == {whose(hers)}
    for customer in (ivy, mallory):
        assert {c["identifier"] for c in customer["conflicts"]} == claimed
        for conflict in customer["conflicts"]:
            assert (conflict["customer_id"], conflict["customer_name"]) == (whose(theirs), "Mallory")
            assert conflict["other_customer_id"] == whose(hers)
            assert conflict["source"] == f"interaction:{entry['interaction']['interaction_id']}"


async def test_after_a_form_with_anothers_number_mails_stay_with_their_own_customer(chain: Chain) -> None:
    hers = await ivy_of(chain)
    theirs = await chain.bring("web", {"email": MALLORY, **PHONE, **ACCOUNT})
    assert identifiers(await chain.customer(whose(theirs))) == {f"email:{MALLORY}"}
    more = await chain.mail(MALLORY, "What did you write to me?")
    assert more["case"]["case_id"] == theirs["case"]["case_id"]
    assert "debt" not in str(more)
    again = await chain.mail(IVY, "One more thing about my debt")
    assert again["case"]["case_id"] == hers["case"]["case_id"]
    assert again["case"]["interactions"] == 2
    call = await chain.bring("phone", PHONE, who="telephone-system")
    assert whose(call) == whose(hers)


@pytest.mark.parametrize("channel", ["chat", "partner"])
async def test_a_claimed_address_is_a_new_customer_when_its_owner_first_writes(
    chain: Chain, channel: str
) -> None:
    theirs = await chain.bring(channel, {"partner_id": "666", "email": "new@mail.example", **PHONE})
    first = await chain.mail("new@mail.example")
    assert whose(first) != whose(theirs)
    assert identifiers(await chain.customer(whose(first))) == {"email:new@mail.example"}
    assert identifiers(await chain.customer(whose(theirs))) == {"partner:web-form/666"}
    call = await chain.bring("phone", PHONE, who="telephone-system")
    assert whose(call) not in {whose(first), whose(theirs)}
    again = await chain.bring(channel, {"partner_id": "666"})
    assert whose(again) == whose(theirs)


@pytest.mark.parametrize("channel", ["phone", "visit", "letter"])
async def test_identifiers_that_an_agent_notes_find_the_customer_and_are_linked(
    chain: Chain, channel: str
) -> None:
    hers = await ivy_of(chain)
    noted = await chain.note(channel, {"email": "ivy@work.example", **ACCOUNT})
    assert noted["case"]["case_id"] == hers["case"]["case_id"]
    ivy = await chain.customer(whose(hers))
    assert "email:ivy@work.example" in identifiers(ivy)
    assert ivy["conflicts"] == []
    assert whose(await chain.mail("ivy@work.example")) == whose(hers)


async def test_a_form_that_an_agent_notes_links_its_address_only(chain: Chain) -> None:
    hers = await ivy_of(chain)
    theirs = await chain.note("web", {"email": MALLORY, **PHONE})
    assert whose(theirs) != whose(hers)
    assert identifiers(await chain.customer(whose(theirs))) == {f"email:{MALLORY}"}


async def test_the_system_that_brought_a_form_without_an_address_gets_the_reply(chain: Chain) -> None:
    hers = await ivy_of(chain)
    form = await chain.bring("web", PHONE)
    assert len({whose(hers), whose(form), whose(await chain.bring("web", PHONE))}) == 3
    reply_id = await chain.answer(form, "Please tell us where to write to.")
    for who, seen in (("web-form", [reply_id]), ("telephone-system", [])):
        found = await chain.ask("GET", "ingest_direct", "/replies", role=Role.INTEGRATION, who=who)
        assert [reply["reply_id"] for reply in found.json()["items"]] == seen


@pytest.mark.parametrize("note", ["the same agent", "another agent", "another channel"])
async def test_no_agents_note_links_again_what_a_supervisor_removed(chain: Chain, note: str) -> None:
    hers = await ivy_of(chain)
    ivy = whose(hers)
    number = {"phone": "0491 570 156"}
    key = "phone:+61491570156"
    await chain.note("phone", {**number, **ACCOUNT})
    assert key in identifiers(await chain.customer(ivy))
    await chain.unlink(ivy, key)
    who, channel = ("amara" if note == "another agent" else "bruno"), "visit" if "ch" in note else "phone"
    again = await chain.note(channel, {**number, **ACCOUNT}, who=who)
    assert whose(again) == ivy
    assert key not in identifiers(await chain.customer(ivy))
    # The case still shows the claim that was not followed.
    assert "+61491570156" in str(again["interactions"][-1]["interaction"]["speaker"])
    assert (await chain.link(ivy, "phone", number["phone"], role=Role.AGENT)).status_code == 409
    assert key not in identifiers(await chain.customer(ivy))
    assert (await chain.link(ivy, "phone", number["phone"], role=Role.SUPERVISOR)).status_code == 201
    assert key in identifiers(await chain.customer(ivy))


async def test_an_interaction_with_only_a_removed_identifier_makes_a_new_customer(chain: Chain) -> None:
    hers = await ivy_of(chain)
    ivy = whose(hers)
    await chain.unlink(ivy, "phone:+61255501234")
    call = await chain.note("phone", PHONE)
    assert whose(call) != ivy
    assert identifiers(await chain.customer(whose(call))) == {"phone:+61255501234"}
    # Now the number is the caller's: a note with both identifiers is a conflict, and the channel's order decides.
    both = await chain.note("phone", {**PHONE, **ACCOUNT})
    assert whose(both) == whose(call)
    assert [c["other_customer_id"] for c in both["interactions"][-1]["conflicts"]] == [ivy]


async def test_mails_from_a_removed_address_are_from_one_new_customer(chain: Chain) -> None:
    hers = await ivy_of(chain)
    await chain.unlink(whose(hers), f"email:{IVY}")
    first, second = await chain.mail(IVY), await chain.mail(IVY)
    assert whose(first) == whose(second) != whose(hers)
    assert f"email:{IVY}" not in identifiers(await chain.customer(whose(hers)))


async def test_a_repeated_conflict_is_kept_once_and_the_newest_twenty_are_shown(chain: Chain) -> None:
    hers = await ivy_of(chain)
    theirs = await chain.bring("web", {"email": MALLORY, **PHONE})
    for _ in range(2):
        await chain.bring("web", {"email": MALLORY, **PHONE})
    assert len((await chain.customer(whose(theirs)))["conflicts"]) == 1
    for _ in range(22):
        await chain.bring("web", PHONE)
    shown = (await chain.customer(whose(hers)))["conflicts"]
    assert len(shown) == 20
    assert [c["id"] for c in shown] == sorted((c["id"] for c in shown), reverse=True)
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"customer_id": whose(hers), "limit": 7} | ({"cursor": cursor} if cursor else {})
        page = (await chain.ask("GET", "customer_profile", "/conflicts", params=params)).json()
        found += [c["id"] for c in page["items"]]
        cursor = page["next"]
    assert len(found) == len(set(found)) == 23
    assert found == sorted(found)
    assert set(found) >= {c["id"] for c in shown}
    one = await chain.ask("GET", "customer_profile", "/conflicts", params={"customer_id": whose(theirs)})
    assert [c["other_customer_id"] for c in one.json()["items"]] == [whose(hers)]
