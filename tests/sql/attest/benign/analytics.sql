SELECT 1
SELECT
SELECT version(), current_database(), current_user, now()
SELECT id, name FROM customers ORDER BY name, id DESC LIMIT 10 OFFSET 20
SELECT count(*) FROM customers
SELECT count(*), min(id), max(id) FROM customers WHERE name LIKE 'name1%'
SELECT DISTINCT left(name, 5) FROM customers
SELECT upper(name) || ' #' || id FROM customers WHERE id BETWEEN 1 AND 10
SELECT * FROM orders
SELECT o.* FROM orders o WHERE o.amount > (SELECT avg(amount) FROM orders)
SELECT c.name, o.amount FROM customers c JOIN orders o ON o.customer_id = c.id
SELECT c.name, sum(o.amount) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.name HAVING count(*) > 1 ORDER BY 2 DESC NULLS LAST
SELECT c.id, c.name, count(o.id) FILTER (WHERE o.amount > 10) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id
SELECT customer_id, sum(amount) OVER (PARTITION BY customer_id ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM orders
SELECT customer_id, rank() OVER w, lag(amount) OVER w, ntile(4) OVER w FROM orders WINDOW w AS (PARTITION BY customer_id ORDER BY amount DESC)
WITH top AS (SELECT customer_id, sum(amount) total FROM orders GROUP BY 1 ORDER BY 2 DESC LIMIT 5) SELECT c.name, t.total FROM top t JOIN customers c ON c.id = t.customer_id
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT n.i, count(o.id) FROM n LEFT JOIN orders o ON o.id = n.i GROUP BY n.i
WITH RECURSIVE t(id, path) AS (SELECT id, ARRAY[id] FROM orders WHERE customer_id = 1 UNION SELECT o.id, t.path || o.id FROM orders o JOIN t ON o.customer_id = t.id) CYCLE id SET seen USING way SELECT * FROM t
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders
SELECT name FROM customers UNION SELECT memo FROM orders ORDER BY 1
SELECT id FROM customers INTERSECT ALL SELECT customer_id FROM orders
SELECT c.name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.amount > 100)
SELECT c.name FROM customers c WHERE c.id IN (SELECT customer_id FROM orders WHERE memo LIKE '%7')
SELECT c.name FROM customers c WHERE c.id = ANY ($1::int[])
SELECT c.name FROM customers c WHERE (c.id, c.name) IN (SELECT customer_id, memo FROM orders)
SELECT c.name, (SELECT max(amount) FROM orders o WHERE o.customer_id = c.id) FROM customers c
SELECT c.name, o.* FROM customers c, LATERAL (SELECT id, amount FROM orders o WHERE o.customer_id = c.id ORDER BY amount DESC LIMIT 3) o
SELECT region, count(*) FROM people GROUP BY ROLLUP (region)
SELECT region, id, grouping(region, id), count(*) FROM people GROUP BY CUBE (region, id)
SELECT region FROM people_eu UNION ALL SELECT region FROM people_us
SELECT level, name FROM customers_vip
SELECT id, name FROM ONLY customers
SELECT id, name FROM v_customers
SELECT id FROM mv_customers
SELECT id FROM gen
SELECT g, o.amount FROM generate_series(1, 10) g LEFT JOIN orders o ON o.id = g
SELECT d::date, count(*) FROM generate_series(now() - interval '7 days', now(), interval '1 day') d GROUP BY 1 ORDER BY 1
SELECT json_agg(json_build_object('id', id, 'memo', memo)) FROM orders
SELECT jsonb_object_agg(id, amount) FROM orders WHERE amount IS NOT NULL
SELECT to_jsonb(o) FROM orders o
SELECT row_to_json(o), o, (o).amount FROM orders o
SELECT array_agg(memo ORDER BY amount), string_agg(memo, ', ') FROM orders
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY amount), mode() WITHIN GROUP (ORDER BY customer_id) FROM orders
SELECT unnest(ARRAY[1, 2, 3]), generate_subscripts(ARRAY[4, 5], 1)
SELECT x, y FROM (VALUES (1, 'a'), (2, 'b')) v(x, y)
SELECT key, value FROM json_each_text('{"a": 1}')
SELECT a, b FROM json_to_recordset('[{"a": 1, "b": "x"}]') AS r(a int, b text)
SELECT regexp_matches(memo, '\d+') FROM orders
SELECT w FROM orders, regexp_split_to_table(memo, ' ') w
SELECT id FROM orders TABLESAMPLE BERNOULLI (10) REPEATABLE (1)
SELECT id FROM orders WHERE id = $1 FOR UPDATE SKIP LOCKED
SELECT DISTINCT ON (customer_id) customer_id, amount FROM orders ORDER BY customer_id, amount DESC
SELECT a.id, b.id FROM orders a JOIN orders b USING (customer_id) WHERE a.id < b.id
SELECT * FROM orders NATURAL JOIN scratch
SELECT * FROM orders a FULL JOIN scratch b ON a.id = b.id WHERE a.id IS NULL OR b.id IS NULL
SELECT tablename FROM pg_tables WHERE schemaname = 'public'
SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position
SELECT * FROM information_schema.table_constraints
SELECT kcu.column_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu USING (constraint_name) WHERE tc.constraint_type = 'PRIMARY KEY'
SELECT * FROM information_schema.referential_constraints
SELECT nspname FROM pg_namespace
SELECT oid, typname, typarray FROM pg_type WHERE typname = ANY ($1)
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relname = 'customers' AND a.attnum > 0
SELECT i.relname, pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = 'customers'::regclass
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'orders'::regclass
SELECT pg_relation_size('customers'), pg_size_pretty(pg_total_relation_size('orders'))
SELECT setting FROM pg_settings WHERE name = 'server_version'
SELECT current_setting('server_version_num')::int
INSERT INTO scratch VALUES (1, 'a'), (2, 'b') RETURNING id
INSERT INTO scratch SELECT id, memo FROM orders WHERE amount > 10 RETURNING *
INSERT INTO orders (id, customer_id, amount) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET amount = orders.amount + excluded.amount WHERE orders.memo IS NULL RETURNING amount
INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING
UPDATE orders SET amount = amount * 1.1, memo = DEFAULT WHERE customer_id = 7 RETURNING id, amount
UPDATE orders o SET memo = c.name FROM customers c WHERE c.id = o.customer_id AND c.name LIKE 'a%' RETURNING o.*, c.name
UPDATE orders SET (amount, memo) = (SELECT 1, 'x') WHERE id = 3
UPDATE customers SET name = upper(name) WHERE id = 1 RETURNING id, name
DELETE FROM orders USING customers c WHERE c.id = customer_id AND c.name = 'x' RETURNING orders.id
DELETE FROM scratch
MERGE INTO scratch s USING orders o ON s.id = o.id WHEN MATCHED THEN UPDATE SET t = o.memo WHEN NOT MATCHED THEN INSERT VALUES (o.id, o.memo)
WITH gone AS (DELETE FROM scratch RETURNING *), kept AS (INSERT INTO scratch SELECT id, t FROM gone RETURNING id) SELECT count(*) FROM kept
