"""Every kind of mask over a column of every type: tables, rows, a policy, and what of it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.demo.shop import ROLE
from pgmaskproxy.keyring.document import Entry, with_line
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

SCRIPT: Final = """
CREATE EXTENSION citext SCHEMA public;
CREATE SCHEMA kinds;
SET search_path = kinds, public;
CREATE TYPE mood AS ENUM ('calm', 'zq7kw9plmx2v', 'it''s "odd", \\ {}');
CREATE DOMAIN note AS text;
CREATE DOMAIN score AS int4;
CREATE DOMAIN code AS varchar(60);
CREATE TYPE pair AS (a text, b int4, c date);
"""

T: Final = "@T@"
"""Stands for the secret that a kind's table has in its texts."""

# Type, then the canary, then edges.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "c_text": ("text", f"'{T}'", "''", "E'it''s \"odd\", {{}} ()\\\\ \\t\\n\\r'", "'é😀 e\u0301'"),
    "c_varchar": ("varchar(60)", f"'{T}'", "'NULL'", r"'\N'", "' blank '"),
    "c_short": ("varchar(10)", f"left('{T}', 10)", "''", "'1234567890'", "'éèêëēėęẽĕě'"),
    "c_char": ("char(40)", f"'{T}'", "''", "'ab'", "'éè'"),
    "c_name": ("name", f"'{T}'", "''", "repeat('é', 31)", "'a'"),
    "c_citext": ("citext", f"'{T}'", "''", "'A'", "'ß'"),
    "c_bytea": ("bytea", f"convert_to('{T}', 'UTF8')", "''", r"'\x00ff5c27'", r"'\x7b7d'"),
    "c_bool": ("bool", "true", "false", "true", "false"),
    "c_int2": ("int2", "27183", "-32768", "32767", "0"),
    "c_int4": ("int4", "481516234", "-2147483648", "2147483647", "0"),
    "c_int8": ("int8", "7718293745108", "-9223372036854775808", "9223372036854775807", "-1"),
    "c_float4": ("float4", "481516.2", "'NaN'", "-1.5e30", "'-0'"),
    "c_float8": ("float8", "4815162.342", "'-Infinity'", "1.5e300", "-1e-300"),
    "c_numeric": ("numeric", "36925814707.08", "'NaN'", "-0.000001", "1e300"),
    "c_scaled": ("numeric(12,2)", "48151623.42", "-0.01", "9999999999.99", "0"),
    "c_money": ("money", "'48151623.42'", "'-0.01'", "0", "'-12345678.90'"),
    "c_date": ("date", "'1987-06-13'", "'infinity'", "'0001-01-01'", "'4714-11-24 BC'"),
    "c_time": ("time", "'13:47:29.123457'", "'00:00'", "'23:59:59.999999'", "'24:00:00'"),
    "c_timetz": ("timetz", "'13:47:29.123457+02'", "'00:00+00'", "'23:59:59.999999+05:30'", "'24:00:00-15:59:59'"),
    "c_timestamp": (
        *("timestamp", "'1987-06-13 13:47:29.123457'", "'-infinity'", "'9999-12-31 23:59:59.999999'"),
        "'4714-11-24 00:00:00 BC'",
    ),
    "c_timestamptz": (
        *("timestamptz", "'1987-06-13 13:47:29.123457+02'", "'infinity'", "'2024-01-01 00:30:00+05:30'"),
        "'294276-12-31 23:59:59.999999+00'",
    ),
    "c_interval": ("interval", "'3 years 7 mons 17 days 13:47:29.123457'", "'-1 day'", "'0'", "'1 mon -1 sec'"),
    "c_uuid": ("uuid", "'7a717137-6b77-3970-6c6d-783276523474'", "'00000000-0000-0000-0000-000000000001'",
               "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'00000000-0000-0000-0000-000000000002'"),
    "c_inet": ("inet", "'198.51.100.237'", "'2001:db8:1:2:3:4:5:6/64'", "'10.1.2.3/8'", "'::ffff:198.51.100.237'"),
    "c_cidr": ("cidr", "'198.51.100.236/30'", "'2001:db8:1:2:3:4:5:6/128'", "'10.0.0.0/8'", "'0.0.0.0/0'"),
    "c_json": ("json", f"""'{{"secret" : "{T}", "open": 1.50}}'""", "'null'", """'[1, {"secret": null}]'""", "'\"x\"'"),
    "c_jsonb": ("jsonb", f"""'{{"secret": "{T}", "open": 1.50}}'""", "'null'", "'[]'", """'{"secret": [{}, "\\""]}'"""),
    "c_xml": ("xml", f"'<a b=\"{T}\">{T}</a>'", "''", "'x &amp; y'",
              """'<?xml version="1.0" encoding="UTF-8"?><a/>'"""),
    "c_enum": ("mood", "'zq7kw9plmx2v'", "'calm'", "'it''s \"odd\", \\ {}'", "'calm'"),
    "d_text": ("note", f"'{T}'", "''", "'NULL'", "'x'"),
    "d_int": ("score", "481516234", "0", "-5", "7"),
    "d_varchar": ("code", f"'{T}'", "''", "'a'", "'abcdef'"),
    "a_text": ("text[]", f"ARRAY['{T}', NULL, '{T}']", "'{}'", r"""'{{"NULL","a\"b\\"},{"{}",""}}'""",
               "'[0:1]={a,NULL}'"),
    "a_int": ("int4[]", "'{481516234,NULL}'", "'{}'", "'{{-1,-2},{0,1}}'", "'[-3:-3]={9}'"),
    "a_domain": ("note[]", f"ARRAY['{T}', NULL]::note[]", "'{}'", "'{a}'", "'{{a,b}}'"),
    "a_enum": ("mood[]", "'{zq7kw9plmx2v,NULL}'", "'{}'", "'{calm}'", "ARRAY['it''s \"odd\", \\ {}']::mood[]"),
    "r_pair": ("pair", f"ROW('{T}', 481516234, '1987-06-13')", "ROW(NULL, NULL, NULL)",
               r"""ROW('a "b", (\)', -1, NULL)""", "ROW('', 0, '2000-01-01')"),
    "a_pair": ("pair[]", f"ARRAY[ROW('{T}', 481516234, '1987-06-13')::pair, NULL]", "'{}'",
               r"""ARRAY[ROW('a "b", {(\)}', -1, NULL)::pair]""", "ARRAY[ROW(NULL, NULL, NULL)::pair]"),
    "x_point": ("point", "'(48151.623,2718281.8)'", "'(0,0)'", "'(1,2)'", "'(-1,-2)'"),
    "x_range": ("int4range", "'[481516234,481516299)'", "'empty'", "'(,)'", "'[1,2)'"),
    "x_tsvector": ("tsvector", "'zq7kw9plmx2v:3'", "''", "'a b'", "'x'"),
    "x_bits": ("varbit", "B'0111101001110001001101110110101101110111'", "B''", "B'1'", "B'0'"),
}  # fmt: skip
"""By name: the type, the canary, and values at the edges of the type; the last is beyond what Python has, of dates."""

