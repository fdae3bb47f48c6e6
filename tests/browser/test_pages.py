"""What holds for every page: nothing that axe finds, no text that a narrow window or a long language pushes out."""

import re
from typing import NamedTuple

import pytest
from playwright.async_api import Page, expect

from deploy.site import PROJECT
from tests.support.desk import Desk, Known, violations

_LOADING = re.compile("Loading|Wird geladen")
_ROUTER = PROJECT / "services" / "desktop" / "web" / "src" / "app" / "router.tsx"


class Route(NamedTuple):
    """An address of the router, and who is on it."""

    path: str
    person: str


ROUTES = [
    Route("/inbox", "bruno"),
    Route("/cases/$caseId", "bruno"),
    Route("/customers", "bruno"),
    Route("/customers/$customerId", "bruno"),
    Route("/floor", "sam"),
    Route("/wall", "sam"),
    Route("/admin", "adam"),
    Route("/admin/$part", "adam"),
    Route("/setup", "adam"),
    Route("/preferences", "bruno"),
]
every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)


def test_every_address_of_the_router_is_tested_here() -> None:
    addresses = set(re.findall(r"path: '([^']+)'", _ROUTER.read_text()))
    assert addresses - {"/", "/studio", "/studio/$page"} == {route.path for route in ROUTES}


@every_route
async def test_axe_finds_nothing_in_any_colour_scheme(desk: Desk, known: Known, route: Route) -> None:
    page = await desk.open(route.person, known.at(route.path))
    await _shown(page)
    found = [f"light: {line}" for line in await violations(page)]
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += [f"dark: {line}" for line in await violations(page)]
    await page.emulate_media(color_scheme="light", forced_colors="active", reduced_motion="reduce")
    # The system decides the colours there; axe reads those of the page.
    found += [
        f"forced colours: {line}" for line in await violations(page) if not line.startswith("color-contrast:")
    ]
    assert found == []


@every_route
async def test_no_page_is_wider_than_its_window_in_german(desk: Desk, known: Known, route: Route) -> None:
    page = await desk.open(route.person, known.at(route.path), locale="de-DE")
    await _shown(page)
    assert await page.evaluate("document.documentElement.lang") == "de"
    # Operations are worked on at a desk; every other page is made for a phone too.
    for width in (1280,) if route.path.startswith(("/admin", "/setup")) else (1280, 360):
        await page.set_viewport_size({"width": width, "height": 740})
        assert await page.evaluate(_OVERFLOWING) == []


async def _shown(page: Page) -> None:
    """Waits until a page has its heading and all that it reads."""
    await expect(page.locator("h1")).to_be_attached()
    await expect(page.get_by_role("status", name=_LOADING)).to_have_count(0)


# What scrolls sideways with the whole page, or is cut off without an ellipsis.
_OVERFLOWING = """() => {
    const shown = element => element.tagName + '.' + element.className + ': ' + element.textContent.slice(0, 60)
    return [...document.querySelectorAll('html, body, main, main *')].filter(element => {
        if (element.scrollWidth <= element.clientWidth + 1) return false
        const { overflowX, textOverflow, display, clipPath, position } = getComputedStyle(element)
        if (['HTML', 'BODY', 'MAIN'].includes(element.tagName)) return true
        return ['hidden', 'clip'].includes(overflowX) && textOverflow !== 'ellipsis' && element.clientWidth > 2
    }).map(shown)
}"""
