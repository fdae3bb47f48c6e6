"""The example morning as data: `deploy/example/morning.yaml`, checked when it is read."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

STORY = Path(__file__).parent.parent / "example" / "morning.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Customer(_Part):
    """Somebody who speaks to the council, with the identifiers they give."""

    name: str
    email: str | None = None
    handle: str | None = None
    phone: str | None = None
    account: str | None = None


class Message(_Part):
    """What a customer says, on which channel, and what an agent answers; no answer: none is expected.

    The agent `declined_by` says no when it is offered to them, and somebody else is asked. What `continues` another message
    is said while that one is offered to an agent, who reads it and has not answered; both get one answer.
    """

    id: str
    by: str
    channel: Literal["email", "social", "phone", "letter", "visit", "web"]
    text: str
    to: str | None = None
    subject: str | None = None
    noted_by: str | None = None
    attachment: str | None = None
    headers: dict[str, str] = {}
    charset: str = "utf-8"
    replies_to: str | None = None
    declined_by: str | None = None
    continues: str | None = None
    answer: str | None = None


class Story(_Part):
    """Who speaks and what is said, in the order of the morning."""

    customers: dict[str, Customer]
    messages: list[Message]


def load(path: Path = STORY) -> Story:
    """The story in `path`. Raises pydantic.ValidationError when it is not one."""
    return Story.model_validate(yaml.safe_load(path.read_text()))