BEYOND: Final = 4
"""Its row."""

KINDS: Final[Mapping[str, str]] = {
    "null": '{kind: "null"}',
    "redact": "{kind: redact}",
    "zero": "{kind: zero}",
    "hash": "{kind: hash}",
    "uuid": "{kind: uuid}",
    "token": "{kind: token}",
    "generalize": "{kind: generalize, dates: year, bucket: 100, first: 2}",
    "ip": "{kind: ip}",
    "card": "{kind: card}",
    "phone": "{kind: phone}",
    "email": "{kind: email}",
    "partial": "{kind: partial, first: 2, last: 2}",
    "json": '{kind: json, paths: {"$.secret": {kind: redact}}}',
    "scrub": "{kind: scrub}",
}
OTHERS: Final[Mapping[str, str]] = {
    "hash_label": "{kind: hash}",
    "hash_key": "{kind: hash, key: other}",
    "uuid_label": "{kind: uuid}",
    "uuid_key": "{kind: uuid, key: other}",
    "token_label": "{kind: token}",
    "token_key": "{kind: token, key: other}",
}
"""The same kinds again, under another label, and with another key besides."""

DETERMINISTIC: Final = tuple(kind for kind in KINDS if kind not in {"null", "redact", "zero"})

SECRET: Final = "zQ7kW9pLmX2vR4t"
TEXTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "card": ("4532015112830366", ("453201511283",)),
    "phone": ("+49 301 5550 4471", ("301 5550 44", "301555044")),
    "email": ("zQ7kW9pLmX2vR4t@example.com", ("Q7kW9pLmX2vR4t",)),
    "ip": ("198.51.100.237", ("51.100.237",)),
    "scrub": ("ask zQ7kW9pLmX2v@example.com", ("zQ7kW9pLmX2v",)),
}
"""By kind where it knows what it is shown: the secret in its texts, and what of it is hidden."""

_TEXT: Final = {"c_text", "c_varchar", "c_short", "c_char", "c_name", "c_citext", "d_text", "d_varchar"}
_TEXT_WITHIN: Final = {"a_text", "a_domain", "r_pair", "a_pair"}
_JSON: Final = {"c_json", "c_jsonb"}
_NUMBERS: Final = {"c_int2", "c_int4", "c_int8", "c_float4", "c_float8", "c_numeric", "c_scaled", "c_money", "d_int"}
_TIMES: Final = {"c_date", "c_time", "c_timetz", "c_timestamp", "c_timestamptz"}
_ALL: Final = set(COLUMNS)
_REST: Final = {"x_point", "x_range", "x_tsvector", "x_bits"}

