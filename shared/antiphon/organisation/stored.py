"""The document as JSON, as events and databases have it: its keys keep their order, which the first queue and topic rest on."""

from pydantic import TypeAdapter

from antiphon.organisation.organisation import Organisation

_DOCUMENT = TypeAdapter(Organisation)


def as_json(organisation: Organisation) -> bytes:
    """The document as JSON in UTF-8. Fields that a subclass adds are not in it."""
    return _DOCUMENT.dump_json(organisation)


def of_json(text: str) -> Organisation:
    """The document of a JSON text. Fields that this code does not have are ignored, since a later release may have written it."""
    return _DOCUMENT.validate_json(text, extra="ignore")
