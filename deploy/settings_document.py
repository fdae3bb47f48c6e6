"""Writes `docs/settings.md` from the settings of all services and of this folder: `make settings`."""

import importlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import get_args, get_origin

from pydantic import AliasChoices, BaseModel, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from antiphon.process.settings import Measure, ProcessSettings, ServiceSettings
from antiphon.service_names import PROCESSES
from deploy.site import PROJECT, Ports

DOCUMENT = PROJECT / "docs" / "settings.md"
_KINDS: Mapping[object, str] = {timedelta: "duration", str: "text", SecretStr: "text", Path: "path"}


@dataclass(frozen=True)
class Setting:
    """One setting as people set it. `kind` is its type and unit; `default` is written as one would set it, None when required."""

    variable: str
    kind: str
    default: str | None
    secret: bool
    description: str | None


def _service(name: str) -> type[BaseSettings]:
    settings: type[BaseSettings] = importlib.import_module(f"{name.replace('-', '_')}.settings").Settings
    return settings


def documented() -> dict[str, tuple[type[BaseSettings], ...]]:
    """The settings classes in the document, by their heading."""
    network: type[BaseSettings] = importlib.import_module("ingest_social.bluesky.settings").Settings
    services = {name: (_service(name),) for name in PROCESSES}
    return {
        **services,
        "ingest-social": (*services["ingest-social"], network),
        "`make run` and `make up`": (Ports,),
    }


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """The settings of a class in the order of its fields."""
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
        case _:
            of = values[0] if values else field.annotation
            return _KINDS.get(of, str(of))


def _unit(field: FieldInfo) -> str | None:
    return next((measure.name for measure in field.metadata if isinstance(measure, Measure)), None)


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    if field.default_factory is not None or field.default is None:
        return ""
    return TypeAdapter[object](field.rebuild_annotation()).dump_json(field.default).decode().strip('"')


def _is_secret(annotation: object) -> bool:
    if annotation is SecretStr:
        return True
    return any(_is_secret(part) for part in get_args(annotation))


def document() -> str:
    """The text of the document."""
    shared = [s for s in settings_of(ServiceSettings) if s.variable.startswith("ANTIPHON_")]
    everywhere = [s for s in shared if s in settings_of(ProcessSettings)]
    about_events = [s for s in shared if s not in everywhere]
    parts = [_INTRODUCTION, "## Every service", _table(everywhere)]
    parts += ["## Every service but the desktop", _table(about_events)]
    for heading, classes in documented().items():
        own = [s for model in classes for s in settings_of(model) if s not in shared]
        parts += [f"## {heading}", _table(own)]
    return "\n\n".join(parts) + "\n"


def _table(settings: list[Setting]) -> str:
    head = ["| variable | type | default | secret | what it does |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(setting) for setting in settings)])


def _row(setting: Setting) -> str:
    default = {None: "**required**", "": "none"}.get(setting.default, f"`{setting.default}`")
    if setting.kind == "bytes" and setting.default:
        default += f" ({int(setting.default) // 1024**2} MiB)"
    secret = "yes" if setting.secret else ""
    cells = [f"`{setting.variable}`", setting.kind, default, secret, setting.description or ""]
    return f"| {' | '.join(cells)} |"


_INTRODUCTION = """\
# Settings

`make settings` writes this page from the settings in the code. [A test](../tests/contract/test_settings.py) fails when the two
differ, and when a setting has no description.

A service reads its settings from the environment once, when it starts. It does not start when a required setting is missing
or when a value has the wrong type. Rules, queues and agents change while it runs: they are no settings, they are in the
organisation's [configuration](guides/tuning-rules.md).

* A *duration* is written as ISO 8601 says: `PT30S`, `PT10M`, `P3D`.
* *bytes* and a *TCP port* are whole numbers.
* A *path* is a file on the machine of the process.
* A *secret* has no default, and no log shows it. Some optional variables are secrets too.

`antiphon.postgres.migrations` migrates databases, `antiphon.kafka.dead_letters` lists and replays dead letters. Both read only
`<SERVICE>_DATABASE_URL` of the services that they work on."""


if __name__ == "__main__":
    DOCUMENT.write_text(document())
