-- What the leak corpus was run against (data comes from world.py, which makes two of it), and more at the end.
CREATE TABLE customers(id int PRIMARY KEY, name text NOT NULL, email text UNIQUE, ssn text UNIQUE, card text, dob date, notes text, CHECK (length(ssn)=11));
CREATE TABLE orders(id int PRIMARY KEY, customer_id int REFERENCES customers(id), amount numeric, memo text);
CREATE TABLE scratch(id int, t text);
CREATE VIEW v_customers AS SELECT id, name, ssn AS tax_no, upper(email) AS uemail FROM customers;
CREATE MATERIALIZED VIEW mv_customers AS SELECT id, ssn AS s, email FROM customers;
CREATE TABLE customers_vip(level int) INHERITS (customers);
CREATE TABLE people(id int, ssn text, region text) PARTITION BY LIST(region);
CREATE TABLE people_eu PARTITION OF people FOR VALUES IN ('eu');
CREATE TABLE people_us PARTITION OF people FOR VALUES IN ('us');
CREATE TABLE tax_filings(id int, ssn text REFERENCES customers(ssn));
CREATE TABLE gen(id int, ssn text, ssn_copy text GENERATED ALWAYS AS (ssn||'') STORED);
CREATE INDEX ON customers ((substr(ssn,1,3)));
CREATE FUNCTION f_sql(i int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT ssn FROM customers WHERE id=i $$;
CREATE FUNCTION f_plpgsql(i int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE r text; BEGIN SELECT ssn INTO r FROM ONLY customers WHERE id=i; RETURN r; END $$;
CREATE FUNCTION f_secdef() RETURNS SETOF customers LANGUAGE sql SECURITY DEFINER AS $$ SELECT * FROM ONLY customers $$;
CREATE FUNCTION f_tab() RETURNS TABLE(a int, b text) LANGUAGE sql AS $$ SELECT id, ssn FROM ONLY customers $$;
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN us_ssn AS text CHECK (value ~ '^[0-9]{3}-[0-9]{2}-[0-9]{4}$');

-- Ours: deterministic masks and a label that allows a look-up.
CREATE TABLE members(id int PRIMARY KEY, name text, email text, phone text, badge text);
-- Ours: two schemas whose tables have the same names and shapes, one with labelled columns, one without.
CREATE SCHEMA shadow;
CREATE TABLE shadow.customers(id int PRIMARY KEY, name text NOT NULL, email text, ssn text, card text, dob date, notes text);
CREATE TABLE public.places(id int PRIMARY KEY, notes text);
CREATE TABLE shadow.places(id int PRIMARY KEY, notes text);
CREATE SEQUENCE counter;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, shadow TO agent;
GRANT USAGE, SELECT, UPDATE ON SEQUENCE counter TO agent;
GRANT CREATE, USAGE ON SCHEMA public, shadow TO agent;
