"""The examples in the OpenAPI document are what the API returns."""

import pytest
from pydantic import BaseModel
from pydantic_core import to_json

from ingest_email.api.counts import Counts
from ingest_email.api.mails import MailSummary, MailView
from ingest_email.api.replies import ReplyView


@pytest.mark.parametrize("model", [Counts, MailSummary, MailView, ReplyView])
def test_an_example_has_all_fields_of_its_model_and_no_other(model: type[BaseModel]) -> None:
    example = model.model_json_schema()["example"]
    view = model.model_validate_json(to_json(example))
    assert example.keys() == view.model_dump().keys()
