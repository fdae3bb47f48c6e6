"""Examples of one case and what is on it, for the OpenAPI document. A test reads each as its model does."""

from pydantic.config import JsonDict

CASE_ID = "0192f0c4-7a00-7000-8000-000000000005"
INTERACTION_ID = "0192f0c4-7a00-7000-8000-000000000001"

CASE: JsonDict = {
    "case_id": CASE_ID,
    "reference": "C-1001",
    "status": "pending",
    "subject": "Land value on my rates notice",
    "department": "rates",
    "customer": {
        "customer_id": "0192f0c4-7a00-7000-8000-000000000004",
        "name": "Jo Carver",
        "identifiers": [{"kind": "email", "value": "jo@mail.example"}],
        "labels": [],
        "since": "2026-11-23T22:15:04Z",
        "interactions": 1,
    },
    "opened_at": "2026-11-23T22:15:07Z",
    "interactions": 1,
    "replies": 1,
    "reopened": 0,
    "awaiting_answer_since": None,
    "related_case_id": None,
    "revision": 3,
    "asked_revision": 1,
    "opened_by_person_at": None,
    "opened_in_queue": None,
    "changed_at": "2026-11-23T22:31:40Z",
    "agent_id": "amara",
    "agent_name": "Amara Osei",
    "queue": "rates",
    "work_state": "accepted",
    "due_at": "2026-11-24T22:15:06Z",
    "breached": [],
    "first_words": None,
    "tone": None,
    "channel": None,
}

_NOT_EXPORTED = {
    "agent_id", "agent_name", "queue", "work_state", "due_at", "breached", "first_words", "tone", "channel",
}  # fmt: skip
EXPORTED_CASE: JsonDict = {name: value for name, value in CASE.items() if name not in _NOT_EXPORTED}

INTERACTION: JsonDict = {
    "interaction": {
        "interaction_id": INTERACTION_ID,
        "channel": "email",
        "account": "council@banksia.example",
        "visibility": "private",
        "speaker": {"address": {"kind": "email", "value": "jo@mail.example"}, "name": "Jo Carver"},
        "content": {
            "subject": "Land value on my rates notice",
            "text": "Can you explain how the valuation was made?",
            "language": "en",
        },
        "thread": {"native_id": "<a1@mail.example>"},
        "recipient": {"kind": "email", "value": "jo@mail.example"},
        "occurred_at": "2026-11-23T22:15:04Z",
        "accepted_at": "2026-11-23T22:15:06Z",
    },
    "reading": {"topics": ["rates-notice"], "department": "rates", "tone": "neutral"},
    "threaded_by": "new-case",
    "conflicts": [],
    "earlier": [],
    "deleted_at": None,
    "recipient": {"kind": "email", "value": "jo@mail.example"},
    "recipient_belongs_to_customer": True,
}

REPLY: JsonDict = {
    "reply_id": "0192f0c4-7a00-7000-8000-000000000009",
    "case_id": CASE_ID,
    "answers": INTERACTION_ID,
    "channel": "email",
    "recipient": {"kind": "email", "value": "jo@mail.example"},
    "text": "Dear Jo, the Valuer General set new land values this July.",
    "author": {"kind": "agent", "id": "amara", "name": "Amara Osei"},
    "state": "sent",
    "requested_at": "2026-11-23T22:31:38Z",
    "finished_at": "2026-11-23T22:31:40Z",
    "reason": None,
    "automation": "none",
    "occasion": None,
}

ENTRY: JsonDict = {
    "id": 4711,
    "kind": "note",
    "occurred_at": "2026-11-23T22:20:00Z",
    "recorded_at": "2026-11-23T22:20:00Z",
    "actor": {"kind": "agent", "id": "amara", "name": "Amara Osei"},
    "data": {"text": "She also called: the notice names the wrong owner."},
}
