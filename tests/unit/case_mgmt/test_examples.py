"""The examples in the OpenAPI document are what the API takes and returns."""

import pytest
from pydantic import BaseModel
from pydantic_core import to_json

from antiphon.http.app import Body
from case_mgmt.api.cases import CaseView, NewStatus, WholeCaseView
from case_mgmt.api.counts import Counts
from case_mgmt.api.notes import NewNote
from case_mgmt.api.replies import NewReply, ReplyView


@pytest.mark.parametrize("model", [CaseView, Counts, NewNote, NewReply, NewStatus, ReplyView, WholeCaseView])
def test_an_example_has_only_and_all_fields_of_its_model(model: type[BaseModel]) -> None:
    examples = model.model_json_schema()["examples"]
    assert examples
    for example in examples:
        read = model.model_validate_json(to_json(example))
        assert example.keys() <= read.model_dump().keys()
        if not issubclass(model, Body):
            assert example.keys() == read.model_dump().keys()
