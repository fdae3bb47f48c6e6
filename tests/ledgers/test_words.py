"""What people read is in the words of `words.toml`; files that are not yet are listed there with the number of findings, which only falls."""

from collections.abc import Sequence
from textwrap import dedent

import pytest

from tests.ledgers.words import (
    LEDGER,
    Finding,
    Kind,
    Table,
    Text,
    files,
    findings,
    hashes,
    in_words,
    markdown,
    numbers,
    python,
    scan,
    sentences,
    summary,
    table_of,
    texts_of,
    updated,
)

ROUTING = "services/routing/routing/x.py"
WRONG: Sequence[tuple[Kind, str, str]] = [
    ("prose", "The HTTP doors.", "doors"),
    ("identifier", "opened_door", "opened_door"),
    ("prose", "who has room for it", "room"),
    ("identifier", "Rooms", "Rooms"),
    ("prose", "on its way through the house", "house"),
    ("identifier", "floor", "floor"),
    ("prose", "agents of the hall", "hall"),
    ("prose", "what tells one from the other, told apart by its key", "told apart"),
    ("prose", "It tells writers apart.", "tells writers apart"),
    ("prose", "a consumer for news that\nnobody waits for", "news that nobody waits for"),
    ("prose", "What nobody waits for is late.", "What nobody waits for"),
    ("prose", "supervisors hear of it", "hear"),
    ("identifier", "_Heard", "_Heard"),
    ("prose", "an event tells it", "tells"),
    ("identifier", "tell_updated", "tell_updated"),
    ("identifier", "TELLING", "TELLING"),
    ("identifier", "untold", "untold"),
    ("identifier", "SAID", "SAID"),
    ("prose", "when a draft comes into force", "comes into force"),
    ("prose", "put it in force", "put it in force"),
    ("prose", "the version in\nforce", "in force"),
    ("identifier", "InForce", "InForce"),
    ("identifier", "force", "force"),
    ("identifier", "share", "share"),
    ("prose", "published for a share", "for a share"),
    ("prose", "for a share of the cases", "for a share"),
    ("prose", "A share first, then all", "A share first"),
    ("identifier", "openness", "openness"),
    ("identifier", "standings", "standings"),
    ("prose", "Who comes back eases in.", "eases in"),
    ("identifier", "easing", "easing"),
    ("prose", "light work", "light"),
    ("prose", "what is known of a case", "what is known of a case"),
    ("identifier", "marks", "marks"),
    ("prose", "work flows in a circle", "circle"),
    ("prose", "Poison is set aside.", "set aside"),
    ("identifier", "set_aside", "set_aside"),
    ("identifier", "set-aside", "set-aside"),
    ("prose", "told and left it aside", "left it aside"),
    ("prose", "A timer is put off.", "put off"),
    ("prose", "others are passed over", "passed over"),
    ("identifier", "TakenApart", "TakenApart"),
    ("identifier", "_one_by_one", "_one_by_one"),
    ("prose", "a passing failure", "passing failure"),
    ("prose", "neither passing nor ours", "neither passing"),
    ("identifier", "is_passing", "is_passing"),
    ("identifier", "is_ours", "is_ours"),
    ("prose", "it is mended once", "mended"),
    ("identifier", "Unsettled", "Unsettled"),
    ("identifier", "tallies", "tallies"),
    ("prose", "better by a hair", "by a hair"),
    ("identifier", "Mood", "Mood"),
    ("identifier", "at_leisure", "at_leisure"),
    ("prose", "whoever leads next", "whoever"),
    ("identifier", "Desk", "Desk"),
    ("identifier", "Book", "Book"),
    ("identifier", "Unit", "Unit"),
    ("identifier", "Known", "Known"),
    ("identifier", "Refused", "Refused"),
    ("identifier", "Newest", "Newest"),
]
RIGHT: Sequence[tuple[Kind, str]] = [
    ("prose", "indoors, headroom, housekeeping, flooring, shallow, shear, foretells, enforced"),
    (
        "prose",
        "the town hall, a chat room, a street light, brute-force oracles, drop database x with (force)",
    ),
    (
        "prose",
        "what a customer said, a share of the time, marks, one by one, refused, the newest, a unit, a desk",
    ),
    ("prose", "a known customer; the cases known to the solver; a long-standing rule"),
    ("prose", "aside from that; one pass over the text; apart from mail; passing `now` as an argument"),
    ("prose", "amended, recommended, the set of asides, a Book"),
    ("identifier", "is_known"),
    ("identifier", "desktop"),
    ("identifier", "newest"),
    ("identifier", "unit"),
    ("identifier", "offset_asides"),
    ("identifier", "housekeeping"),
    ("identifier", "enforce"),
]


