"""Each setting has a description in the code, and docs/settings.md shows it."""

import ast
import importlib
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from pydantic_settings import BaseSettings

from antiphon.process.settings import ProcessSettings, ServiceSettings
from deploy import settings_document
from deploy.settings_document import documented, settings_of
from deploy.site import PROJECT

CLASSES = [model for classes in documented().values() for model in classes]
SETTINGS = [pytest.param(s, id=s.variable) for model in CLASSES for s in settings_of(model)]
DEFAULTS = [
    pytest.param(model, name, setting, id=setting.variable)
    for model in CLASSES
    for name, setting in zip(model.model_fields, settings_of(model), strict=True)
    if setting.default
]


def settings_in_the_code() -> dict[str, set[str]]:
    """The fields of every settings class, by its file and name."""
    found: dict[str, set[str]] = {}
    for folder in ("shared", "services/*", "deploy"):
        for path in (path for root in PROJECT.glob(folder) for path in root.glob("**/*.py")):
            if "node_modules" not in path.parts:
                found |= fields_of_classes(path)
    return found


def fields_of_classes(path: Path) -> dict[str, set[str]]:
    """The fields of the settings classes in a file."""
    return {
        f"{path.relative_to(PROJECT)}:{node.name}": {
            part.target.id
            for part in node.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        }
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and {base.id for base in node.bases if isinstance(base, ast.Name)}
        & {"BaseSettings", "ProcessSettings", "ServiceSettings"}
    }


def test_the_document_of_settings_agrees_with_the_code() -> None:
    assert settings_document.DOCUMENT.read_text() == settings_document.document(), "make settings"


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_has_a_description_and_a_readable_type(setting: settings_document.Setting) -> None:
    assert setting.description
    assert not setting.kind.startswith("<class")


def test_every_settings_class_is_in_the_document() -> None:
    shown = {
        f"{Path(importlib.import_module(model.__module__).__file__ or '').relative_to(PROJECT)}:{model.__name__}"
        for model in (*CLASSES, ServiceSettings, ProcessSettings)
    }
    others = {name: fields for name, fields in settings_in_the_code().items() if name not in shown}
    # Only commands have other classes: they read the address of a service's database, which is in each service's table.
    assert set[str]().union(*others.values()) == {"database_url"}, others


@pytest.mark.parametrize(("model", "name", "setting"), DEFAULTS)
def test_a_default_is_shown_as_one_would_set_it(
    model: type[BaseSettings], name: str, setting: settings_document.Setting
) -> None:
    field, shown = model.model_fields[name], setting.default or ""
    adapter = TypeAdapter[object](field.rebuild_annotation())
    assert adapter.validate_python(shown) == field.default


def test_a_secret_has_no_default() -> None:
    secrets = [setting for model in CLASSES for setting in settings_of(model) if setting.secret]
    assert {setting.default for setting in secrets} == {None, ""}
