"""What can neither fail nor show anything: a short list, and nothing else."""

from __future__ import annotations

import pytest

from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.total import MAX_COLUMNS, TotalExpression, total_expression
from pgmaskproxy.sql.tree import items, mapping, unwrap
from tests.sql.conftest import deep


def total(expression: str) -> TotalExpression | None:
    (statement,) = deep(lambda: parse(f"SELECT {expression} FROM c"))
    (target,) = items(statement.node.get("targetList"))
    return total_expression(mapping(unwrap(target)[1].get("val")))


@pytest.mark.parametrize(
    ("expression", "functions"),
    [
        ("upper(ssn)", {(None, "upper")}),
        ("pg_catalog.lower(c.ssn)", {("pg_catalog", "lower")}),
        ("left(ssn, 3)", {(None, "left")}),
        ("substr(ssn, 1, 3)", {(None, "substr")}),
        ("substring(ssn from 2 for 3)", {("pg_catalog", "substring")}),
        ("substring(ssn from 2)", {("pg_catalog", "substring")}),
        ("trim(both '-' from ssn)", {("pg_catalog", "btrim")}),
        ("trim(ssn)", {("pg_catalog", "btrim")}),
        ("ltrim(ssn, '0')", {(None, "ltrim")}),
        ("length(ssn)", {(None, "length")}),
        ("md5(reverse(initcap(ssn)))", {(None, "md5"), (None, "reverse"), (None, "initcap")}),
        ("replace(ssn, '-', '')", {(None, "replace")}),
        ("replace(ssn, 'ab', 'cd')", {(None, "replace")}),
        ("coalesce(ssn, 'x', NULL)", set()),
        ("concat(ssn, '-', name)", {(None, "concat")}),
        ("'x' || ssn || upper(name)", {(None, "upper")}),
    ],
)
def test_total(expression: str, functions: set[tuple[str | None, str]]) -> None:
    found = total(expression)
    assert found is not None
    assert found.functions == functions
    assert found.concatenates == ("||" in expression)
    assert len(found.columns) == expression.count("ssn") + expression.count("name")


@pytest.mark.parametrize(
    "expression",
    [
        "ssn",
        "'x'",
        "upper('x')",
        "coalesce('x')",
        "upper($1 || ssn)",
        "left(ssn, $1)",
        "left(ssn, -1)",
        "left(ssn, 1 + 1)",
        "left(ssn, length(name))",
        "left(ssn)",
        "substr(ssn, 1, -1)",
        "substring(ssn, '[0-9]')",
        "substring(ssn similar 'x' escape '#')",
        "ltrim(ssn, name)",
        "replace(ssn, '7', 'seven')",
        "replace(ssn, '\u00e9', 'xyz')",
        "replace(ssn, 'e', '\u00e9')",
        "replace(ssn, name, '')",
        "replace(ssn, '', name)",
        "ssn::int",
        "upper(ssn::text)",
        "ssn::text || 'x'",
        "'1'::int || ssn",
        "length(ssn) + 1",
        "-length(ssn)",
        "length(ssn) / 0",
        "CASE WHEN ssn = '1' THEN 'a' END",
        "nullif(ssn, '1')",
        "greatest(ssn, 'x')",
        "ssn = 'x'",
        "ssn LIKE 'x'",
        "ssn IS NULL",
        "upper((SELECT ssn FROM d))",
        "upper(max(ssn))",
        "max(ssn)",
        "upper(ssn) OVER ()",
        "upper(DISTINCT ssn)",
        "concat(VARIADIC ssn)",
        "public.upper(ssn)",
        "repeat(ssn, 1000)",
        "lpad(ssn, 1000000000)",
        "to_date(ssn, 'YYYY')",
        "ssn COLLATE \"C\" || 'x'",
        "ssn OPERATOR(public.||) 'x'",
        "ssn ~~ 'x'",
        "upper(ssn)::json",
        "ROW(upper(ssn))",
        "ARRAY[upper(ssn)]",
        "5 || ssn",
        "concat(ssn, 5)",
        "(upper(ssn)).x",
    ],
)
def test_not_total(expression: str) -> None:
    assert total(expression) is None


def test_so_many_columns_may_be_put_together() -> None:
    assert total(" || ".join(["ssn"] * MAX_COLUMNS)) is not None
    assert total(" || ".join(["ssn"] * (MAX_COLUMNS + 1))) is None
