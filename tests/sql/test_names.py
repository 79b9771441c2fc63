"""Output names against what real servers said, recorded in `output_names.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.names import output_name
from pgmaskproxy.sql.tree import Node, items, mapping, unwrap
from tests.sql.conftest import deep

RECORDED = yaml.safe_load((Path(__file__).parent / "output_names.yaml").read_text())


def target(expression: str) -> Node:
    statement = deep(lambda: parse(f"SELECT {expression} FROM customers c"))[0]
    return mapping(unwrap(items(statement.node["targetList"])[0])[1]["val"])


@pytest.mark.parametrize(("expression", "name"), RECORDED.items())
def test_as_the_server_names_it(expression: str, name: str) -> None:
    assert output_name(target(expression)) == name


def test_a_star_inside_is_asked_for() -> None:
    assert output_name(target("(SELECT q.* FROM (SELECT 1 AS z) q)"), lambda _: "z") == "z"
