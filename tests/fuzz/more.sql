-- What the order of an index over a labelled column could show: few values, many NULLs, an index that answers IS NOT NULL.
CREATE TABLE events (id int PRIMARY KEY, code text, tag text, kind text NOT NULL, amount int NOT NULL);
CREATE INDEX ON events (code);
-- What differs in NULLs and in length too, and is only read: see rows.py.
CREATE TABLE records (id int PRIMARY KEY, card text, born date, points int, notes text NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO pgmaskproxy;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO pgmaskproxy;
