"""The pages of operations and administrators: connections, failed events, health, API keys."""

import re

from aiokafka import AIOKafkaProducer
from playwright.async_api import expect

from deploy import keys
from deploy.services import SOCIAL_HANDLE
from tests.support.desk import Desk, violations

ACCOUNT = f"bluesky:{SOCIAL_HANDLE}"


async def token_status(desk: Desk, secret: str) -> int:
    """The status of the answer to who asks for a token with the key of `crm`."""
    asked = {"grant_type": "client_credentials", "client_id": "crm", "client_secret": secret}
    return (await desk.people.http.post(f"{desk.stack.site.apis}/token", data=asked)).status_code


async def test_a_connection_is_tested_and_a_wrong_password_is_said_in_words(desk: Desk) -> None:
    page = await desk.open("olga", "/admin/connections")
    account = page.get_by_role("listitem", name=ACCOUNT)
    assert await violations(page) == []
    for password, result in (
        ("not it", "refused"),
        (keys.secret(desk.stack.site.secrets, "social-account"), "The login succeeded."),
    ):
        await account.get_by_role("button", name="Set the password").click()
        await page.get_by_label("New password").fill(password)
        await page.keyboard.press("Enter")
        await expect(account.get_by_text(result).first).to_be_visible()
        assert password not in await page.content()
    await account.get_by_role("button", name="Test now").click()
    await expect(account.get_by_text("The login is being tried …")).to_have_count(0)
    await expect(account.get_by_text("The login succeeded.")).to_be_visible()


async def test_a_dead_letter_is_shown_as_text_and_its_replay_says_how_it_came_out(desk: Desk) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=desk.stack.kafka.bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait("cases", b"<img src=x onerror=alert(1)>")
    finally:
        await producer.stop()
    page = await desk.open("olga", "/admin/dead-letters")
    rows = page.get_by_role("row", name=re.compile("^routing"))
    await expect(rows.first).to_be_visible(timeout=30_000)
    assert await violations(page) == []
    await rows.first.get_by_role("button", name="Replay").click()
    await expect(page.get_by_text("1 event failed again; the reason is in the list.").first).to_be_visible()
    await expect(rows.first).to_contain_text("tried 2 times")


async def test_the_health_page_shows_each_service_and_that_the_counts_agree(desk: Desk) -> None:
    await desk.people.agree()
    page = await desk.open("olga", "/admin/health", theme="dark")
    services = page.get_by_role("table", name="Services").get_by_role("row")
    await expect(services).to_have_count(7)
    await expect(services.get_by_text("ready", exact=True)).to_have_count(6)
    await expect(page.get_by_text("The counts agree")).to_be_visible()
    await expect(page.get_by_role("tab", name="API keys")).to_have_count(0)
    assert await violations(page) == []


async def test_an_api_key_is_created_used_and_revoked_and_its_secret_is_shown_once(desk: Desk) -> None:
    page = await desk.open("adam", "/admin/api-keys")
    await page.get_by_role("button", name="New API key").click()
    await page.get_by_label("Name of the program").fill("crm")
    assert await violations(page) == []
    await page.get_by_role("button", name="Create").click()
    secret = await page.get_by_label("Secret").input_value()
    await page.get_by_role("button", name="Done").click()
    await expect(page.get_by_role("row", name=re.compile("^crm active"))).to_be_visible()
    assert secret not in await page.content()
    assert await token_status(desk, secret) == 200
    await page.get_by_role("button", name="Revoke the key of crm").click()
    await page.get_by_role("button", name="Revoke", exact=True).click()
    await expect(page.get_by_role("row", name=re.compile("^crm revoked"))).to_be_visible()
    assert await token_status(desk, secret) == 401
    assert await violations(page) == []
