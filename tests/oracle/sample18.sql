-- What only PostgreSQL 17 and 18 have.
CREATE TABLE people (id int PRIMARY KEY, ssn text, name text, born date, initials text GENERATED ALWAYS AS (left(name, 1)) VIRTUAL);
CREATE TABLE visits (person int, ssn text, place text, during daterange, doc jsonb DEFAULT '{}');
INSERT INTO people (id, ssn, name) VALUES (1, 'a', 'x') RETURNING old.ssn, new.ssn, new.name, old, initials;
INSERT INTO people (id, ssn, name) VALUES (1, 'a', 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.ssn RETURNING old.name, new.name;
UPDATE people SET name = ssn WHERE id = 1 RETURNING old.name, new.name, old.ssn;
UPDATE people SET born = born + 1 RETURNING WITH (OLD AS before, NEW AS after) before.born, after.born, before.name = after.name;
DELETE FROM people WHERE id = 2 RETURNING old.*, new.name;
SELECT initials, born FROM people;
SELECT p.initials FROM people p JOIN visits v ON v.place = p.initials ORDER BY p.initials;
MERGE INTO people p USING visits v ON p.id = v.person
  WHEN MATCHED THEN UPDATE SET name = v.place
  WHEN NOT MATCHED BY SOURCE THEN DELETE
  WHEN NOT MATCHED BY TARGET THEN INSERT (id, ssn) VALUES (v.person, v.ssn)
  RETURNING merge_action(), p.ssn, old.name, v.place;
WITH m AS (MERGE INTO people p USING visits v ON p.id = v.person WHEN MATCHED THEN DO NOTHING RETURNING v.ssn) SELECT * FROM m;
SELECT t.a, t.b FROM visits, JSON_TABLE(doc, '$[*]' COLUMNS (a int PATH '$.a', NESTED PATH '$.b[*]' COLUMNS (b text PATH '$'))) t;
SELECT JSON_VALUE(doc, '$.a'), JSON_QUERY(doc, '$.b'), JSON_EXISTS(doc, '$.c'), place FROM visits;
SELECT JSON_OBJECT('name': name, 'born': born) FROM people;
SELECT JSON_ARRAYAGG(ssn ORDER BY born) FROM people;
SELECT any_value(place) FROM visits GROUP BY person;
