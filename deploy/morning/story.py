"""The example morning as data: `deploy/example/morning.yaml`, validated when it is read."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

STORY = Path(__file__).parent.parent / "example" / "morning.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Customer(_Part):
    """A person who contacts the council, with the identifiers that they give."""

    name: str
    email: str | None = None
    handle: str | None = None
    phone: str | None = None
    account: str | None = None


class Message(_Part):
    """A customer's message, its channel, and what an agent answers. Without `answer` none is expected.

    The agent `declined_by` declines the offer, and it goes to another agent. A message that `continues` another one is sent
    while that one is offered to an agent who has read it and not answered yet; one answer is for both.
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
    """The customers, and their messages in the order of the morning."""

    customers: dict[str, Customer]
    messages: list[Message]


def load(path: Path = STORY) -> Story:
    """Reads the story in `path`. Raises pydantic.ValidationError when it is not valid."""
    return Story.model_validate(yaml.safe_load(path.read_text()))
