from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.wire.saslprep import saslprep
from pgmaskproxy.wire.scram import ScramVerifier, make_verifier

VECTORS = [
    ("secret", "secret"),
    ("\x07ascii\x7f", "\x07ascii\x7f"),  # pure ASCII is never looked at
    ("I\u00adX", "IX"),  # RFC 4013, section 3
    ("\u00aa", "a"),
    ("\u2168", "IX"),
    ("e\u0301", "\u00e9"),
    ("\u00a0x", " x"),
    ("x\u200by", "x y"),  # both a space and mapped to nothing: PostgreSQL says space
    ("\ufeffpw", "pw"),
    ("\u3000", " "),
    ("\u0627", "\u0627"),
    ("\u06271\u0628", "\u06271\u0628"),
    # What cannot be prepared is used as it is.
    ("\u0007\u00e9", "\u0007\u00e9"),
    ("\u06271", "\u06271"),
    ("\u0627a\u0628", "\u0627a\u0628"),
    ("a\u0627", "a\u0627"),
    ("\u00ad", "\u00ad"),  # nothing would be left
    ("\u0221x", "\u0221x"),  # not assigned in Unicode 3.2
    ("\U0001f600pass", "\U0001f600pass"),
    ("p\u180e", "p\u180e"),
    ("\ue000", "\ue000"),
    ("\u2028", "\u2028"),
    ("\u0627\uff21", "\u0627\uff21"),
    ("\u0221\uff21", "\u0221\uff21"),
    ("\u0340x", "\u0340x"),  # prohibited before normalization, which would have made it another
]


@pytest.mark.parametrize(("password", "prepared"), VECTORS)
def test_vectors(password: str, prepared: str) -> None:
    assert saslprep(password) == prepared.encode()
    assert saslprep(password.encode()) == prepared.encode()


def test_what_is_not_utf_8_is_used_as_it_is() -> None:
    assert saslprep(b"\xff\xe4") == b"\xff\xe4"
    assert saslprep("\udcff") == b"\xed\xb3\xbf"


@given(st.text())
def test_any_text_is_prepared(password: str) -> None:
    assert isinstance(saslprep(password), bytes)


def test_postgresql_prepares_the_same(pg18: EmbeddedServer) -> None:
    with psycopg.connect(pg18.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE ROLE saslprep")
        try:
            for password, _ in VECTORS:
                connection.execute(sql.SQL("ALTER ROLE saslprep PASSWORD {}").format(sql.Literal(password)))
                row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'saslprep'").fetchone()
                assert row is not None
                theirs = ScramVerifier.parse(row[0])
                assert str(make_verifier(password, theirs.salt, theirs.iterations)) == row[0] == str(theirs)
        finally:
            connection.execute("DROP ROLE saslprep")


def test_the_hash_is_of_the_prepared_password() -> None:
    assert str(make_verifier("\u2168", b"salt", 1)) == str(make_verifier("IX", b"salt", 1))
