"""Who reads what a constant says: each of them either tells (`Facts.looked`) or is for what is judged by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pgmaskproxy.sql

VALUES = {"sval", "ival", "fval", "boolval", "bsval"}
KNOWN = {
    "classify._analyzes": "EXPLAIN's options",
    "classify._literal_types": "EXECUTE's arguments, by their kind",
    "classify.setting_value": "SET",
    "comparing.comparand": "by its kind",
    "comparing.given": "`Input.literal`: not where a column is masked (templates.is_settled), and nowhere else kept",
    "copyoptions._boolean": "COPY",
    "expressions.<module>": "types, by their kind",
    "expressions.literal": "set_config() alone, which tells",
    "lineage._clause": "tells",
    "reader._loose": "tells",
    "telling._object": "GRANT and DROP",
    "total._literal": "left() and the like, which `BY_VALUE` makes tell",
    "total._shrinks": "replace(), which `BY_VALUE` makes tell",
    "total.total_expression": "by its kind",
    "tree.string": "String, a name: constants are A_Const",
}


def test_everybody_who_reads_a_constant_is_known() -> None:
    found = set()
    for path in Path(pgmaskproxy.sql.__file__).parent.glob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
        inside = set()
        for function in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Constant) and node.value in VALUES:
                    inside.add(node)
                    found.add(f"{path.stem}.{function.name}")
        if any(
            isinstance(node, ast.Constant) and node.value in VALUES and node not in inside for node in ast.walk(module)
        ):
            found.add(f"{path.stem}.<module>")
    assert found == set(KNOWN)
