"""The organisation's document as YAML text: it is read into a model, and each fault names its line and column."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from typing_extensions import override
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, SequenceNode

from antiphon.organisation.organisation import Organisation

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
# Control characters besides tab and line feed, and lone surrogates: PostgreSQL or UTF-8 can't keep some of them.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Fault(NamedTuple):
    """One thing that is wrong: where (line and column from 1) and what."""

    line: int
    column: int
    path: str
    message: str


class ConfigurationError(Exception):
    """The file can't be used; `faults` lists everything that is wrong with it."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(f"{name}:{f.line}:{f.column}: {f.path}: {f.message}" for f in self.faults))


class _Loader(yaml.SafeLoader):
    """YAML without aliases: a few lines of them can mean more than a machine holds."""

    @override
    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise ComposerError(None, None, "an alias can't be used here: write it out", event.start_mark)
        return super().compose_node(parent, index)


class Document:
    """A YAML text and where in it everything stands. Raises ConfigurationError for what is not YAML."""

    def __init__(self, source: str, name: str = "organisation") -> None:
        self.source = source
        self.name = name
        try:
            loader = _Loader(source)
            self._root: Node | None = loader.get_single_node()
            self.data: Any = loader.construct_document(self._root) if self._root else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise ConfigurationError(
                name, [Fault(line, column, "(file)", error.problem or "not YAML")]
            ) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigurationError(name, [Fault(1, 1, "(file)", f"not YAML: {error}")]) from error
        if not isinstance(self.data, dict):
            raise ConfigurationError(name, [Fault(1, 1, "(file)", "must be a mapping of sections")])

    def fault(self, path: Place, message: str) -> Fault:
        """A fault at the value under `path`, or at the nearest thing above it."""
        line, column = self.position(path)
        shown = _NOT_TEXT.sub("\ufffd", ".".join(str(part) for part in path))
        return Fault(line, column, shown or "(file)", message)

    def position(self, path: Place) -> tuple[int, int]:
        """Line and column, from 1, of the value under `path`; of the key when the value is a section."""
        node, mark = self._root, self._root.start_mark if self._root else None
        for part in path:
            step = _child(node, part)
            if step is None:
                break
            key, node = step
            mark = key.start_mark if isinstance(node, MappingNode | SequenceNode) else node.start_mark
        return (mark.line + 1, mark.column + 1) if mark else (1, 1)

    def read(self, model: type[Model]) -> Model:
        """The document as `model`. Raises ConfigurationError with all that is wrong."""
        faults = [self.fault(place, _message(found)) for place, found in _characters((), self.data)]
        try:
            read = model.model_validate(self.data)
        except ValidationError as error:
            raise ConfigurationError(self.name, [*faults, *self.faults(error)]) from error
        if faults:
            raise ConfigurationError(self.name, faults)
        return read

    def faults(self, error: ValidationError) -> list[Fault]:
        """What pydantic found, each at its place."""
        return [
            self.fault(tuple(item["loc"]), str(item["msg"]).removeprefix("Value error, "))
            for item in error.errors(include_url=False)
        ]


def _characters(place: Place, value: object) -> Iterator[tuple[Place, str]]:
    """The places of keys and texts that have a character that can't be kept, each with its first one."""
    if isinstance(value, str) and (found := _NOT_TEXT.search(value)):
        yield place, found[0]
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str) and (found := _NOT_TEXT.search(key)):
                yield (*place, key), found[0]
            yield from _characters((*place, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _characters((*place, index), item)


def _message(character: str) -> str:
    return f"has the character U+{ord(character):04X}, which no text may have"


def _child(node: Node | None, part: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def did_you_mean(given: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """`, did you mean …?` or what there is."""
    near = get_close_matches(given, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else f"; there is {', '.join(known) or 'none'}"


def load(path: Path) -> Organisation:
    """The organisation of a file. Raises ConfigurationError with line and column, OSError when it can't be read."""
    return Document(path.read_text(encoding="utf-8"), path.name).read(Organisation)
