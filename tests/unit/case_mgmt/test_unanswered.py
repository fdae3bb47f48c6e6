"""How much of the unanswered messages an event carries: the newest ones, bounded as JSON, and at least one."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from antiphon.contracts import generate
from antiphon.contracts.identified import IdentifiedInteractionReceived, Reading
from antiphon.contracts.interactions import Interaction
from case_mgmt.domain.unanswered import MOST_BYTES, MOST_INTERACTIONS, bounded

EVENT = IdentifiedInteractionReceived.model_validate(
    generate.example("identified-interaction.received.v1")["data"]
)
NOW = datetime(2026, 11, 30, tzinfo=UTC)
CHUNKS = st.sampled_from(["x" * 700, '"\\\n' * 300, "ä" * 500, "字" * 400, "", "\x01" * 200])
TEXTS = st.lists(CHUNKS, max_size=300).map("".join)


def messages(texts: list[str]) -> list[tuple[Interaction, Reading]]:
    content = EVENT.interaction.content
    return [
        (
            EVENT.interaction.model_copy(
                update={
                    "interaction_id": uuid4(), "accepted_at": NOW + timedelta(seconds=n),
                    "content": content.model_copy(update={"text": text}),
                }
            ),
            EVENT.reading,
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip


@given(st.lists(TEXTS, min_size=1, max_size=MOST_INTERACTIONS + 10))
def test_the_newest_messages_are_carried_and_their_size_is_bounded(texts: list[str]) -> None:
    words = bounded(messages(texts))
    assert 1 <= len(words) <= MOST_INTERACTIONS
    assert (
        sum(len(to_json(one.text)) + len(to_json(one.subject or "")) for one in words)
        <= MOST_BYTES + MOST_INTERACTIONS * 4
    )
    assert texts[-1].endswith(words[-1].text)
    assert words[-1].text or not texts[-1]
    kept = [one.text for one in words]
    assert all(given_text.endswith(text) for given_text, text in zip(texts[-len(kept) :], kept, strict=True))
