"""Every statement node of the grammar has its row."""

from __future__ import annotations

import importlib
from typing import Any

from pgmaskproxy.model import Effect
from pgmaskproxy.sql.statements import EFFECTS, KEEPS_NAMES, LINEAGE, MOVES_NAMES, READ_INSIDE, RUNS_ANOTHER, UNKNOWN

GRAMMAR: Any = importlib.import_module("postgast.pg_query_pb2")


def test_the_table_is_complete_and_has_nothing_else() -> None:
    nodes = {field.message_type.name for field in GRAMMAR.Node.DESCRIPTOR.fields}
    statements = {name for name in nodes if name.endswith("Stmt")}
    assert len(statements) > 100
    assert statements == set(EFFECTS)


def test_a_row_without_effects_is_read_inside() -> None:
    assert {kind for kind, effects in EFFECTS.items() if not effects} <= READ_INSIDE


def test_nothing_that_changes_the_world_is_a_plain_read() -> None:
    plain = {kind for kind, effects in EFFECTS.items() if effects == {Effect.READ}}
    assert plain == {"SelectStmt", "ExecuteStmt", "FetchStmt", "VariableShowStmt"}


def test_the_sets_name_statements() -> None:
    assert set(EFFECTS) >= LINEAGE | READ_INSIDE | KEEPS_NAMES | RUNS_ANOTHER
    assert {Effect.UNKNOWN} == UNKNOWN


def kinds(effect: Effect) -> set[str]:
    return {kind.removesuffix("Stmt") for kind, effects in EFFECTS.items() if effect in effects}


def test_what_sends_rows_elsewhere_or_runs_code() -> None:
    assert kinds(Effect.EXPORT) == {
        "CreateTableAs", "CreatePublication", "AlterPublication", "CreateSubscription", "AlterSubscription",
        "CreateFdw", "AlterFdw", "CreateForeignServer", "AlterForeignServer", "CreateForeignTable",
        "ImportForeignSchema",
    }  # fmt: skip
    assert kinds(Effect.ROUTINE) == {
        "Call", "Do", "Load", "RefreshMatView", "CreateFunction", "AlterFunction", "CreatePLang", "CreateTrig",
        "CreateEventTrig", "AlterEventTrig", "Rule", "CreateCast", "CreateTransform", "CreateConversion", "CreateAm",
        "Define",
    }  # fmt: skip


def test_what_is_for_those_who_run_the_server() -> None:
    assert kinds(Effect.PRIVILEGE) == {
        "Grant", "GrantRole", "AlterDefaultPrivileges", "CreateRole", "AlterRole", "AlterRoleSet", "DropRole",
        "DropOwned", "ReassignOwned", "AlterOwner", "CreatePolicy", "AlterPolicy", "SecLabel", "CreateUserMapping",
        "AlterUserMapping", "DropUserMapping",
    }  # fmt: skip
    assert kinds(Effect.ADMIN) >= {
        "AlterSystem", "CheckPoint", "Load", "Vacuum", "Cluster", "Reindex", "Createdb", "Dropdb", "AlterDatabase",
        "AlterDatabaseSet", "CreateExtension", "AlterExtension", "Listen", "Notify", "ReplicaIdentity",
    }  # fmt: skip


def test_only_rows_leave_names_alone() -> None:
    assert set(Effect) - MOVES_NAMES == {Effect.READ, Effect.WRITE, Effect.EXPORT}
