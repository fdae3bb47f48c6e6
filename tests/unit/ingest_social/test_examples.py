"""The examples in the OpenAPI document are what the API returns."""

import pytest
from pydantic import BaseModel
from pydantic_core import to_json

from ingest_social.api.counts import Counts
from ingest_social.api.posts import PostDetail, PostView
from ingest_social.api.previews import PreviewView
from ingest_social.api.streams import StreamView


@pytest.mark.parametrize("model", [Counts, PostDetail, PostView, PreviewView, StreamView])
def test_an_example_has_all_fields_of_its_model_and_no_other(model: type[BaseModel]) -> None:
    example = model.model_json_schema()["example"]
    view = model.model_validate_json(to_json(example))
    assert example.keys() == view.model_dump().keys()
