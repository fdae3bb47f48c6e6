"""Writes `docs/settings.md` from the settings of all services and of this folder: `make settings`."""

import builtins
import importlib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import get_args, get_origin

from pydantic import AliasChoices, BaseModel, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from antiphon.process.settings import Measure, ServiceSettings
from antiphon.service_names import SERVICES
from deploy.site import PROJECT, Ports

DOCUMENT = PROJECT / "docs" / "settings.md"
_WORDS: Mapping[object, str] = {timedelta: "duration", str: "text", SecretStr: "text", Path: "path"}


@dataclass(frozen=True)
class Setting:
    """One setting as people set it: `kind` says its type and unit, `default` is as it would be written, None when required."""

    variable: str
    kind: str
    default: str | None
    secret: bool
    says: str | None


def _service(name: str) -> type[BaseSettings]:
    found: type[BaseSettings] = importlib.import_module(f"{name.replace('-', '_')}.settings").Settings
    return found


def documented() -> dict[str, tuple[type[BaseSettings], ...]]:
    """The classes of settings in the document, by the heading under which they stand."""
    network: type[BaseSettings] = importlib.import_module("ingest_social.bluesky.settings").Settings
    services = {name: (_service(name),) for name in SERVICES}
    return {
        **services,
        "ingest-social": (*services["ingest-social"], network),
        "`make run` and `make up`": (Ports,),
    }


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """The settings of a class in the order of its fields; of the values in a list of JSON objects, their names."""
    prefix = str(model.model_config.get("env_prefix", ""))
    return [_setting(_variable(prefix, name, field), field) for name, field in model.model_fields.items()]


def _variable(prefix: str, name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"{prefix}{name}".upper() if prefix else name


def _setting(variable: str, field: FieldInfo) -> Setting:
    return Setting(variable, _kind(field), _default(field), _is_secret(field.annotation), field.description)


def _kind(field: FieldInfo) -> str:
    if unit := _unit(field):
        return unit
    values = [value for value in get_args(field.annotation) if value is not NoneType]
    match get_origin(field.annotation):
        case typing.Literal:
            *others, last = (f"`{value}`" for value in values)
            return f"{', '.join(others)} or {last}"
        case builtins.list:
            return "JSON list of objects"
        case builtins.dict:
            return "JSON object"
        case _:
            of = values[0] if values else field.annotation
            return _WORDS.get(of, str(of))


def _unit(field: FieldInfo) -> str | None:
    return next((given.name for given in field.metadata if isinstance(given, Measure)), None)


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    if field.default_factory is not None or field.default is None:
        return ""
    return TypeAdapter[object](field.rebuild_annotation()).dump_json(field.default).decode().strip('"')


def _is_secret(annotation: object) -> bool:
    if annotation is SecretStr:
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_is_secret(field.annotation) for field in annotation.model_fields.values())
    return any(_is_secret(part) for part in get_args(annotation))


def objects_of(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The settings of a class that are JSON lists of objects, and what such an object is."""
    for setting, field in zip(settings_of(model), model.model_fields.values(), strict=True):
        for part in get_args(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield setting.variable, part


def document() -> str:
    """What must stand in the document."""
    shared = [s for s in settings_of(ServiceSettings) if s.variable.startswith("ANTIPHON_")]
    parts = [_INTRODUCTION, "## Every service", _table(shared)]
    for heading, classes in documented().items():
        found = [s for model in classes for s in settings_of(model) if s not in shared]
        parts += [f"## {heading}", _table(found)]
        for variable, of in (pair for model in classes for pair in objects_of(model)):
            parts += [f"Each object of `{variable}`:", _table(settings_of(of))]
    return "\n\n".join(parts) + "\n"


def _table(settings: list[Setting]) -> str:
    head = ["| variable | type | default | secret | what it does |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(setting) for setting in settings)])


def _row(setting: Setting) -> str:
    default = {None: "**required**", "": "none"}.get(setting.default, f"`{setting.default}`")
    if setting.kind == "bytes" and setting.default:
        default += f" ({int(setting.default) // 1024**2} MiB)"
    secret = "yes" if setting.secret else ""
    cells = [f"`{setting.variable}`", setting.kind, default, secret, setting.says or ""]
    return f"| {' | '.join(cells)} |"


_INTRODUCTION = """\
# Settings

Written by `make settings` from the settings in the code; [a test](../tests/contract/test_settings.py) fails when this page is
another than the code, and for a setting without a description.

A service reads its settings from the environment, once, when it starts. It does not start when a required one is missing or
when a value is not of its type. What is changed while it runs (rules, queues, agents) is no setting: it is in the
organisation's [configuration](guides/tuning-rules.md).

* A *duration* is written as ISO 8601 says: `PT30S`, `PT10M`, `P3D`.
* *bytes* and a *TCP port* are whole numbers.
* A *path* is a file on the machine of the process.
* A *JSON list of objects* or a *JSON object* is one line of JSON.
* A *secret* has no default, and no log shows it. Some variables that may be left out are secret too.

`antiphon.postgres.migrations` (databases to their newest tables) and `antiphon.kafka.dead_letters` (list and replay dead letters) read
`<SERVICE>_DATABASE_URL` of the services that they work on, and nothing else."""


if __name__ == "__main__":
    DOCUMENT.write_text(document())
