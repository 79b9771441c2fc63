"""What a domain's constraint calls, as real servers store it."""

from __future__ import annotations

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.sql.attest.constraint import called_by
from pgmaskproxy.sql.attest.refusal import Unattestable


def test_a_constraint(server: EmbeddedServer) -> None:
    with psycopg.connect(server.conninfo()) as connection:
        connection.execute(
            "CREATE DOMAIN shopped AS text CHECK (VALUE ~ '^x' AND length(VALUE) < 9"
            " AND (query_to_xml(VALUE, true, true, '') IS NOT NULL OR VALUE = ANY (ARRAY['a'::varchar])))"
        )
        row = connection.execute(
            "SELECT conbin::text FROM pg_constraint WHERE contypid = 'shopped'::regtype"
        ).fetchone()
        connection.rollback()
        assert row is not None
        called = called_by(row[0], connection.info.server_version // 10_000)
    assert {1254, 1317, 66, 2924, 67} <= called.functions
    assert {641, 97, 98} <= called.operators


@pytest.mark.parametrize("text", ["{NEWEXPR :a 1}", "{VAR :varno 1}", "{QUERY}", "x", ""])
def test_what_is_not_understood(text: str) -> None:
    with pytest.raises(Unattestable):
        called_by(text, 18)
