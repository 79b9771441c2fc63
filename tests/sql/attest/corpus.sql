-- The schema that the leak corpus was run against, without its roles and extensions.
CREATE TABLE customers(id int PRIMARY KEY, name text NOT NULL, email text UNIQUE, ssn text UNIQUE, card text, dob date, notes text, CHECK (length(ssn)=11));
INSERT INTO customers SELECT i, 'name'||i, 'user'||i||'@corp.example', lpad((100+i)::text,3,'0')||'-'||lpad((i%90+10)::text,2,'0')||'-'||lpad((1000+i*7)::text,4,'0'), '4111-1111-1111-'||lpad((1000+i)::text,4,'0'), date '1970-01-01'+i*37, 'note '||i FROM generate_series(1,200) i;
CREATE TABLE orders(id int PRIMARY KEY, customer_id int REFERENCES customers(id), amount numeric, memo text);
INSERT INTO orders SELECT i, (i%200)+1, i*1.5, 'memo '||i FROM generate_series(1,400) i;
CREATE TABLE scratch(id int, t text);
CREATE VIEW v_customers AS SELECT id, name, ssn AS tax_no, upper(email) AS uemail FROM customers;
CREATE MATERIALIZED VIEW mv_customers AS SELECT id, ssn AS s, email FROM customers;
-- inheritance
CREATE TABLE customers_vip(level int) INHERITS (customers);
INSERT INTO customers_vip VALUES (9001,'vip','vip@corp.example','900-00-0001','4000-0000-0000-0001','1960-01-01','vip note',1);
-- partition
CREATE TABLE people(id int, ssn text, region text) PARTITION BY LIST(region);
CREATE TABLE people_eu PARTITION OF people FOR VALUES IN ('eu');
CREATE TABLE people_us PARTITION OF people FOR VALUES IN ('us');
INSERT INTO people SELECT i, lpad((500+i)::text,3,'0')||'-55-5555', CASE WHEN i%2=0 THEN 'eu' ELSE 'us' END FROM generate_series(1,20) i;
-- fk on a sensitive column
CREATE TABLE tax_filings(id int, ssn text REFERENCES customers(ssn));
-- generated + expression index
CREATE TABLE gen(id int, ssn text, ssn_copy text GENERATED ALWAYS AS (ssn||'') STORED);
INSERT INTO gen(id,ssn) VALUES (1,'777-77-7777');
CREATE INDEX ON customers ((substr(ssn,1,3)));
-- functions
CREATE FUNCTION f_sql(i int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT ssn FROM customers WHERE id=i $$;
CREATE FUNCTION f_plpgsql(i int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text; BEGIN SELECT ssn INTO r FROM ONLY customers WHERE id=i; RETURN r; END $$;
CREATE FUNCTION f_secdef() RETURNS SETOF customers LANGUAGE sql SECURITY DEFINER AS $$ SELECT * FROM ONLY customers $$;
CREATE FUNCTION f_tab() RETURNS TABLE(a int, b text) LANGUAGE sql AS $$ SELECT id, ssn FROM ONLY customers $$;
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN us_ssn AS text CHECK (value ~ '^[0-9]{3}-[0-9]{2}-[0-9]{4}$');
ANALYZE;
