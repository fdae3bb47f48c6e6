"""The layout that every package keeps, so that who knows one service finds their way in all (docs/architecture.md)."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from antiphon.service_names import PROCESSES
from deploy.site import PROJECT

MOST_ENTRIES = 16
PACKAGES = {
    "antiphon": PROJECT / "shared" / "antiphon",
    **{
        name: PROJECT / "services" / name.replace("_", "-") / name
        for name in (service.replace("-", "_") for service in PROCESSES)
    },
}
# Each of these folders is a layer; all other packages of a service are one. A network is a folder of its own (ADR 15).
LAYERS = ("api", "store", "domain", "migrations", "bluesky")
QUERIES = {"select", "text", "insert", "update", "delete", "func"}


def entries(package: Path) -> list[str]:
    """What stands at the root of a package, but for its own `__init__`."""
    return sorted(
        path.name
        for path in package.iterdir()
        if path.name not in {"__init__.py", "__pycache__"} and (path.is_dir() or path.suffix == ".py")
    )


def layer_of(package: Path, path: Path) -> str:
    """The layer of a module: one of LAYERS, or `actions` for all other packages and the root."""
    first = path.relative_to(package).parts[0]
    return first if first in LAYERS else "actions"


def names_that_occur_twice(package: Path) -> list[str]:
    """Module names that occur twice in one layer."""
    names = Counter(
        (layer_of(package, path), path.stem) for path in package.rglob("*.py") if path.stem != "__init__"
    )
    return sorted(f"{layer}/…/{name}" for (layer, name), count in names.items() if count > 1)


def imported(source: str) -> set[str]:
    """Modules that a source imports from, with what it imports: `sqlalchemy.select`."""
    return {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_few_entries_at_its_root(package: str) -> None:
    assert len(entries(PACKAGES[package])) <= MOST_ENTRIES


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "antiphon"])
def test_no_module_name_occurs_twice_within_a_layer(package: str) -> None:
    assert names_that_occur_twice(PACKAGES[package]) == []


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "antiphon"])
def test_routes_hold_no_query_and_are_simple_enough_for_the_linter(package: str) -> None:
    api = PACKAGES[package] / "api"
    assert (api / "__init__.py").exists()
    for path in api.rglob("*.py"):
        source = path.read_text()
        assert imported(source).isdisjoint({f"sqlalchemy.{name}" for name in QUERIES}), path
        assert "noqa: C901" not in source, path
        assert "PLR0915" not in source, path


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "antiphon"])
def test_tables_are_in_the_store_and_made_by_one_revision(package: str) -> None:
    folder = PACKAGES[package]
    for path in folder.rglob("*.py"):
        if layer_of(folder, path) not in {"store", "migrations"}:
            assert "sqlalchemy.Table" not in imported(path.read_text()), path
    revisions = sorted(path.name for path in (folder / "migrations" / "versions").glob("*.py"))
    assert revisions[0] == "1001_tables.py"


def test_no_test_module_imports_another() -> None:
    for path in (PROJECT / "tests").rglob("*.py"):
        wrong = {
            name
            for name in imported(path.read_text())
            if name.startswith("tests.") and any(part.startswith("test_") for part in name.split(".")[:-1])
        }
        assert not wrong, path


def test_what_is_imported_is_found_in_every_form() -> None:
    source = (
        "from sqlalchemy import select as s, Table\nimport x\ndef f():\n    from tests.unit.test_a import b\n"
    )
    assert imported(source) == {"sqlalchemy.select", "sqlalchemy.Table", "tests.unit.test_a.b"}


def test_a_name_that_occurs_twice_is_found(tmp_path: Path) -> None:
    for name in ("work/offers.py", "agents/offers.py", "store/offers.py", "api/offers.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names_that_occur_twice(tmp_path) == ["actions/…/offers"]
