"""Every kind over many rows of made-up values of every type: as `test_masks_types`, where the edges are.

CI takes a few; `make masks` takes as many as one likes. The values are the same in every run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.e2e import masks
from tests.e2e.masks import KINDS
from tests.e2e.test_masks_types import assert_values
from tests.harness.proxy import Proxy

COUNT: Final = int(os.environ.get("MASK_ROWS", "30"))
FIRST: Final = 1000

FUNCTIONS: Final = r"""
CREATE FUNCTION kinds.n(i int, salt text) RETURNS int8 LANGUAGE sql IMMUTABLE
    AS $$ SELECT ('x' || substr(md5(i::text || salt), 1, 15))::bit(60)::int8 $$;
CREATE FUNCTION kinds.s(i int, salt text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(string_agg(substr(
        E'aZ09 @.-+_éß日😀"\\{}(),;''\n\t:/NUL', 1 + (kinds.n(i, salt || k) % 32)::int, 1), ''), '')
    FROM generate_series(1, (kinds.n(i, salt) % 25)::int) AS k $$;
"""

MADE: Final = {
    "c_text": "kinds.s(i, 'text')",
    "c_varchar": "kinds.s(i, 'varchar')",
    "c_short": "left(kinds.s(i, 'short'), 10)",
    "c_char": "kinds.s(i, 'char')",
    "c_name": "kinds.s(i, 'name')::name",
    "c_citext": "kinds.s(i, 'citext')::public.citext",
    "c_bytea": "decode(md5(i::text), 'hex')",
    "c_bool": "i % 2 = 0",
    "c_int2": "(kinds.n(i, 'int2') % 65536 - 32768)::int2",
    "c_int4": "(kinds.n(i, 'int4') % 4294967296 - 2147483648)::int4",
    "c_int8": "kinds.n(i, 'int8') * (1 - 2 * (i % 2))",
    "c_float4": "((kinds.n(i, 'float4') - 5e17) / 10 ^ (i % 30))::float4",
    "c_float8": "((kinds.n(i, 'float8') - 5e17) * 10::float8 ^ (i % 200 - 100))",
    "c_numeric": "(kinds.n(i, 'numeric')::numeric - 5e17) * 10::numeric ^ (i % 60 - 30)",
    "c_scaled": "kinds.n(i, 'scaled') % 1000000000000 / 100.0 - 5e9",
    "c_money": "((kinds.n(i, 'money') % 1000000000000 - 500000000000) / 100.0)::numeric::money",
    "c_date": "date '2000-01-01' + (kinds.n(i, 'date') % 1400000 - 730000)::int",
    "c_time": "time '00:00' + (kinds.n(i, 'time') % 86400000000) * interval '1 microsecond'",
    "c_timetz": "((time '00:00' + (kinds.n(i, 'timetz') % 86400) * interval '1 s')::text || '-0' || i % 8)::timetz",
    "c_timestamp": "timestamp '2000-01-01' + (kinds.n(i, 'ts') % 200000000000000000) * interval '1 microsecond'",
    "c_timestamptz": "timestamptz '2000-01-01' - (kinds.n(i, 'tstz') % 60000000000000000) * interval '1 microsecond'",
    "c_interval": "(kinds.n(i, 'interval') % 1000000000) * interval '1 s' + (i % 50) * interval '-1 month'",
    "c_uuid": "md5(i::text)::uuid",
    "c_inet": "set_masklen('0.0.0.0'::inet + kinds.n(i, 'inet') % 4294967296, i % 33)",
    "c_cidr": "network(set_masklen('2001:db8::'::inet + kinds.n(i, 'cidr'), 64 + i % 65))::cidr",
    "c_json": "json_build_object(kinds.s(i, 'k'), kinds.s(i, 'v'), 'secret', to_json(kinds.s(i, 'j')))",
    "c_jsonb": "jsonb_build_object('secret', ARRAY[kinds.s(i, 'b')], 'x', kinds.n(i, 'x'), 'y', kinds.s(i, 'y'))",
    "c_enum": "(enum_range(NULL::kinds.mood))[1 + i % 3]",
    "d_text": "kinds.s(i, 'note')",
    "d_int": "(kinds.n(i, 'score') % 1000000)::int4",
    "d_varchar": "kinds.s(i, 'code')",
    "a_text": "ARRAY[kinds.s(i, 'a'), NULL, kinds.s(i, 'b'), kinds.s(i, 'c')]",
    "a_int": "ARRAY[ARRAY[i, NULL], ARRAY[-i, 0]]",
    "a_domain": "ARRAY[kinds.s(i, 'a'), kinds.s(i, 'd')]::kinds.note[]",
    "a_enum": "ARRAY[(enum_range(NULL::kinds.mood))[1 + i % 3], NULL]",
    "r_pair": "ROW(kinds.s(i, 'r'), i, date '2000-01-01' + i)::kinds.pair",
    "a_pair": "ARRAY[ROW(kinds.s(i, 'p'), NULL, NULL)::kinds.pair, NULL, ROW(NULL, i, NULL)::kinds.pair]",
}


@pytest.fixture(scope="module")
def many(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with masks.standing(pg18, tmp_path_factory.mktemp("masks")) as running:
        with psycopg.connect(running.database.admin) as connection:
            connection.execute(FUNCTIONS.encode())
            for kind in KINDS:
                statement = (
                    f"INSERT INTO kinds.{kind} (id, {', '.join(MADE)}) SELECT i, {', '.join(MADE.values())}"
                    f" FROM generate_series({FIRST}, {FIRST + COUNT - 1}) AS i"
                )
                connection.execute(statement.encode())
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_each_value_is_null_where_it_must_be_and_else_one_of_its_type(many: Proxy, kind: str) -> None:
    assert_values(many, kind, masks.ROWS + COUNT)
