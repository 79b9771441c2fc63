"""COPY's shape beyond the fixtures: the tokens of the client's own that the probe is made of."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Analysis, Effect
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.copying import quoted, relation_tokens
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SEARCH_PATH, deep


def one(sql: str, catalog: Catalog) -> Analysis:
    return deep(lambda: read(sql, catalog, SEARCH_PATH))[0].analysis


@pytest.mark.parametrize(
    ("sql", "tokens"),
    [
        ("COPY customers TO STDOUT", "customers"),
        ("COPY /* c */ public . customers(ssn) TO STDOUT", "public . customers"),
        ('COPY U&"c\\0075stomers" TO STDOUT', 'U&"c\\0075stomers"'),
        ("COPY BINARY customers TO STDOUT", "customers"),
        ('COPY "binary" TO STDOUT', '"binary"'),
        ("COPY leak.public.customers TO STDOUT", "leak.public.customers"),
    ],
)
def test_the_relation_as_the_client_wrote_it(sql: str, tokens: str) -> None:
    assert relation_tokens(sql.encode()) == tokens


def test_quoted() -> None:
    assert quoted('a"b') == '"a""b"'


@pytest.mark.parametrize("option", ["ENCODING 'SJIS'", "FORMAT xml", "DELIMITER 'ab'"])
def test_what_cannot_be_carried_is_an_export(option: str, catalog: Catalog) -> None:
    analysis = one(f"COPY customers TO STDOUT ({option})", catalog)
    assert analysis.copy is not None
    assert analysis.copy.unsupported
    assert Effect.EXPORT in analysis.effects
    assert analysis.opaque
    assert Effect.UNKNOWN in one("COPY customers FROM STDIN (ENCODING 'SJIS')", catalog).effects


@pytest.mark.parametrize("option", ["FORMAT csv", "DELIMITER ','", "NULL 'x'", "HEADER", "FORMAT binary"])
def test_every_other_layout_is_a_read_or_a_write_like_any(option: str, catalog: Catalog) -> None:
    for source in ("customers", "(SELECT * FROM customers)"):
        analysis = one(f"COPY {source} TO STDOUT ({option})", catalog)
        assert analysis.effects == {Effect.READ}
        assert not analysis.opaque
    assert one(f"COPY customers FROM STDIN ({option})", catalog).effects == {Effect.WRITE}


@pytest.mark.parametrize("place", ["TO '/x'", "TO PROGRAM 'x'", "FROM '/x'", "FROM PROGRAM 'x'"])
def test_files_and_programs(place: str, catalog: Catalog) -> None:
    analysis = one(f"COPY scratch {place}", catalog)
    assert analysis.copy is None
    assert {Effect.EXPORT, Effect.ADMIN} <= analysis.effects


def test_a_column_that_is_not_there_is_opaque(catalog: Catalog) -> None:
    assert [type(origin).__name__ for origin in one("COPY customers (id, nope) TO STDOUT", catalog).outputs or ()] == [
        "Columns",
        "Opaque",
    ]
