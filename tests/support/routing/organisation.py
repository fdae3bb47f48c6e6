"""The example organisation with changes, as its file would be written."""

from collections.abc import Callable
from typing import Any

import yaml
from typing_extensions import override

from deploy.site import EXAMPLE

Json = dict[str, Any]
Change = Callable[[Json], object]


def organisation_yaml(*changes: Change) -> str:
    """The example organisation with these changes. Offers last an hour, so that none expires during a slow test."""
    organisation: Json = yaml.safe_load(EXAMPLE.read_text())
    for settings in organisation["queues"].values():
        settings["offer_timeout"] = "1h"
    for change in changes:
        change(organisation)
    return yaml.dump(organisation, Dumper=_NoAliases, sort_keys=False)


class _NoAliases(yaml.SafeDumper):
    """Writes a value that two sections share in both: the organisation's file has no aliases."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def queue(name: str, **settings: Any) -> Change:
    """Changes settings of a queue."""
    return lambda organisation: organisation["queues"][name].update(settings)


def agent(name: str, **settings: Any) -> Change:
    """Changes settings of an agent."""

    def change(organisation: Json) -> None:
        next(each for each in organisation["people"] if each["id"] == name).update(settings)

    return change


def rule_then(name: str, **outcome: Any) -> Change:
    """Changes the `then` of a rule."""

    def change(organisation: Json) -> None:
        next(rule for rule in organisation["rules"] if rule["name"] == name)["then"].update(outcome)

    return change


def section(name: str, content: Any) -> Change:
    """Replaces a section."""
    return lambda organisation: organisation.update({name: content})