SHOWN: Final[Mapping[str, set[str]]] = {
    "null": set(),
    "redact": _TEXT | _TEXT_WITHIN | _JSON | {"c_bytea", "c_xml"},
    "zero": _ALL - _REST,
    "hash": (_TEXT - {"c_short"})
    | _TEXT_WITHIN
    | _JSON
    | {"c_bytea", "c_int4", "c_int8", "c_uuid", "c_xml", "d_int", "a_int"},
    "uuid": (_TEXT - {"c_short"}) | _TEXT_WITHIN | _JSON | {"c_bytea", "c_uuid"},
    "token": (_TEXT - {"c_short", "c_char"}) | _TEXT_WITHIN | {"c_bytea"},
    "generalize": _TEXT | _TEXT_WITHIN | _NUMBERS | _TIMES | {"a_int"},
    "ip": _TEXT | _TEXT_WITHIN | {"c_inet", "c_cidr"},
    "card": _TEXT | _TEXT_WITHIN,
    "phone": _TEXT | _TEXT_WITHIN,
    "email": _TEXT | _TEXT_WITHIN,
    "partial": _TEXT | _TEXT_WITHIN,
    "json": _JSON,
    "scrub": _TEXT | _TEXT_WITHIN | _JSON,
}
"""Which columns a kind shows something of; the others are NULL. Written down by hand: nothing else says it twice."""

NOT_FINITE: Final = frozenset({b"NaN", b"Infinity", b"-Infinity", b"infinity", b"-infinity"})
"""What is in no bucket, in no year."""

SHORTEST: Final = 15
"""Bytes of a value that has the shortest of tokens."""

ROWS: Final = 5
"""The canary, three of edges, and one of NULLs."""

_RULES: Final = """
rules:
  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}
  - {id: writes, effects: [WRITE], relations: ["kinds.*"], decide: allow}
"""


def policy() -> str:
    """A label for each table."""
    labels = [f'  k.{kind}: {{columns: ["kinds.{kind}.*_*"], mask: {mask}}}' for kind, mask in _tables().items()]
    head = "apiVersion: pgmaskproxy/v1\nkind: Policy\nname: kinds\nlabels:\n"
    return head + "\n".join(labels) + "\n" + _RULES


def _tables() -> Mapping[str, str]:
    return {**KINDS, **OTHERS}


def is_null(kind: str, column: str, raw: bytes | None) -> bool:
    """Whether a value that the server writes like this is shown as NULL."""
    if raw is None or column not in SHOWN[kind]:
        return True
    if kind == "token" and column in {"c_varchar", "c_name", "d_varchar"} and len(raw) > SHORTEST:
        return True  # its token is longer than the column
    return kind == "generalize" and raw in NOT_FINITE


def secret_of(kind: str) -> str:
    """What its table has for T."""
    return TEXTS.get(kind, (SECRET, ()))[0]


def hidden_of(kind: str) -> tuple[str, ...]:
    """What of it must be in no byte that a client gets."""
    return TEXTS.get(kind, ("", (SECRET[2:-2],)))[1]


def load(conninfo: str) -> None:
    """Make the tables."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(SCRIPT.encode())
        known = {name: made for name, made in COLUMNS.items() if name != "c_xml" or _has_xml(connection)}
        for table in _tables():
            columns = ", ".join(f"{name} {made[0]}" for name, made in known.items())
            connection.execute(f"CREATE TABLE kinds.{table} (id int PRIMARY KEY, {columns})".encode())
            for number in range(1, ROWS):
                values = ", ".join(made[number] for made in known.values())
                values = values.replace(T, secret_of(table))
                connection.execute(f"INSERT INTO kinds.{table} VALUES ({number}, {values})".encode())
            connection.execute(f"INSERT INTO kinds.{table} (id) VALUES ({ROWS})".encode())
        role = sql.Identifier(ROLE)
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA kinds TO {}").format(role))
        connection.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA kinds TO {}").format(role))


def _has_xml(connection: psycopg.Connection) -> bool:
    """The wheel's server is built without."""
    try:
        with connection.transaction():
            connection.execute("SELECT '<a/>'::xml")
    except psycopg.errors.FeatureNotSupported:
        return False
    return True


@contextmanager
def standing(server: EmbeddedServer, directory: Path) -> Iterator[Proxy]:
    """A proxy with all of this, and keys that are the same in every run: what is made with them is, too."""
    text = with_line("", Entry("masking", 1, "2026-01-01T00:00:00Z", bytes(range(32))))
    keys = directory / "fixed.keys"
    keys.touch(mode=0o600)
    keys.write_text(with_line(text, Entry("other", 1, "2026-01-01T00:00:00Z", bytes(range(1, 33)))), encoding="ascii")
    with servers.fresh_shop(server) as database:
        load(database.admin)
        place = directory / "proxy"
        place.mkdir()
        overrides: dict[str, str | int | bool] = {"keys.masking.file": str(keys)}
        with proxies.in_process(database, place, policy=policy(), overrides=overrides) as running:
            yield running
