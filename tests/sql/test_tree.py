"""The grammar's JSON, taken apart."""

from __future__ import annotations

from pgmaskproxy.sql.tree import descend, kind_of, string, strings, unwrap, without_locations


def test_unwrap() -> None:
    assert unwrap({"String": {"sval": "a"}}) == ("String", {"sval": "a"})
    assert unwrap({}) == ("", {})
    assert kind_of({"a": 1, "b": 2}) == ""


def test_strings_skips_what_is_no_string() -> None:
    assert strings([{"String": {"sval": "a"}}, {"A_Star": {}}, {"String": {}}]) == ("a", "")
    assert string({"A_Star": {}}) is None


def test_descend_finds_every_node_without_recursion() -> None:
    tree: object = {"A_Const": {}}
    for _ in range(5_000):
        tree = {"BoolExpr": {"args": [tree]}}
    assert sum(kind == "BoolExpr" for kind, _ in descend(tree)) == 5_000


def test_without_locations() -> None:
    assert without_locations({"location": 3, "x": [{"name_location": 1, "y": 2}]}) == {"x": [{"y": 2}]}
