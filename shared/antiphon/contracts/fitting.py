"""Pure: interactions cut so that their events, and all that later services make of them, stay below the bound of an event.

An entry point takes what the world sends and refuses nothing for its size: what does not fit is cut and named among the
defects, and the whole stays at the ingest service. Bytes are those of the JSON: a control character takes six.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic_core import to_json

from antiphon.contracts.base import Contract
from antiphon.contracts.interactions import Interaction, InteractionEdited, Speaker, Thread

# The rest of `MAX_EVENT_BYTES` is for the customer, the case and the reading that later events carry beside the words.
MAX_INTERACTION_BYTES = 700_000

_Item = TypeVar("_Item")
_Spoken = TypeVar("_Spoken", Interaction, InteractionEdited)


def fitted(interaction: Interaction) -> Interaction:
    """At most `MAX_INTERACTION_BYTES` of an interaction; the same one when it fits.

    Cut in this order, until it fits: the HTML, the quotation, the signature; what is long of all other fields; the text.
    Each is named in `defects`, e.g. `html-cut`. The speaker's address and the interaction's id are never cut.
    """
    return _cut(interaction, (*_CONTENT_CUTS, _bounded, _shortened))


def fitted_edit(edited: InteractionEdited) -> InteractionEdited:
    """`fitted` for new words: only they are cut."""
    return _cut(edited, (*_CONTENT_CUTS, _shortened))


def _cut(spoken: _Spoken, cuts: Sequence[Callable[[_Spoken], _Spoken]]) -> _Spoken:
    for cut in cuts:
        if _bytes(spoken) <= MAX_INTERACTION_BYTES:
            break
        spoken = cut(spoken)
    return spoken


def _bytes(spoken: Contract) -> int:
    # To write it costs what counting the characters of its fields costs: 5 µs for an ordinary message.
    return len(spoken.model_dump_json().encode())


def _with_content(spoken: _Spoken, defect: str, **changed: object) -> _Spoken:
    content = spoken.content.model_copy(update=changed)
    return spoken.model_copy(
        update={"content": content, "defects": list(dict.fromkeys([*spoken.defects, defect]))}
    )


def _without_html(spoken: _Spoken) -> _Spoken:
    return _with_content(spoken, "html-cut", html=None) if spoken.content.html else spoken


def _without_quoted(spoken: _Spoken) -> _Spoken:
    return _with_content(spoken, "quoted-cut", quoted=None) if spoken.content.quoted else spoken


def _without_signature(spoken: _Spoken) -> _Spoken:
    return _with_content(spoken, "signature-cut", signature=None) if spoken.content.signature else spoken


_CONTENT_CUTS = (_without_html, _without_quoted, _without_signature)


def _shortened(spoken: _Spoken) -> _Spoken:
    """With as much of the beginning of the text as fits."""
    text = spoken.content.text
    space = MAX_INTERACTION_BYTES - _bytes(_with_content(spoken, "text-cut", text=""))
    length = (
        bisect_right(range(len(text) + 1), space, key=lambda end: len(to_json(text[:end])) - len('""')) - 1
    )
    return _with_content(spoken, "text-cut", text=text[: max(length, 0)])


def _bounded(i: Interaction) -> Interaction:
    """With all fields but the words within bounds that leave most of the space to the words. Entry points keep most of these bounds already."""
    defects = _within(i.defects, 20_000)
    cut = ["defects-cut"] if len(defects) < len(i.defects) else []

    def short(name: str, text: str, most: int) -> str:
        if len(text) > most:
            cut.append(f"{name}-cut")
        return text[:most]

    def short_or_none(name: str, text: str | None, most: int) -> str | None:
        return None if text is None else short(name, text, most)

    def first(name: str, items: list[_Item], most_bytes: int) -> list[_Item]:
        kept = _within(items, most_bytes)
        if len(kept) < len(items):
            cut.append(f"{name}-cut")
        return kept

    def whole(name: str, text: str | None, most: int) -> str | None:
        """What is of no use in part."""
        if text is None or len(text) <= most:
            return text
        cut.append(f"{name}-cut")
        return None

    content = i.content.model_copy(
        update={
            "subject": short_or_none("subject", i.content.subject, 1000),
            "language": whole("language", i.content.language, 100),
        }
    )
    speaker = Speaker(
        address=i.speaker.address,
        name=short_or_none("name", i.speaker.name, 500),
        also=first("identifiers", i.speaker.also, 60_000),
        followers=i.speaker.followers,
    )
    thread = Thread(
        native_id=short("native-id", i.thread.native_id, 1000),
        answers=first("answers", i.thread.answers, 60_000),
        case_token=whole("case-token", i.thread.case_token, 500),
        conversation=whole("conversation", i.thread.conversation, 1000),
    )
    bounded = {
        "channel": short("channel", i.channel, 100),
        "network": short_or_none("network", i.network, 500),
        "account": short("account", i.account, 500),
        "kind": short_or_none("kind", i.kind, 100),
        "visibility": short("visibility", i.visibility, 100),
        "speaker": speaker,
        "content": content,
        "attachments": first("attachments", i.attachments, 150_000),
        "thread": thread,
        "automation": short("automation", i.automation, 100),
        "link": whole("link", i.link, 2000),
        "noted_by": short_or_none("noted-by", i.noted_by, 500),
        "raw_sha256": short_or_none("raw-sha256", i.raw_sha256, 64),
    }
    return i.model_copy(update=bounded | {"defects": [*defects, *cut]})


def _within(items: list[_Item], most_bytes: int) -> list[_Item]:
    """The first of the items, as many as have so many bytes of JSON together."""
    used = 0
    for number, item in enumerate(items):
        used += len(to_json(item)) + 1
        if used > most_bytes:
            return items[:number]
    return items
