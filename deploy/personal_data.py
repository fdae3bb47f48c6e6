"""Writes `docs/personal-data.md` from the declarations beside the tables of all services: `make personal-data`."""

import importlib

from sqlalchemy import MetaData

from antiphon.postgres import personal_data
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.service_names import PROCESSES
from deploy.site import PROJECT

DOCUMENT = PROJECT / "docs" / "personal-data.md"


def metadata_of(service: str) -> MetaData:
    """The tables of a service's database, with those of `antiphon`."""
    metadata: MetaData = importlib.import_module(f"{service.replace('-', '_')}.store").METADATA
    return metadata


def document() -> str:
    """The text of the document."""
    plumbing = MetaData()
    plumbing_tables(plumbing)
    return personal_data.document({name: metadata_of(name) for name in PROCESSES}, plumbing)


if __name__ == "__main__":
    DOCUMENT.write_text(document())