@pytest.fixture(scope="module")
def table() -> Table:
    return table_of(LEDGER.read_text())


def found(texts: Sequence[Text], table: Table, path: str = ROUTING) -> list[tuple[int, str]]:
    return [(finding.line, finding.word) for finding in findings(path, texts, table)]


def test_what_is_found_in_the_tree_is_what_the_ledger_lists(table: Table) -> None:
    listed = table.not_yet or {}
    left = scan(files(), table)
    counted = numbers(left)
    more = [str(finding) for finding in left if counted[finding.path] > listed.get(finding.path, 0)]
    assert not more, "\n".join(more)
    assert counted == listed, "less is found than is listed: python -m tests.ledgers.words --update"


@pytest.mark.parametrize(("kind", "words", "word"), WRONG)
def test_a_wrong_word_is_found(kind: Kind, words: str, word: str, table: Table) -> None:
    assert word in [finding.word for finding in findings(ROUTING, [Text(1, kind, words)], table)]


def test_every_entry_finds_its_words_in_an_example(table: Table) -> None:
    texts = [Text(1, kind, words) for kind, words, _ in WRONG]
    assert {entry.find for entry in table.entries} == {f.entry for f in findings(ROUTING, texts, table)}


@pytest.mark.parametrize(("kind", "words"), RIGHT)
def test_a_right_word_is_not_found(kind: Kind, words: str, table: Table) -> None:
    assert found([Text(1, kind, words)], table) == []


def test_words_that_two_entries_find_count_once(table: Table) -> None:
    assert found([Text(1, "prose", "It is told apart and set aside.")], table) == [
        (1, "told apart"),
        (1, "set aside"),
    ]


def test_a_word_that_is_wrong_in_one_folder_is_right_in_another(table: Table) -> None:
    share = [Text(1, "identifier", "share")]
    assert found(share, table, "services/routing/routing/x.py") == [(1, "share")]
    assert found(share, table, "services/routing-x/x.py") == found(share, table, "tests/load/x.py") == []


def test_a_name_is_read_as_its_words() -> None:
    names = ("_set_aside", "SetAside", "SET_ASIDE", "queue.set-aside.v1", "HTTPDoor2")
    assert [in_words(name) for name in names] == ["set aside"] * 3 + ["queue set aside v 1", "http door 2"]


PROGRAM = dedent('''\
    """A docstring with
    a door and `said`."""
    import door as told
    # A comment that is set
    # aside.
    ROOM = "told"  # a room
    class Floor:
        house: str
        """What it mends."""
        def hear(self, mood, *, force) -> None:
            self.told = door.heard(tally=1)
            for circle, _ in LOG.warning(f"it tells {told.heard['x'] if 0 else 'the mood'} of it"): pass
            text("select told from door")
            rows(f"select told from {door}")
            re.compile("told (door)")
    def test_a_door_that_was_said(): ...
    ''')


def test_a_program_is_read_with_its_lines(table: Table) -> None:
    texts = list(python(PROGRAM, names=True, strings=True))
    assert sorted(found(texts, table)) == [
        (2, "door"),
        (2, "said"),
        (3, "told"),
        (4, "set aside"),
        (6, "ROOM"),
        (6, "room"),
        (6, "told"),
        (7, "Floor"),
        (8, "house"),
        (9, "mends"),
        (10, "force"),
        (10, "hear"),
        (10, "mood"),
        (11, "told"),
        (12, "circle"),
        (12, "mood"),
        (12, "tells"),
        (16, "door"),
    ]


