"""Holds what people read to the words of `words.toml`, and sentences of documents to their length.

`python -m tests.ledgers.words [paths…]` prints each finding as `file:line: "word" -> write instead`, then their numbers by word and
folder. `--update` writes the numbers of files that are not clean into `[not_yet]`; it refuses when there are more of them in all.

Two kinds of text are read. Prose: docstrings, comments, documents, names of tests, and the strings of programs that have a space and are
no SQL. Identifiers: names where they are defined, code spans, and strings of programs without a space (columns, fields, topics, paths).
Not read: strings of tests, since they are what customers say; names and strings of migrations, since they are what once was; fenced code.
"""

import ast
import io
import os
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt

from deploy.site import PROJECT

LEDGER = Path(__file__).with_name("words.toml")
PROGRAMS = ("services", "shared", "deploy", "tests")
UNREAD = {"node_modules", "__pycache__", "released"}

Kind = Literal["prose", "identifier", "name"]
Span = tuple[int, int]


class Text(NamedTuple):
    """What people read, and the line on which it begins. `is_bounded`: its sentences are held to their length."""

    line: int
    kind: Kind
    words: str
    is_bounded: bool = False


class Finding(NamedTuple):
    """What is not to be written, where it is, and what to write instead. `entry` is the line of the table that found it."""

    path: str
    line: int
    word: str
    write: str
    entry: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.word}" -> {self.write}'


@dataclass(frozen=True)
class Entry:
    """A line of `[words]`."""

    find: str
    write: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    kinds: frozenset[Kind]
    under: tuple[str, ...]

    def is_for(self, path: str) -> bool:
        return not self.under or any(PurePosixPath(path).is_relative_to(folder) for folder in self.under)

    def found(self, words: str) -> list[Span]:
        """Where it is in the words, but for the phrases in which it is right."""
        spans = [match.span() for match in self.pattern.finditer(words)]
        right = [match.span() for match in self.unless.finditer(words)] if spans and self.unless else []
        return [span for span in spans if not any(_meet(span, other) for other in right)]


@dataclass(frozen=True)
class Table:
    """What `words.toml` says. `not_yet` is None where it has no such section."""

    entries: Sequence[Entry]
    sentence: int
    generated: frozenset[str]
    not_yet: Mapping[str, int] | None


def table_of(written: str) -> Table:
    """Reads the table."""
    read = tomllib.loads(written)
    return Table(
        [_entry(find, **options) for find, options in read["words"].items()],
        read["sentence"],
        frozenset(read["generated"]),
        read.get("not_yet"),
    )


def _entry(
    find: str, *, write: str, only: Kind | None = None, under: Sequence[str] = (), unless: Sequence[str] = ()
) -> Entry:
    pattern = re.compile(find) if only == "name" else _whole(find)
    kinds: frozenset[Kind] = frozenset({only} if only else {"prose", "identifier"})
    return Entry(find, write, pattern, _whole("|".join(unless)) if unless else None, kinds, tuple(under))


def _whole(find: str) -> re.Pattern[str]:
    """Whole words in any case, also with a line break between them."""
    spaced = find.replace(" ", r"\s+")
    return re.compile(rf"(?<!\w)(?:{spaced})(?!\w)", re.IGNORECASE)


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def findings(path: str, texts: Iterable[Text], table: Table) -> list[Finding]:
    """What is not to be written in these texts, in their order. Of entries that find the same words the first counts."""
    entries = [entry for entry in table.entries if entry.is_for(path)]
    return [
        finding
        for text in texts
        for finding in (*_words(path, text, entries), *_long(path, text, table.sentence))
    ]


def _words(path: str, text: Text, entries: Sequence[Entry]) -> Iterator[Finding]:
    is_name = text.kind == "identifier"
    words = in_words(text.words) if is_name else text.words
    taken: list[Span] = []
    for entry in entries:
        if is_name and "name" in entry.kinds and entry.pattern.fullmatch(text.words):
            yield Finding(path, text.line, text.words, entry.write, entry.find)
        if text.kind not in entry.kinds:
            continue
        for span in entry.found(words):
            if not any(_meet(span, other) for other in taken):
                taken.append(span)
                word = text.words if is_name else " ".join(words[slice(*span)].split())
                yield Finding(path, text.line + words.count("\n", 0, span[0]), word, entry.write, entry.find)


