"""Trees written by hand, for what no server writes: forged, damaged, or rare."""

from __future__ import annotations

from pgmaskproxy.sql.attest.versions import fields_of

NUMBERS = {"varno": "1", "varattno": "1", "commandType": "1", "tleSortGroupRef": "1", "resno": "1", "rtindex": "1"}


def node(label: str, **given: str) -> str:
    """A node of 18 with every field that it must have: those given, and zeros, false or none."""
    written = []
    for name in sorted(fields_of(18)[label]):
        value = given.pop(name, None)
        if value is None:
            value = NUMBERS.get(name) or _empty(name)
        written.append(f":{name} {value}")
    assert not given, f"{label} has no {', '.join(given)}"
    return f"{{{label} {' '.join(written)}}}"


def _empty(name: str) -> str:
    if name in {"resjunk", "argisrow", "self_reference", "nulls_first", "retold", "all"} or name.startswith(
        ("has", "isReturn", "canSetTag", "groupDistinct", "aggstar", "aggvariadic", "mergeUseOuterJoin")
    ):
        return "false"
    lists = ("List", "Clause", "args", "Sets", "Qual", "quals", "expr", "Lists", "Marks", "Options", "Elems", "Set")
    nodes = {
        "utilityStmt", "jointree", "onConflict", "limitOffset", "limitCount", "setOperations", "mergeJoinCondition",
        "rtable", "rteperminfos", "constraintDeps", "withCheckOptions", "aggorder", "aggdistinct", "aggfilter",
        "aggdirectargs", "aggargtypes", "returningOldAlias", "returningNewAlias", "resname", "subselect", "testexpr",
        "operName", "arbiterWhere", "onConflictWhere", "exclRelTlist", "larg", "rarg", "usingClause", "alias",
        "join_using_alias", "colTypes", "colTypmods", "colCollations", "groupClauses", "arg", "refs", "cols",
        "constvalue", "varnullingrels", "fromlist", "opnos", "opfamilies", "inputcollids", "largs", "rargs", "qual",
    }  # fmt: skip
    return "<>" if name in nodes or name.endswith(lists) else "0"


def entry(oid: int = 20_000, columns: int = 3, kind: int = 0, **given: str) -> str:
    """A range table entry, a relation's unless told otherwise."""
    names = " ".join(f'"c{number}"' for number in range(1, columns + 1))
    fields = {
        "eref": f"{{ALIAS :aliasname t :colnames ({names})}}",
        "rtekind": str(kind),
        "relid": str(oid),
        "relkind": "r",
        **given,
    }
    return "{RANGETBLENTRY " + " ".join(f":{name} {value}" for name, value in fields.items()) + "}"


def var(number: int = 1, relation: int = 1, up: int = 0) -> str:
    """A column."""
    return node("VAR", varno=str(relation), varattno=str(number), varlevelsup=str(up))


def target(expression: str, **given: str) -> str:
    """An entry of a target list."""
    return node("TARGETENTRY", expr=expression, **given)


def query(targets: str, entries: str | None = None, **given: str) -> str:
    """A SELECT of a list of targets from one relation."""
    return node("QUERY", targetList=f"({targets})", rtable=f"({entries or entry()})", **given)
