"""Customers: found by what people remember of them, with all that they said."""

from uuid import uuid4

from playwright.async_api import expect

from tests.support.desk import Desk, violations


async def test_a_customer_is_found_by_address_and_shows_what_they_said_on_each_channel(desk: Desk) -> None:
    name = f"Cora{uuid4().hex[:8]}"
    address, phone = f"{name.lower()}@mail.example", "+61 2 5550 7731"
    desk.people.mail(f"{name} <{address}>", "When is the library open?", subject="Library")
    customer = await desk.people.customer(f"email:{address}")
    await desk.people.timeline(f"email:{address}")
    page = await desk.open("elena", "/customers")
    search = page.get_by_role("searchbox", name="Search customers")
    await expect(search).to_be_focused()
    await page.keyboard.type(name)
    await expect(page.get_by_role("row")).to_have_count(2)
    await search.fill(address)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    await expect(page.get_by_role("article")).to_contain_text("When is the library open?")

    await page.get_by_role("button", name="Add an address or number").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Kind").click()
    await page.get_by_role("option", name="Phone number").click()
    await dialog.get_by_role("textbox", name="Value").fill(phone)
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_text("+61255507731")).to_be_visible()
    (await desk.people.note("She called about the library", phone=phone, name=name)).raise_for_status()
    await expect(page.get_by_role("article").first).to_contain_text("She called about the library")
    assert page.url.endswith(customer["customer_id"])
    assert await violations(page) == []


async def test_a_label_that_was_saved_meanwhile_is_shown_before_mine_replaces_it(desk: Desk) -> None:
    address = f"label-{uuid4().hex[:8]}@mail.example"
    desk.people.mail(address, "Hello", subject="Hello")
    customer = await desk.people.customer(f"email:{address}")
    path = f"/customers/{customer['customer_id']}"
    mine, theirs = await desk.open("elena", path), await desk.open("sam", path)
    for page, label in ((mine, "pensioner"), (theirs, "landlord")):
        await page.get_by_role("button", name="Edit").click()
        await page.get_by_role("textbox", name="Labels").fill(label)
    await theirs.get_by_role("button", name="Save").click()
    await expect(theirs.get_by_role("dialog")).to_have_count(0)
    await mine.get_by_role("button", name="Save").click()
    await expect(mine.get_by_role("alert").filter(has_text="There now")).to_contain_text("landlord")
    await expect(mine.get_by_role("textbox", name="Labels")).to_have_value("pensioner")
    await mine.get_by_role("button", name="Save").click()
    await expect(theirs.get_by_text("pensioner")).to_be_visible()
