-- What PostgreSQL's own tests found in the proxy, in our own words: psql prints the same directly and through it.
CREATE TABLE things (id int PRIMARY KEY, name text);
INSERT INTO things VALUES (1, 'one'), (2, 'two');

-- Remarks of the server's lexer, parser and planner
SET standard_conforming_strings = off;
SELECT 'a\\b' AS "a name of more than sixty-three bytes, which the server cuts with a notice";
RESET standard_conforming_strings;
CREATE FUNCTION told(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'told %', $1; RETURN $1; END $$;
SELECT id FROM things WHERE id = told(2);
SET client_min_messages = log;
DO $$ BEGIN RAISE LOG 'a log line'; RAISE DEBUG 'not heard'; END $$;
RESET client_min_messages;

-- Places of errors, also in one of several statements
SELECT 1 AS one \; SELECT nothing FROM things;
SELECT $2, $1;
CREATE TABLE wrong (id nosuchtype);

-- A transaction's first query is the client's
BEGIN;
SET TRANSACTION READ ONLY;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SHOW transaction_isolation;
COMMIT;

-- Deferred triggers speak at COMMIT, at the end of one statement and at that of several
CREATE FUNCTION said() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', TG_OP, NEW; RETURN NEW; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION said();
INSERT INTO things VALUES (3, 'three');
INSERT INTO things VALUES (4, 'four') \; INSERT INTO things VALUES (5, 'five');
BEGIN;
INSERT INTO things VALUES (6, 'six');
COMMIT;

-- Cursors and prepared statements
BEGIN;
DECLARE words BINARY CURSOR FOR SELECT id + 16705, name FROM things ORDER BY id;
FETCH 2 FROM words;
MOVE 1 FROM words;
FETCH words;
COMMIT;
PREPARE sum AS SELECT $1 + id FROM things ORDER BY id LIMIT 2 ;
EXECUTE sum(10);
SELECT name, statement FROM pg_prepared_statements;
SELECT $1 || name AS bound FROM things WHERE id = $2 \bind 'the ' 2 \g
SELECT id, name FROM things \gdesc
BEGIN;
nonsense;
;
SELECT 1;
ROLLBACK;

-- COPY of what was made a moment ago
COPY things TO STDOUT (FORMAT csv, HEADER);
COPY things (name) TO STDOUT WITH (FORCE_QUOTE *, FORMAT csv);
COPY things FROM STDIN;
7	seven
8	eight	too many
\.
\copy (SELECT count(*) FROM things) TO STDOUT
COPY (SELECT 1) TO STDOUT (NONSENSE);

-- An SQL body's parameters, large objects by the function call protocol
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT $1 * 2; END;
SELECT twice(21);
\set mine :regress_own
\lo_import :mine
SELECT length(lo_get(:LASTOID)) > 1000 AS imported;
\lo_unlink :LASTOID
\lo_unlink 1

-- A connection of its own, notifications, and settings
\c -
LISTEN things;
NOTIFY things, 'hello';
SET datestyle = 'German';
SELECT date '2026-11-22', current_setting('datestyle');
SELECT set_config('intervalstyle', 'postgres_verbose', false), interval '1 day 2 hours';
\d things
