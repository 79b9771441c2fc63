"""A relation's row as one value: what is labelled in it is masked, each field as its column is."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.composite import CompositeInfo, register_composite

from tests.e2e.drivers import by_asyncpg, direct
from tests.harness.proxy import Proxy

FIELDS = ("id", "name", "email", "ssn", "card", "birth_date", "notes", "profile", "city", "created_on")
WHOLE = (
    "SELECT c FROM customers c WHERE id < 4",
    "SELECT customers AS x FROM customers WHERE id < 4",
    "SELECT x FROM (SELECT c AS x FROM customers c WHERE id < 4) y",
    "SELECT t FROM customers AS t(ssn, id, name, a, b, c, d, e, f, g) WHERE ssn < 4",
)
NOT_ONE_RELATIONS = (
    "SELECT c FROM customers c WHERE id < 3 UNION ALL"
    " SELECT ROW(1, 'a', 'own@post.example', '123-45-6789', '4111', now()::date, '', '{}', '', now()::date)::customers",
    "SELECT ROW(c.*) FROM customers c WHERE id < 3",
    "SELECT v FROM customer_contacts v WHERE id < 3",
)


def masked(row: tuple[object, ...]) -> tuple[object, ...]:
    """As policies/default.yaml has it."""
    email, card = str(row[2]), str(row[4])
    hidden = {
        2: email[0] + "***@" + email.partition("@")[2],
        3: "***",
        4: "***" + card[-4:],
        5: None,
        6: "***",
        7: None,
    }
    return tuple(hidden.get(at, value) if value is not None else None for at, value in enumerate(row))


@pytest.mark.parametrize("statement", WHOLE)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg(shared_proxy: Proxy, statement: str, binary: bool) -> None:
    with psycopg.connect(direct(shared_proxy)) as connection:
        info = CompositeInfo.fetch(connection, "shop.customers") or CompositeInfo.fetch(connection, "customers")
        assert info is not None
        register_composite(info, connection)
        truth = connection.execute(statement.encode(), binary=binary).fetchall()
    with psycopg.connect(shared_proxy.conninfo()) as connection:
        register_composite(info, connection)
        seen = connection.execute(statement.encode(), binary=binary).fetchall()
    assert len(truth) == len(seen) > 2
    assert [tuple(row[0]) for row in seen] == [masked(tuple(row[0])) for row in truth]


@pytest.mark.parametrize("statement", WHOLE)
async def test_asyncpg(shared_proxy: Proxy, statement: str) -> None:
    (truth,) = await by_asyncpg(direct(shared_proxy), [statement], times=1)
    (seen,) = await by_asyncpg(shared_proxy.conninfo(), [statement])
    assert [tuple(row[0]) for row in seen.rows] == [masked(tuple(row[0])) for row in truth.rows]
    assert len(seen.rows) > 2


@pytest.mark.parametrize("statement", NOT_ONE_RELATIONS)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_what_may_be_another_row_is_null_or_refused(shared_proxy: Proxy, statement: str, binary: bool) -> None:
    with psycopg.connect(shared_proxy.conninfo()) as connection:
        try:
            rows = connection.execute(statement.encode(), binary=binary).fetchall()
        except psycopg.errors.InsufficientPrivilege:
            return
    assert rows
    assert {row[0] for row in rows} == {None}


def test_copy_of_a_row_is_masked_too(shared_proxy: Proxy) -> None:
    with psycopg.connect(direct(shared_proxy)) as connection:
        (truth,) = connection.execute("SELECT c.* FROM customers c WHERE id = 1").fetchall()
    statement = "COPY (SELECT c FROM customers c WHERE id = 1) TO STDOUT"
    with psycopg.connect(shared_proxy.conninfo()) as connection, connection.cursor().copy(statement) as copy:
        text = b"".join(copy).decode()
    expected = masked(truth)
    assert str(expected[2]) in text
    assert text.startswith('(1,"')
    assert all(str(truth[at]) not in text for at in (2, 3, 4, 5))
