-- A script of our own: one of everything that the comparison handles.
CREATE TABLE people (id int PRIMARY KEY, ssn text, name text, born date);
CREATE TABLE visits (person int REFERENCES people, ssn text, place text, at timestamptz DEFAULT now());
CREATE VIEW adults AS SELECT id, ssn AS number, upper(name) AS name FROM people WHERE born < '2000-01-01';
CREATE TABLE copies (LIKE people);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT $1 * 2; END;
COPY people FROM STDIN;
1	123-45-6789	Ada	1990-01-01
2	987-65-4321	Bob	2005-01-01
\.
SELECT * FROM people;
SELECT id, name FROM people WHERE ssn = '123-45-6789' ORDER BY born;
SELECT count(ssn), max(place) FROM visits GROUP BY person HAVING count(*) > 1;
SELECT p.name, v.place FROM people p JOIN visits v ON v.ssn = p.ssn;
SELECT p.name, v.place FROM people p JOIN visits v USING (ssn) WHERE p.born IS NULL;
SELECT number, name FROM adults ORDER BY number;
SELECT ssn FROM people UNION ALL SELECT 'x';
SELECT DISTINCT born FROM people;
SELECT (SELECT place FROM visits v WHERE v.person = p.id LIMIT 1), row_to_json(p) FROM people p;
WITH RECURSIVE t(n, s) AS (SELECT 1, ssn FROM people UNION ALL SELECT n + 1, s FROM t WHERE n < 3) SELECT s FROM t;
WITH gone AS (DELETE FROM visits RETURNING ssn) SELECT ssn FROM gone;
INSERT INTO copies SELECT * FROM people RETURNING id, ssn;
INSERT INTO copies (id, name) VALUES (3, 'Cy') RETURNING *;
UPDATE copies SET name = ssn WHERE id = 1 RETURNING name;
DELETE FROM copies USING people WHERE copies.id = people.id RETURNING people.name;
SELECT rank() OVER (PARTITION BY place ORDER BY at) FROM visits;
SELECT v.* FROM people p, LATERAL (VALUES (p.ssn, p.name)) AS v(a, b);
SELECT upper(name) || left(ssn, 3) FROM people \gset
PREPARE s (int) AS SELECT ssn, born FROM people WHERE id = $1;
EXECUTE s (1);
BEGIN;
ALTER TABLE people ADD COLUMN extra text;
SELECT extra, ssn FROM people;
DECLARE c CURSOR FOR SELECT born FROM people;
FETCH c;
ROLLBACK;
SELECT nothing FROM people;
COPY people (id, born) TO STDOUT;
COPY (SELECT name FROM people) TO STDOUT;
CREATE TABLE made AS SELECT ssn FROM people;
SELECT ssn FROM made;
CREATE SCHEMA other CREATE TABLE people (id int, secret text);
SET search_path = other, public;
SELECT * FROM people;
VALUES (1, 'a'), (2, 'b');
TABLE visits;