def _long(path: str, text: Text, most: int) -> Iterator[Finding]:
    for line, count, start in sentences(text.words) if text.is_bounded else ():
        if count > most:
            yield Finding(
                path, text.line + line, f"{start} …", f"at most {most} words, not {count}", "a long sentence"
            )


_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@cache
def in_words(name: str) -> str:
    """A name as its words: `isDueNow` and `IS_DUE_NOW` are "is due now"."""
    return " ".join(_PART.findall(name)).lower()


_END = re.compile(
    r"(?:(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bSt)\.|[!?]|…(?=\W*\s[A-Z]))"  # not after an abbreviation
    r"[\"')\]”]*(?:\s+|$)"
)


def sentences(words: str) -> Iterator[tuple[int, int, str]]:
    """Of each sentence: its line among these words, from 0; the number of its words; its first five."""
    begin = 0
    for end in (*(match.end() for match in _END.finditer(words)), len(words)):
        counted = [word for word in words[begin:end].split() if any(map(str.isalnum, word))]
        if counted:
            yield words.count("\n", 0, begin), len(counted), " ".join(counted[:5])
        begin = end


def texts_of(path: str, source: str) -> Iterator[Text]:
    """What people read in a file of the project; its own name is on its first line."""
    file = PurePosixPath(path)
    if file.parent.match("migrations/versions"):
        yield from python(source, names=False, strings=False)
    elif file.suffix == ".py":
        yield from _names(1, file.stem)
        yield from python(source, names=True, strings=file.parts[0] != "tests")
    elif file.suffix == ".md":
        yield Text(1, "identifier", file.stem)
        yield from markdown(source)
    else:
        yield from hashes(source)


_NAME = re.compile(r"[A-Za-z_]\w*")


def _names(line: int, code: str) -> Iterator[Text]:
    """The names in a piece of code. That of a test is a sentence."""
    for name in _NAME.findall(code):
        if name.startswith("test_"):
            yield Text(line, "prose", name.removeprefix("test_").replace("_", " "))
        else:
            yield Text(line, "identifier", name)


_CODE = re.compile(r"`([^`\n]+)`")


def _prose(line: int, words: str) -> Iterator[Text]:
    """Words, in which each code span is one, and the names in these."""
    yield Text(line, "prose", _CODE.sub("`x`", words))
    for span in _CODE.finditer(words):
        yield from _names(line + words.count("\n", 0, span.start()), span[1])


def markdown(source: str) -> Iterator[Text]:
    """Paragraphs, headings and cells, in which each code span is one word, and the names in these."""
    line = 1
    for block in MarkdownIt("commonmark").enable("table").parse(source):
        line = block.map[0] + 1 if block.map else line
        if block.type != "inline":
            continue
        words, at = "", line
        for part in block.children or ():
            match part.type:
                case "text":
                    words += part.content
                case "softbreak" | "hardbreak":
                    words, at = words + "\n", at + 1
                case "code_inline":
                    words += "`x`"
                    yield from _names(at, part.content)
                case _:
                    pass
        yield Text(line, "prose", words, is_bounded=True)


_COMMENT = re.compile(r"(?:^|\s)#+ (.*)$")
_ECHO = re.compile(r'@echo "(.*)"')


def hashes(source: str) -> Iterator[Text]:
    """Comments of YAML and of a Makefile, its help among them, and what it prints."""
    for at, line in enumerate(source.splitlines(), 1):
        for found in (_COMMENT.search(line), _ECHO.search(line)):
            if found:
                yield from _prose(at, found[1])


def python(source: str, *, names: bool, strings: bool) -> Iterator[Text]:
    """Docstrings and comments; also names where they are defined, and strings."""
    yield from _comments(source)
    yield from _Reader(names=names, strings=strings).read(ast.parse(source))


