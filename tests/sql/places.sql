-- One statement a line, each with a call of f_sql in another place.
SELECT f_sql(1)
SELECT f_sql(1) + 1
SELECT 1 + f_sql(1)
SELECT -f_sql(1)
SELECT f_sql(f_sql(1))
SELECT upper(f_sql(1)::text)
SELECT DISTINCT ON (f_sql(1)) id FROM orders
SELECT id FROM orders WHERE f_sql(1) = 1
SELECT id FROM orders WHERE NOT (true AND f_sql(1) = 1)
SELECT count(*) FROM orders GROUP BY f_sql(1)
SELECT count(*) FROM orders GROUP BY GROUPING SETS ((f_sql(1)), ())
SELECT count(*) FROM orders GROUP BY ROLLUP (id, f_sql(1))
SELECT count(*) FROM orders HAVING f_sql(1) = 1
SELECT id FROM orders ORDER BY f_sql(1)
SELECT id FROM orders LIMIT f_sql(1)
SELECT id FROM orders OFFSET f_sql(1)
SELECT id FROM orders FETCH FIRST (f_sql(1)) ROWS ONLY
SELECT count(*) FILTER (WHERE f_sql(1) = 1) FROM orders
SELECT array_agg(id ORDER BY f_sql(1)) FROM orders
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY f_sql(1)) FROM orders
SELECT rank() OVER (PARTITION BY f_sql(1)) FROM orders
SELECT rank() OVER (ORDER BY f_sql(1)) FROM orders
SELECT sum(id) OVER (ROWS f_sql(1) PRECEDING) FROM orders
SELECT sum(id) OVER (ROWS BETWEEN CURRENT ROW AND f_sql(1) FOLLOWING) FROM orders
SELECT sum(id) OVER w FROM orders WINDOW w AS (ORDER BY f_sql(1))
SELECT sum(f_sql(1)) OVER () FROM orders
SELECT f_sql(1) UNION SELECT 1
SELECT 1 UNION ALL SELECT f_sql(1)
VALUES (1), (f_sql(1))
WITH c AS (SELECT f_sql(1)) SELECT 1
WITH c AS (DELETE FROM scratch WHERE f_sql(1) = 1 RETURNING id) SELECT 1
WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + f_sql(1) FROM c) SELECT n FROM c
SELECT (SELECT f_sql(1))
SELECT EXISTS (SELECT f_sql(1))
SELECT ARRAY(SELECT f_sql(1))
SELECT f_sql(1) IN (SELECT 1)
SELECT 1 IN (SELECT f_sql(1))
SELECT 1 = ANY (ARRAY[f_sql(1)])
SELECT 1 IN (2, f_sql(1))
SELECT f_sql(1) BETWEEN 1 AND 2
SELECT 1 BETWEEN 1 AND f_sql(1)
SELECT ARRAY[1, f_sql(1)]
SELECT (ARRAY[1])[f_sql(1)]
SELECT (ARRAY[1])[1:f_sql(1)]
SELECT (ARRAY[1])[f_sql(1):2]
SELECT (f_sql(1)).x
SELECT ROW(1, f_sql(1))
SELECT CASE f_sql(1) WHEN 1 THEN 2 END
SELECT CASE WHEN f_sql(1) = 1 THEN 2 END
SELECT CASE WHEN true THEN f_sql(1) END
SELECT CASE WHEN true THEN 1 ELSE f_sql(1) END
SELECT coalesce(1, f_sql(1))
SELECT greatest(1, f_sql(1))
SELECT nullif(1, f_sql(1))
SELECT f_sql(1) IS NULL
SELECT (f_sql(1) = 1) IS TRUE
SELECT f_sql(1) IS DISTINCT FROM 1
SELECT f_sql(1)::text
SELECT f_sql(1)::text COLLATE "C"
SELECT f_sql(1)::text AT TIME ZONE 'UTC'
SELECT make_date(year => f_sql(1), month => 1, day => 1)
SELECT concat(VARIADIC ARRAY[f_sql(1)])
SELECT xmlelement(NAME a, f_sql(1))
SELECT xmlelement(NAME a, xmlattributes(f_sql(1) AS b))
SELECT xmlforest(f_sql(1) AS a)
SELECT xmlserialize(CONTENT f_sql(1)::text::xml AS text)
SELECT xmlparse(CONTENT f_sql(1)::text)
SELECT xmlroot(f_sql(1)::text::xml, VERSION NO VALUE)
SELECT f_sql(1)::text::xml IS DOCUMENT
SELECT json_object('a': f_sql(1))
SELECT json_object(f_sql(1): 1)
SELECT json_array(f_sql(1))
SELECT json_array(SELECT f_sql(1))
SELECT json_objectagg('a': f_sql(1)) FROM orders
SELECT json_objectagg('a': 1) FILTER (WHERE f_sql(1) = 1) FROM orders
SELECT json_objectagg('a': 1) OVER (ORDER BY f_sql(1)) FROM orders
SELECT json_arrayagg(f_sql(1)) FROM orders
SELECT json_arrayagg(id ORDER BY f_sql(1)) FROM orders
SELECT json_arrayagg(id) FILTER (WHERE f_sql(1) = 1) FROM orders
SELECT json(f_sql(1)::text)
SELECT json_scalar(f_sql(1))
SELECT json_serialize(f_sql(1)::text)
SELECT f_sql(1)::text IS JSON
SELECT json_value(f_sql(1)::text, '$')
SELECT json_value('1', f_sql(1)::text::jsonpath)
SELECT json_value('1', '$' PASSING f_sql(1) AS x)
SELECT json_value('1', '$' DEFAULT f_sql(1) ON EMPTY)
SELECT json_value('1', '$' DEFAULT f_sql(1) ON ERROR)
SELECT json_query('1', '$' PASSING f_sql(1) AS x)
SELECT json_exists('1', '$' PASSING f_sql(1) AS x)
SELECT * FROM json_table(f_sql(1)::text, '$' COLUMNS (a int)) t
SELECT * FROM json_table('1', '$' PASSING f_sql(1) AS x COLUMNS (a int)) t
SELECT * FROM json_table('1', '$' COLUMNS (a int DEFAULT f_sql(1) ON EMPTY)) t
SELECT * FROM json_table('1', '$' COLUMNS (a int DEFAULT f_sql(1) ON ERROR)) t
SELECT * FROM json_table('1', '$' COLUMNS (NESTED '$' COLUMNS (a int DEFAULT f_sql(1) ON ERROR))) t
SELECT * FROM xmltable('/a' PASSING (f_sql(1)::text::xml) COLUMNS b int) t
SELECT * FROM xmltable((f_sql(1)::text) PASSING '<a/>' COLUMNS b int) t
SELECT * FROM xmltable('/a' PASSING '<a/>' COLUMNS b int PATH f_sql(1)::text) t
SELECT * FROM xmltable('/a' PASSING '<a/>' COLUMNS b int DEFAULT f_sql(1)) t
SELECT * FROM xmltable(XMLNAMESPACES (f_sql(1)::text AS x), '/a' PASSING '<a/>' COLUMNS b int) t
SELECT * FROM f_sql(1)
SELECT * FROM f_sql(1) AS t(a int)
SELECT * FROM ROWS FROM (generate_series(1, 2), f_sql(1)) t
SELECT * FROM generate_series(1, f_sql(1))
SELECT * FROM orders, LATERAL f_sql(1)
SELECT * FROM (SELECT f_sql(1)) t
SELECT * FROM (VALUES (f_sql(1))) t
SELECT * FROM orders a JOIN orders b ON f_sql(1) = 1
SELECT * FROM orders a JOIN f_sql(1) b ON true
SELECT * FROM f_sql(1) a JOIN orders b ON true
SELECT * FROM orders TABLESAMPLE bernoulli (f_sql(1))
SELECT * FROM orders TABLESAMPLE bernoulli (1) REPEATABLE (f_sql(1))
SELECT f_sql(1) INTO made
INSERT INTO scratch (id) VALUES (f_sql(1))
INSERT INTO scratch (id) SELECT f_sql(1)
INSERT INTO scratch (id[f_sql(1)]) VALUES (1)
INSERT INTO scratch (id) VALUES (1) RETURNING f_sql(1)
INSERT INTO scratch (id) VALUES (1) ON CONFLICT (f_sql(1)) DO NOTHING
INSERT INTO scratch (id) VALUES (1) ON CONFLICT (id) WHERE f_sql(1) = 1 DO NOTHING
INSERT INTO scratch (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = f_sql(1)
INSERT INTO scratch (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1 WHERE f_sql(1) = 1
WITH c AS (SELECT f_sql(1)) INSERT INTO scratch (id) VALUES (1)
UPDATE scratch SET id = f_sql(1)
UPDATE scratch SET id[f_sql(1)] = 1
UPDATE scratch SET (id, t) = (SELECT f_sql(1), 'x')
UPDATE scratch SET (id, t) = (f_sql(1), 'x')
UPDATE scratch SET id = 1 FROM f_sql(1)
UPDATE scratch SET id = 1 WHERE f_sql(1) = 1
UPDATE scratch SET id = 1 RETURNING f_sql(1)
WITH c AS (SELECT f_sql(1)) UPDATE scratch SET id = 1
DELETE FROM scratch USING f_sql(1)
DELETE FROM scratch WHERE f_sql(1) = 1
DELETE FROM scratch RETURNING f_sql(1)
WITH c AS (SELECT f_sql(1)) DELETE FROM scratch
MERGE INTO scratch s USING f_sql(1) o ON true WHEN MATCHED THEN DELETE
MERGE INTO scratch s USING orders o ON f_sql(1) = 1 WHEN MATCHED THEN DELETE
MERGE INTO scratch s USING orders o ON true WHEN MATCHED AND f_sql(1) = 1 THEN DELETE
MERGE INTO scratch s USING orders o ON true WHEN MATCHED THEN UPDATE SET id = f_sql(1)
MERGE INTO scratch s USING orders o ON true WHEN NOT MATCHED THEN INSERT (id) VALUES (f_sql(1))
MERGE INTO scratch s USING orders o ON true WHEN MATCHED THEN DELETE RETURNING f_sql(1)
WITH c AS (SELECT f_sql(1)) MERGE INTO scratch s USING orders o ON true WHEN MATCHED THEN DELETE
CALL f_sql(1)
CALL f_plpgsql(f_sql(1))
EXECUTE p (f_sql(1))
PREPARE p AS SELECT f_sql(1)
DECLARE c CURSOR FOR SELECT f_sql(1)
EXPLAIN SELECT f_sql(1)
EXPLAIN ANALYZE SELECT f_sql(1)
COPY (SELECT f_sql(1)) TO STDOUT
COPY scratch FROM STDIN WHERE f_sql(1) = 1
CREATE TABLE made AS SELECT f_sql(1)
CREATE MATERIALIZED VIEW made AS SELECT f_sql(1)
CREATE VIEW made AS SELECT f_sql(1)
CREATE SCHEMA made CREATE VIEW v AS SELECT f_sql(1)
CREATE TABLE made (id int DEFAULT f_sql(1))
CREATE TABLE made (id int CHECK (f_sql(1) = 1))
CREATE TABLE made (id int, CHECK (f_sql(1) = 1))
CREATE TABLE made (id int GENERATED ALWAYS AS (f_sql(1)) STORED)
CREATE TABLE made (id int, EXCLUDE (f_sql(id) WITH =))
CREATE TABLE made (id int, EXCLUDE (id WITH =) WHERE (f_sql(1) = 1))
CREATE TABLE made (id int) PARTITION BY RANGE (f_sql(id))
CREATE TABLE made PARTITION OF people FOR VALUES IN (f_sql(1))
CREATE TABLE made PARTITION OF people FOR VALUES FROM (f_sql(1)) TO (2)
CREATE TABLE made PARTITION OF people FOR VALUES FROM (1) TO (f_sql(1))
CREATE FOREIGN TABLE made (id int DEFAULT f_sql(1)) SERVER s
ALTER TABLE scratch ADD COLUMN x int DEFAULT f_sql(1)
ALTER TABLE scratch ADD CHECK (f_sql(1) = 1)
ALTER TABLE scratch ALTER id SET DEFAULT f_sql(1)
ALTER TABLE scratch ALTER id TYPE text USING f_sql(id)::text
ALTER TABLE scratch ALTER id SET EXPRESSION AS (f_sql(1))
ALTER TABLE people ATTACH PARTITION scratch FOR VALUES IN (f_sql(1))
CREATE INDEX ON scratch (f_sql(id))
CREATE INDEX ON scratch (id) WHERE f_sql(id) = 1
CREATE STATISTICS made ON f_sql(id), t FROM scratch
CREATE DOMAIN made AS int DEFAULT f_sql(1)
CREATE DOMAIN made AS int CHECK (f_sql(VALUE) = 1)
ALTER DOMAIN us_ssn SET DEFAULT f_sql(1)
ALTER DOMAIN us_ssn ADD CHECK (f_sql(1) = 1)
CREATE FUNCTION made(a int DEFAULT f_sql(1)) RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION made() RETURNS int RETURN f_sql(1)
CREATE FUNCTION made() RETURNS int BEGIN ATOMIC SELECT f_sql(1); END
CREATE TRIGGER made BEFORE INSERT ON scratch FOR EACH ROW WHEN (f_sql(1) = 1) EXECUTE FUNCTION t()
CREATE RULE made AS ON INSERT TO scratch WHERE f_sql(1) = 1 DO NOTHING
CREATE RULE made AS ON INSERT TO scratch DO SELECT f_sql(1)
CREATE POLICY made ON scratch USING (f_sql(1) = 1)
CREATE POLICY made ON scratch WITH CHECK (f_sql(1) = 1)
ALTER POLICY made ON scratch USING (f_sql(1) = 1)
CREATE PUBLICATION made FOR TABLE scratch WHERE (f_sql(1) = 1)
ALTER PUBLICATION made ADD TABLE scratch WHERE (f_sql(1) = 1)