def test_of_tests_strings_are_not_read_and_of_migrations_no_names_either(table: Table) -> None:
    def read(path: str) -> list[str]:
        return [
            word
            for _, word in found(list(texts_of(path, '"""Mends."""\nroom = "she told me"  # door\n')), table)
        ]

    assert sorted(read("services/x/told.py")) == ["Mends", "door", "room", "told", "told"]
    assert sorted(read("tests/unit/test_a_room.py")) == ["Mends", "door", "room", "room"]
    assert sorted(read("services/x/x/migrations/versions/0001_room.py")) == ["Mends", "door"]


DOCUMENT = dedent("""\
    # The door

    A queue is **set**
    aside, as `set_aside` and
    [a floor](house.md) say; `known`.

    | name | `told` |
    |---|---|
    | one | a room |

    ```python
    door = told
    ```
    """)


def test_a_document_is_read_with_its_lines_and_without_its_blocks_of_code(table: Table) -> None:
    assert sorted(found(list(markdown(DOCUMENT)), table)) == [
        (1, "door"),
        (3, "set aside"),
        (4, "set_aside"),
        (5, "floor"),
        (7, "told"),
        (9, "room"),
    ]


def test_a_documents_own_name_is_read(table: Table) -> None:
    assert found(list(texts_of("docs/adr/0007-set-aside.md", "")), table) == [(1, "0007-set-aside")]


def test_a_sentence_of_a_document_has_thirty_words_at_most(table: Table) -> None:
    long = " ".join(["word"] * 28)
    assert found(list(markdown(f"One.\n\nTwo {long} `a b c`. {long}\nthree, four: 5 | six.\n")), table) == [
        (3, "word word word word word …")
    ]
    assert found(list(markdown(f"| {long} | {long} |\n|---|---|\n| {long} | {long} |\n")), table) == []
    assert found([Text(1, "prose", f"{long} {long}")], table) == []


def test_sentences_end_where_a_reader_ends_them() -> None:
    text = 'One, e.g. two … three: four; v1.2. case-mgmt (really?) ends!\nWhat "ends." Then… More'
    assert [(line, count) for line, count, _ in sentences(text)] == [
        (0, 6),
        (0, 2),
        (0, 1),
        (1, 2),
        (1, 1),
        (1, 1),
    ]


def test_comments_of_yaml_and_the_help_of_a_makefile_are_read(table: Table) -> None:
    source = 'text: a door, "a#door"\n# a room\nname: x # told\nstop: x ## Mend it\n\t@echo "in force"\n\t@cat door\n'
    assert found(list(hashes(source)), table) == [(2, "room"), (3, "told"), (4, "Mend"), (5, "in force")]


def test_the_numbers_only_fall_in_all_and_files_may_be_split_and_renamed() -> None:
    head = 'sentence = 30\ngenerated = []\n\n[words]\n"x" = { write = "y" }\n'
    first = updated(head, {"a.py": 3, "b.py": 1})
    assert first == head + '\n[not_yet]\n"a.py" = 3\n"b.py" = 1\n'
    split = updated(first, {"b.py": 1, "c.py": 2, "d.py": 1})
    assert table_of(split).not_yet == {"b.py": 1, "c.py": 2, "d.py": 1}
    assert table_of(updated(split, {})).not_yet == {}
    with pytest.raises(ValueError, match="5 findings, and 4 are listed"):
        updated(split, {"b.py": 5})


def test_a_finding_says_where_what_and_what_instead() -> None:
    shown = Finding("docs/a.md", 3, "door", "entry point", "doors?")
    assert str(shown) == 'docs/a.md:3: "door" -> entry point'
    assert list(summary([shown, shown._replace(path="docs/b.md")])) == [
        "\nby word",
        "     2 doors?",
        "\nby folder",
        "     1 docs/a.md",
        "     1 docs/b.md",
        "\n2 in all",
    ]


def test_the_files_that_people_read_are_found_and_what_is_installed_is_not() -> None:
    read = files()
    assert {
        "README.md", "docs/architecture.md", "Makefile", "deploy/example/council.yaml", "tests/ledgers/test_words.py",
        "services/routing/routing/__main__.py", "shared/antiphon/contracts/work.py",
    } <= set(read)  # fmt: skip
    assert not [
        path for path in read if "node_modules" in path or "/released/" in path or path.startswith(".")
    ]
