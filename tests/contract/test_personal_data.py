"""Each column that may hold a customer's words is declared beside its table, with the path to the customer."""

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB

from antiphon.postgres.personal_data import (
    SEARCH,
    End,
    PathError,
    Place,
    declaration_of,
    end_of,
    gone,
    personal,
    places_of,
    undeclared,
    ways,
)
from antiphon.service_names import PROCESSES
from deploy import personal_data

TABLES = [
    pytest.param(table, id=f"{service}.{table.name}")
    for service in PROCESSES
    for table in personal_data.metadata_of(service).sorted_tables
]


@pytest.mark.parametrize("table", TABLES)
def test_each_column_that_may_hold_words_is_declared_and_each_declared_one_exists(table: Table) -> None:
    assert (undeclared(table), gone(table)) == ([], [])


@pytest.mark.parametrize("table", TABLES)
def test_each_declared_path_leads_through_existing_tables_to_the_customer(table: Table) -> None:
    for declared in {*declaration_of(table).personal.values()} - {SEARCH}:
        assert all(places_of(path, table) for path in ways(declared))


def test_the_document_of_personal_data_shows_the_declarations() -> None:
    assert personal_data.DOCUMENT.read_text() == personal_data.document(), "make personal-data"


@pytest.mark.parametrize("kind", [Text, JSONB, LargeBinary, ARRAY(Integer), ARRAY(Uuid), INET, Numeric])
def test_an_undeclared_column_that_may_hold_words_is_found(kind: object) -> None:
    columns = [Column("id", Uuid), Column("said", Text), Column("new", kind)]  # pyright: ignore[reportArgumentType]
    table = Table("t", MetaData(), *columns, info=personal(by={"interaction_id": ["said"]}))
    assert undeclared(table) == ["new"]


def test_in_a_table_without_a_declaration_all_such_columns_are_undeclared() -> None:
    assert undeclared(Table("t", MetaData(), Column("said", Text), Column("n", Integer))) == ["said"]


def test_a_declared_column_that_does_not_exist_is_found() -> None:
    table = Table("t", MetaData(), Column("n", Integer), info=personal(none=["n", "former"]))
    assert gone(table) == ["former", "n"]


def test_a_column_cannot_be_declared_twice() -> None:
    with pytest.raises(ValueError, match="subject"):
        personal(by={"customer_id": ["subject"]}, none=["subject"])


def tables() -> MetaData:
    of = MetaData()
    Table("sending", of, Column("reply_id", Uuid), Column("request", JSONB), Column("customer_id", Uuid))
    Table("attempt", of, Column("reply_id", Uuid), Column("response", Text))
    return of


def test_a_path_joins_two_tables_by_the_column_that_they_share() -> None:
    attempt = tables().tables["attempt"]
    assert places_of("reply_id -> sending.request.answers", attempt) == [
        Place("attempt", "reply_id"),
        Place("sending", "request", "answers"),
    ]
    assert end_of("reply_id -> sending.request.answers") is End.INTERACTION
    assert end_of("reply_id -> sending.customer_id") is End.CUSTOMER


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("case_id", "no column 'case_id'"),
        ("reply_id", "names no customer"),
        ("reply_id -> gone.customer_id", "no table 'gone'"),
        ("reply_id -> sending.gone", "no column 'gone'"),
        ("response -> sending.customer_id", "no column 'response'"),
        ("reply_id -> sending.request", "names no customer"),
        ("reply_id -> sending.request.answers -> attempt.response", "no column 'request'"),
    ],
)
def test_an_invalid_path_is_refused_with_the_reason(path: str, why: str) -> None:
    with pytest.raises(PathError, match=why):
        places_of(path, tables().tables["attempt"])
