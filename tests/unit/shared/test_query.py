"""Rows as JSON parameters of a query."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from pydantic_core import PydanticSerializationError

from antiphon.postgres.query import as_json


def test_rows_become_json_that_postgresql_reads() -> None:
    row = {
        "id": UUID(int=1),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "list": [uuid4()],
        "none": None,
    }
    (found,) = json.loads(as_json([row]))
    assert found["at"] == "2026-01-01T00:00:00Z"
    with pytest.raises(PydanticSerializationError):
        as_json([{"x": object()}])
