from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.contracts.interactions import InteractionReceived
from deploy.site import Site
from tests.support.mail import bearer, deliver, events, mail, now

FILE = (
    b"From: jo@mail.example\r\nSubject: x\r\nMessage-ID: <f@x.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee.\r\n"
    b'--b\r\nContent-Type: text/html; name="<\xc3\xb6>\\".html"\r\n\r\n<script>alert(1)</script>\r\n--b--\r\n'
)


async def test_a_mail_is_shown_and_downloaded_as_it_came(api: httpx.AsyncClient, smtp_port: int) -> None:
    raw = mail(1, body="Line\r\n.dot\r\n")
    await deliver(smtp_port, raw)
    (summary,) = (await api.get("/mails")).json()["items"]
    shown = (await api.get(f"/mails/{summary['interaction_id']}")).json()
    assert shown["interaction"]["content"]["text"] == "Line\n.dot"
    assert {"name": "Subject", "value": "Pothole"} in shown["headers"]
    assert shown["envelope"] | {"helo": ""} == {
        "mail_from": "jo@mail.example",
        "peer": "127.0.0.1",
        "helo": "",
    }
    answer = await api.get(f"/mails/{summary['interaction_id']}/raw")
    assert answer.content == raw
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_a_browser_saves_a_file_and_never_shows_it(
    api: httpx.AsyncClient, smtp_port: int, engine: AsyncEngine
) -> None:
    await deliver(smtp_port, FILE)
    (event,) = await events(engine)
    assert isinstance(event, InteractionReceived)
    (attachment,) = event.interaction.attachments
    answer = await api.get(f"/attachments/{attachment.attachment_id}")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_pages_show_every_mail_once_newest_first(api: httpx.AsyncClient, smtp_port: int) -> None:
    for number in range(5):
        await deliver(smtp_port, mail(number))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await api.get("/mails", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["message_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"<{number}@mail.example>" for number in reversed(range(5))]


async def test_mails_can_be_filtered(api: httpx.AsyncClient, smtp_port: int) -> None:
    await deliver(smtp_port, mail(1))
    await deliver(smtp_port, mail(2, Auto_Submitted="auto-replied"))
    await deliver(smtp_port, mail(3, Date="never"))

    async def numbers(**filters: str) -> set[str]:
        return {item["message_id"][1] for item in (await api.get("/mails", params=filters)).json()["items"]}

    assert await numbers(automation="auto-reply") == {"2"}
    assert await numbers(defects="true") == {"3"}
    assert await numbers(defects="false") == {"1", "2"}
    assert await numbers(since=now().isoformat()) == set()


async def test_counts_agree(api: httpx.AsyncClient, smtp_port: int, mail_site: Site) -> None:
    for number in (1, 1, 2):
        await deliver(smtp_port, mail(number))
    answer = await api.get("/counts", headers=bearer(mail_site, Role.INTEGRATION))
    assert answer.json() == {
        "received": 3, "interactions": 2, "duplicates": 1, "quarantined": 0,
        "replies_waiting": 0, "replies_sent": 0, "replies_failed": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/mails",
        f"/mails/{UUID(int=1)}",
        f"/mails/{UUID(int=1)}/raw",
        f"/attachments/{UUID(int=1)}",
        f"/replies/{UUID(int=1)}",
    ],
)
async def test_only_staff_may_read(api: httpx.AsyncClient, mail_site: Site, path: str) -> None:
    assert (await api.get(path, headers={"Authorization": ""})).status_code == 401
    assert (await api.get(path, headers=bearer(mail_site, Role.INTEGRATION))).status_code == 403
    assert (await api.get(path)).status_code == (200 if path == "/mails" else 404)


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WzEsMl0", "WyJhIiwiYiJd"])
async def test_a_cursor_that_is_not_ours_is_refused(api: httpx.AsyncClient, cursor: str) -> None:
    answer = await api.get("/mails", params={"cursor": cursor})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_mail_shows_to_whom_it_was_written_and_who_got_a_copy(
    api: httpx.AsyncClient, smtp_port: int
) -> None:
    to = "=?utf-8?q?J=C3=B6?= <council@banksia.example>, ann@mail.example"
    await deliver(smtp_port, mail(To=to, Cc="Team: kim@mail.example;"))
    (summary,) = (await api.get("/mails")).json()["items"]
    shown = (await api.get(f"/mails/{summary['interaction_id']}")).json()
    assert shown["to"] == [
        {"address": "council@banksia.example", "name": "Jö"},
        {"address": "ann@mail.example", "name": None},
    ]
    assert shown["cc"] == [{"address": "kim@mail.example", "name": None}]