def _comments(source: str) -> Iterator[Text]:
    """Comments on lines of their own that follow each other are one text."""
    blocks: list[tuple[int, list[str]]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            at, words = token.start[0], token.string.lstrip("#! ")
            if blocks and token.line.lstrip().startswith("#") and at == blocks[-1][0] + len(blocks[-1][1]):
                blocks[-1][1].append(words)
            else:
                blocks.append((at, [words]))
    for at, lines in blocks:
        yield from _prose(at, "\n".join(lines))


_SQL = re.compile(
    r"\s*(select|with (recursive )?\w+|insert into|update \w+( \w+)? set|delete from|create|drop|alter|lock table|grant|set local)\s"
)


class _Reader:
    def __init__(self, *, names: bool, strings: bool) -> None:
        self._reads_names, self._reads_strings = names, strings
        self._texts: list[Text] = []

    def read(self, tree: ast.Module) -> Sequence[Text]:
        self._visit(tree)
        return self._texts

    def _visit(self, node: ast.AST) -> None:
        match node:
            case ast.Expr(value=ast.Constant(value=str(words))):
                self._texts += _prose(node.lineno, words)
            case ast.Constant(value=str(words)):
                self._string(node.lineno, words)
            case ast.JoinedStr(values=parts):
                pieces = (part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
                self._string(node.lineno, "".join(map(str, pieces)))
                for part in parts:
                    if isinstance(part, ast.FormattedValue):
                        self._visit(part.value)
            case ast.Call(func=ast.Name("text") | ast.Attribute(attr="text") | ast.Attribute(ast.Name("re"))):
                pass  # SQL or a regular expression
            case _:
                self._name(node)
                for child in ast.iter_child_nodes(node):
                    self._visit(child)

    def _string(self, line: int, words: str) -> None:
        if not self._reads_strings or _SQL.match(words):
            return
        self._texts += _prose(line, words) if any(map(str.isspace, words.strip())) else _names(line, words)

    def _name(self, node: ast.AST) -> None:
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.arg(arg=name)
                | ast.Name(id=name, ctx=ast.Store())
                | ast.Attribute(attr=name, ctx=ast.Store())
                | ast.alias(asname=str(name))
                | ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ) if self._reads_names:
                self._texts += _names(node.lineno, name)
            case _:
                pass


def files() -> list[str]:
    """The files that people read, as paths from the root of the project, in their order."""
    found = [*PROJECT.glob("*.md"), PROJECT / "Makefile", *(PROJECT / "deploy/example").glob("*.yaml")]
    for folder in (*PROGRAMS, "docs"):
        for place, below, names in os.walk(PROJECT / folder):
            below[:] = [name for name in below if name not in UNREAD and not name.startswith(".")]
            found += [Path(place, name) for name in names if name.endswith((".py", ".md"))]
    return sorted(path.relative_to(PROJECT).as_posix() for path in found)


def scan(paths: Iterable[str], table: Table) -> list[Finding]:
    """What is found in these files, but for those that are generated."""
    return [
        finding
        for path in paths
        if path not in table.generated
        for finding in findings(path, texts_of(path, (PROJECT / path).read_text()), table)
    ]


def numbers(found: Iterable[Finding]) -> dict[str, int]:
    """How much is found in each file, by path; files that are clean are not in it."""
    return dict(sorted(Counter(finding.path for finding in found).items()))


def updated(written: str, found: Mapping[str, int]) -> str:
    """The table with these numbers in `[not_yet]`. Raises ValueError when the one that is written has fewer in all."""
    listed = table_of(written).not_yet
    if listed is not None and sum(found.values()) > sum(listed.values()):
        raise ValueError(
            f"{sum(found.values())} findings, and {sum(listed.values())} are listed: the number only falls"
        )
    head = written.partition("[not_yet]\n")[0].rstrip()
    return "\n".join([head, "", "[not_yet]", *(f'"{path}" = {number}' for path, number in found.items()), ""])


def summary(found: Sequence[Finding]) -> Iterator[str]:
    """Numbers by word and by folder, the greatest first."""
    for title, counted in (
        ("by word", Counter(finding.entry for finding in found)),
        ("by folder", Counter("/".join(finding.path.split("/")[:2]) for finding in found)),
    ):
        yield f"\n{title}"
        yield from (f"{number:6} {what}" for what, number in counted.most_common())
    yield f"\n{len(found)} in all"


def main(arguments: Sequence[str]) -> str | None:
    """Prints what is found, or writes its numbers; returns why it can't."""
    written = LEDGER.read_text()
    table = table_of(written)
    if arguments == ["--update"]:
        try:
            LEDGER.write_text(updated(written, numbers(scan(files(), table))))
        except ValueError as error:
            return str(error)
        return None
    wanted = [Path(argument).resolve() for argument in arguments] or [PROJECT]
    found = scan(
        (path for path in files() if any((PROJECT / path).is_relative_to(one) for one in wanted)), table
    )
    sys.stdout.write("\n".join([*map(str, found), *summary(found), ""]))
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
