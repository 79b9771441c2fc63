"""Where parameters stand: beside a column and nowhere else, on every server."""

from __future__ import annotations

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.attestation import Attestation
from pgmaskproxy.sql.attest.taint import attest
from tests.sql.attest.server import DATABASE, Trees

SETUP = """
CREATE SCHEMA inputs;
CREATE DOMAIN inputs.address AS text CHECK (length(value) > 2);
CREATE TABLE inputs.people
    (id int, email varchar(100), note text, code char(10), home inputs.address, tag name, raw bytea, tags text[]);
CREATE TABLE inputs.orders (id int, email text);
CREATE VIEW inputs.names AS SELECT id, email FROM inputs.people;
CREATE VIEW inputs.noted AS SELECT id, note FROM inputs.people;
CREATE RULE noting AS ON INSERT TO inputs.noted DO INSTEAD INSERT INTO inputs.orders VALUES (new.id, new.note);
CREATE RULE copying AS ON UPDATE TO inputs.orders DO ALSO INSERT INTO inputs.people (note) VALUES (new.email);
GRANT USAGE ON SCHEMA inputs TO reader;
GRANT ALL ON ALL TABLES IN SCHEMA inputs TO reader;
"""

# Statement, what its parameters stand beside (`number:column`, `*` for an array), which stand elsewhere too.
PLACES = [
    ("SELECT id FROM people WHERE email = $1", "=1:email", ""),
    ("SELECT id FROM people WHERE $1 = email AND note = $2", "=1:email =2:note", ""),
    ("SELECT id FROM people WHERE email = $1::text AND id > 0", "=1:email", ""),
    ("SELECT id FROM people WHERE code = $1 AND tag = $2 AND home = $3", "=1:code =2:tag =3:home", ""),
    ("SELECT id FROM people WHERE email = ANY ($1)", "=1*:email", ""),
    ("SELECT id FROM people WHERE email = ANY ($1::text[])", "=1*:email", ""),
    ("SELECT id FROM people WHERE email IN ($1, $2)", "=1:email =2:email", ""),
    ("SELECT id FROM people WHERE note IN ($1, $2) AND email = $3", "=1:note =2:note =3:email", ""),
    ("SELECT count(*) FROM (SELECT email AS e FROM people) s WHERE e = $1", "=1:email", ""),
    ("WITH s AS (SELECT id FROM people WHERE email = $1) SELECT count(*) FROM s", "=1:email", ""),
    ("SELECT id FROM names WHERE email = $1", "=1:email", ""),
    ("DELETE FROM people WHERE email = $1", "=1:email", ""),
    ("SELECT o.id FROM people p JOIN orders o ON o.id = p.id WHERE p.email = $1", "=1:email", ""),
    ("UPDATE people SET email = $1 WHERE id = $2", "<1:email =2:id", ""),
    ("UPDATE people SET email = $1::text, note = $2, code = $3", "<1:email <2:note <3:code", ""),
    ("UPDATE people SET home = $1::text, raw = $2, tag = $3", "<1:home <2:raw <3:tag", ""),
    ("UPDATE people SET (email, note) = ($1, $2)", "<1:email <2:note", ""),
    ("UPDATE names SET email = $1", "<1:email", ""),
    ("INSERT INTO people (id, email) VALUES (1, $1)", "<1:email", ""),
    ("INSERT INTO people (id, email) VALUES (1, $1) RETURNING email", "<1:email", ""),
    ("INSERT INTO people (id, email) VALUES ($1, $2), ($3, $4)", "<1:id <3:id <2:email <4:email", ""),
    ("INSERT INTO people (email, note) SELECT $1, $2", "<1:email <2:note", ""),
    ("INSERT INTO people (id, email) SELECT id, $1 FROM orders WHERE email = $2", "=2:orders.email <1:email", ""),
    ("INSERT INTO people (id, note) SELECT 1, $1::text FROM orders", "<1:note", ""),
    ("WITH w AS (UPDATE people SET email = $1 RETURNING id) SELECT id FROM w", "<1:email", ""),
    # The value comes out again, or is told by what comes out.
    ("SELECT $1::text, id FROM people WHERE email = $1", "=1:email", "1"),
    ("SELECT id FROM people WHERE email = $1 AND length($1) = 3", "=1:email", "1"),
    ("SELECT id FROM people WHERE email = $1 AND note = $1", "=1:email =1:note", ""),
    ("SELECT id FROM people WHERE email = $1 ORDER BY $1::text", "=1:email", "1"),
    ("SELECT $1::text FROM people WHERE email = $1 GROUP BY $1::text", "=1:email", "1"),
    ("SELECT id FROM people WHERE email = $1 LIMIT length($1)", "=1:email", "1"),
    ("SELECT id FROM people p LEFT JOIN LATERAL (SELECT $1::text) s ON true WHERE email = $1", "=1:email", "1"),
    ("SELECT id FROM people WHERE email = ANY ($1) AND note = ($1::text[])[1]", "=1*:email", "1"),
    ("UPDATE people SET note = $1, tag = upper($1)", "<1:note <1:tag", "1"),
    ("UPDATE people SET email = $1 RETURNING $1::text", "<1:email", "1"),
    ("INSERT INTO people (email) VALUES ($1) RETURNING length($1)", "<1:email", "1"),
    # Nobody follows what is written: it may be any parameter whose place is not known.
    ("INSERT INTO people (email, note) SELECT s, s FROM (SELECT $1::text) t(s) WHERE $1 > 'a'",
     "<1:email <1:note", "1"),
    ("UPDATE people SET email = v.e FROM (VALUES (1, $1)) v(i, e) WHERE id = v.i", "<1:email", "1"),
    ("INSERT INTO people (id, email) SELECT i, e FROM unnest($1::int[], $2::text[]) u(i, e)",
     "<1:id <2:id <1:email <2:email", "12"),
    ("UPDATE people SET email = lower($1), note = $2 WHERE id = $3", "<1:email <2:note =3:id", "1"),
    ("UPDATE people p SET email = o.email FROM orders o WHERE o.id = p.id AND o.email > $1", "", ""),
    ("INSERT INTO people (email) SELECT $1::text UNION ALL SELECT email FROM orders WHERE email = $1",
     "<1:email =1:orders.email", "1"),
    ("INSERT INTO people (email) SELECT DISTINCT $1::text FROM orders WHERE email = $1",
     "<1:email =1:orders.email", "1"),
    ("INSERT INTO people (email) SELECT $1::text FROM orders WHERE email = $1 ORDER BY 1",
     "<1:email =1:orders.email", "1"),
    # Cut off, it would be another value: what it begins with.
    ("UPDATE people SET email = $1::varchar(3), note = $1", "<1:email <1:note", "1"),
    ("SELECT id FROM people WHERE email = $1::varchar(3) AND note = $1", "=1:note", "1"),
    # Beside a guess of the client's own it would tell whether that is the value.
    ("SELECT 1 FROM (SELECT email FROM people UNION ALL SELECT $2::text) s WHERE email = $1", "=1:email", "12"),
    ("SELECT 1 FROM (SELECT email FROM people UNION ALL SELECT 'a@b') s WHERE email = ANY ($1)", "=1*:email", "1"),
    ("SELECT 1 FROM (SELECT email FROM people UNION ALL SELECT email FROM orders) s WHERE email = $1",
     "=1:email =1:orders.email", ""),
    ("WITH RECURSIVE r(e) AS (SELECT note FROM people UNION ALL SELECT $2::text FROM r) SELECT 1 FROM r WHERE e = $1",
     "=1:note", "12"),
    ("WITH RECURSIVE r(a, b) AS (SELECT note, $2::text FROM people UNION ALL SELECT b, a FROM r WHERE a = $1)"
     " SELECT 1 FROM r", "=1:note", "12"),
    # A rule takes it along.
    ("UPDATE orders SET email = $1", "<1:orders.email <1:note", ""),
    # A part of a value, and no whole one.
    ("UPDATE people SET tags[1] = $1, note = $1", "<1:tags <1:note", "1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def places(attested: EmbeddedServer) -> None:
    """The schema, once on every server."""
    with psycopg.connect(attested.conninfo(DATABASE), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS inputs CASCADE")
        connection.execute(SETUP)


def said(found: Attestation, trees: Trees) -> tuple[str, str]:
    """What an attestation says of parameters, as in PLACES."""
    relations = trees.relations()
    places = []
    for each in found.inputs:
        name, columns = relations[each.column[0]]
        column = columns[each.column[1] - 1]
        mark = "=" if each.use is Use.EQUALITY else "<"
        places.append(
            f"{mark}{each.number}{'*' if each.many else ''}:{column if name == 'people' else f'{name}.{column}'}"
        )
    return " ".join(sorted(places)), "".join(map(str, sorted(found.elsewhere)))


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(("statement", "inputs", "elsewhere"), PLACES)
def test_where_parameters_stand(statement: str, inputs: str, elsewhere: str, trees: Trees) -> None:
    trees.connection.execute("SET search_path = inputs")
    notices = trees.parse(statement)
    own = [
        fields[b"D"].decode() for fields in notices if fields.get(b"R") == b"elog_node_display" and b"W" not in fields
    ]
    assert said(attest(own[0], trees.major), trees) == (" ".join(sorted(inputs.split())), elsewhere)
