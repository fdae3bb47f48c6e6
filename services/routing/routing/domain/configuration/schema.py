"""The form of the document as a JSON Schema, for editors and forms. What it can't say, `document.read` finds."""

from datetime import timedelta
from functools import cache

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import override

from antiphon.organisation.section import shown
from routing.domain.configuration.document import Configuration


class _AsWritten(GenerateJsonSchema):
    """With defaults as people write them: pydantic's own form of a duration is ISO 8601."""

    @override
    def encode_default(self, dft: object) -> object:
        return shown(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


@cache
def json_schema() -> JsonSchemaValue:
    """The JSON Schema (2020-12) of a document as it is written."""
    return {
        "$schema": _AsWritten.schema_dialect,
        "$id": "urn:antiphon:organisation",
        **Configuration.model_json_schema(schema_generator=_AsWritten),
        "title": "Organisation",
        "description": "The organisation: departments, channels, queues, people and rules.",
    }
