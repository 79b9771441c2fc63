"""What errors could quote of a relation: everything that touching it reaches, on real servers."""

from __future__ import annotations

import asyncio

import psycopg

from pgmaskproxy.model import ColumnRef, Quotable, RelationRef
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.sql.closure import close_labels
from pgmaskproxy.sql.quotable import quotable
from tests.harness.servers import Database
from tests.sql.conftest import deep

SETUP = """
CREATE SCHEMA q;
CREATE FUNCTION q.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION q.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE q.secret (id int PRIMARY KEY, ssn text);
CREATE TABLE q.plain (id int PRIMARY KEY, a int DEFAULT 1 CHECK (a > 0));
CREATE TABLE q.keyed (id int REFERENCES q.plain, s int REFERENCES q.secret);
CREATE TABLE q.owner (id int PRIMARY KEY);
CREATE TABLE q.owned (id int REFERENCES q.owner ON DELETE CASCADE, ssn text);
CREATE TABLE q.far (id int PRIMARY KEY);
CREATE TABLE q.between (id int PRIMARY KEY REFERENCES q.far ON UPDATE CASCADE);
CREATE TABLE q.near (id int REFERENCES q.between ON DELETE SET NULL, ssn text);
CREATE TABLE q.checked (id int CHECK (q.f(id) > 0));
CREATE TABLE q.triggered (id int);
CREATE TRIGGER t BEFORE INSERT ON q.triggered FOR EACH ROW EXECUTE FUNCTION q.t();
CREATE TABLE q.parent (id int) PARTITION BY LIST (id);
CREATE TABLE q.part PARTITION OF q.parent FOR VALUES IN (1);
CREATE TRIGGER t BEFORE INSERT ON q.part FOR EACH ROW EXECUTE FUNCTION q.t();
CREATE TABLE q.top (id int) PARTITION BY LIST (id);
CREATE TABLE q.below PARTITION OF q.top FOR VALUES IN (1);
CREATE TRIGGER t AFTER INSERT ON q.top FOR EACH ROW EXECUTE FUNCTION q.t();
CREATE TABLE q.ruled (id int);
CREATE RULE r AS ON INSERT TO q.ruled DO ALSO NOTIFY x;
CREATE VIEW q.over AS SELECT s.id FROM q.secret s JOIN q.plain p ON p.id = length(s.ssn);
CREATE VIEW q.above AS SELECT id FROM q.over;
CREATE VIEW q.simple AS SELECT id FROM q.triggered;
"""
SSN = frozenset({"ssn"})
NONE: frozenset[str] = frozenset()


def found(database: Database) -> Quotable:
    with psycopg.connect(database.admin, autocommit=True) as connection:
        connection.execute(SETUP.encode())
    catalog = asyncio.run(load_catalog(database.admin))
    declared = {ColumnRef("q", table, "ssn"): SSN for table in ("secret", "owned", "near")}
    return deep(lambda: quotable(catalog, close_labels(catalog, declared)))


def test_what_is_reached(shop_database: Database) -> None:
    what = found(shop_database)
    mine = {ref.name: (what.reading[ref], what.writing[ref]) for ref in what.reading if ref.schema == "q"}
    assert mine == {
        "secret": (SSN, SSN),
        "plain": (NONE, NONE),
        "keyed": (NONE, NONE),
        "owner": (NONE, SSN),
        "owned": (SSN, SSN),
        "far": (NONE, SSN),
        "between": (NONE, SSN),
        "near": (SSN, SSN),
        "checked": (None, None),
        "triggered": (NONE, None),
        "parent": (NONE, None),
        "part": (NONE, None),
        "top": (NONE, None),
        "below": (NONE, None),
        "ruled": (NONE, None),
        "over": (SSN, SSN),
        "above": (SSN, SSN),
        "simple": (NONE, None),
    }
    assert what.reading[RelationRef("pg_catalog", "pg_class")] == NONE
    assert what.writing[RelationRef("pg_catalog", "pg_class")] is None
