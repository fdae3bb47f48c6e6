"""What customers write is text, and the content policy stands behind that."""

import pytest
from playwright.async_api import Error, expect

from tests.support.desk import MARKUP, Desk, Known
from tests.support.waiting import until


async def test_the_markup_of_a_customer_is_shown_as_text(desk: Desk, known: Known) -> None:
    page = await desk.open("bruno", known.at("/cases/$caseId"))
    await expect(page.get_by_text(MARKUP).first).to_be_visible()
    assert await page.locator("img[src=x]").count() == 0


async def test_a_page_that_writes_html_from_text_fails_and_is_reported(desk: Desk) -> None:
    page = await desk.open("bruno", "/preferences")
    await expect(page.get_by_role("heading", name="Preferences")).to_be_visible()
    assert desk.faults == []
    with pytest.raises(Error, match="TrustedHTML"):
        await page.evaluate("document.body.innerHTML = '<p>'")

    async def is_reported() -> bool:
        return desk.reports() > desk.reported

    await until(is_reported, what="the report of the violation")
    await expect(page.get_by_role("heading", name="Preferences")).to_be_visible()
    assert "TrustedHTML" in desk.faults[0]
    desk.faults.clear()
    desk.reported = desk.reports()
