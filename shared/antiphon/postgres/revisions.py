"""Which revision of its tables a service's code knows: read from file names, so that no service loads Alembic."""

import importlib
from pathlib import Path


def scripts(package: str) -> Path:
    """Where the revisions of a service's package are."""
    module = importlib.import_module(package)
    return Path(module.__path__[0]) / "migrations"


def head(package: str) -> str:
    """The newest revision: files are named `1001_what_it_does.py`. A test holds it to Alembic's own answer."""
    return max(path.name.partition("_")[0] for path in scripts(package).glob("versions/[0-9]*_*.py"))
