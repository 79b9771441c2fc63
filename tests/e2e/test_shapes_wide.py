"""Large or empty: 1,600 columns, rows of many megabytes, NULL and zero bytes, masked and otherwise as directly."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.e2e.drivers import by_psycopg, direct
from tests.e2e.shapes import masked, redacted
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

COLUMNS = 1600
"""As many as a table can have (MaxHeapAttributeNumber)."""
OUTPUTS = 1664
"""As many as a statement can have (MaxTupleAttributeNumber)."""
LABELLED = 800
LARGE = 20 << 20


@pytest.fixture(scope="module")
def wide(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """With a table of 1,600 columns, of which one in the middle is labelled, and one of large values.

    Nobody looks through what it sends for every secret, which is much: the tests themselves compare every cell.
    """
    directory = tmp_path_factory.mktemp("wide")
    with servers.fresh_shop(server) as database, proxies.in_process(database, directory) as proxy:
        _fill(database)
        yield proxy


def _fill(database: servers.Database) -> None:
    names = [f"c{n}" for n in range(1, COLUMNS + 1)]
    names[LABELLED] = "ssn"
    with psycopg.connect(database.admin, autocommit=True) as admin:
        columns = ", ".join(f"{name} {'text' if name == 'ssn' else 'smallint'}" for name in names)
        values = ", ".join("'9'" if name == "ssn" else "NULL" if at % 3 else str(at) for at, name in enumerate(names))
        admin.execute(f"CREATE TABLE shop.wide ({columns})".encode())
        admin.execute(f"INSERT INTO shop.wide VALUES ({values}), ({values})".encode())
        admin.execute("CREATE TABLE shop.large (id int, body text, ssn text, raw bytea)")
        admin.execute(
            "INSERT INTO shop.large VALUES (1, repeat('x', %s), 'secret one', NULL), (2, NULL, repeat('s', %s), ''),"
            " (3, '', '', '\\x00ff00'::bytea), (4, NULL, NULL, NULL)",
            [LARGE, LARGE],
        )
        admin.execute(f"GRANT SELECT ON shop.wide, shop.large TO {database.role}".encode())


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "extended"])
def test_as_many_columns_as_there_can_be(wide: Proxy, binary: bool, prepare: bool) -> None:
    outputs = ", ".join(["c1"] * (OUTPUTS - 1) + ["ssn"])
    statements = ["SELECT * FROM wide", f"SELECT {outputs} FROM wide"]
    if binary and not prepare:
        statements = statements[:1]
    truth = by_psycopg(direct(wide), statements, binary=binary, prepare=prepare)
    seen = by_psycopg(wide.conninfo(), statements, binary=binary, prepare=prepare)
    for expected, found, at in zip(truth, seen, (LABELLED, OUTPUTS - 1), strict=False):
        assert found == masked(expected, {at: redacted})
        assert len(found.rows[0]) in (COLUMNS, OUTPUTS)
        assert found.rows[0][at] == b"***"


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_rows_of_many_megabytes_null_and_nothing(wide: Proxy, binary: bool) -> None:
    statements = [
        "SELECT id, ssn, body FROM large ORDER BY id",
        "SELECT * FROM large ORDER BY id",
        "SELECT body, raw FROM large ORDER BY id",
        "SELECT raw, NULL, '', E'\\\\x00'::bytea, id FROM large ORDER BY id",
    ]
    plans = [{1: redacted}, {2: redacted}, {}, {}]
    truth = by_psycopg(direct(wide), statements, binary=binary)
    seen = by_psycopg(wide.conninfo(), statements, binary=binary)
    for expected, found, plan in zip(truth, seen, plans, strict=True):
        assert found == masked(expected, plan)


def test_a_zero_byte_in_text_is_the_servers_error(wide: Proxy) -> None:
    """In a parameter, in text and in binary; the session goes on."""
    for conninfo in (direct(wide), wide.conninfo()):
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for oid, value in ((25, b"a\0b"), (17, b"a\0b")):
                found = connection.pgconn.exec_params(b"SELECT $1", [value], [oid], [1], 1)
                state = (found.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode()
                assert (state, found.get_value(0, 0)) == (("22021", None) if oid == 25 else ("", value))
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_tens_of_thousands_of_parameters(wide: Proxy) -> None:
    """More than an Int16 with a sign can say; 65,535 are the most, but a statement's length is bounded before that."""
    for count, state in ((33000, ""), (65535, "54000")):
        values = [b"7"] * count
        text = f"SELECT ssn, ARRAY[{','.join(f'${n}' for n in range(1, count + 1))}]::int[] FROM customers WHERE id = 1"
        with wide.connect() as connection:
            found = connection.pgconn.exec_params(text.encode(), values)
            assert (found.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode() == state
            if not state:
                assert found.get_value(0, 0) == b"***"
                assert found.get_value(0, 1) == b"{" + b",".join(values) + b"}"
            assert connection.execute("SELECT 1").fetchone() == (1,)
