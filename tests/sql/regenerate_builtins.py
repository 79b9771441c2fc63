"""Writes `pgmaskproxy/sql/data/builtins.json` from the catalogs of real servers.

    python -m tests.sql.regenerate_builtins CONNINFO [CONNINFO...]

Give one server of every supported major version, freshly initialised and without extensions. A function is safe when
every overload of its name is immutable or stable and nothing below says otherwise; volatile ones are never safe unless
named here. Read the diff of the file before committing: a new function may be stable and dangerous all the same.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import psycopg

TARGET = Path(__file__).parents[2] / "pgmaskproxy" / "sql" / "data" / "builtins.json"


def words(text: str) -> list[str]:
    """A list written as words."""
    return text.split()


EXPORT = words(
    """
cursor_to_xml cursor_to_xmlschema current_logfile database_to_xml database_to_xml_and_xmlschema database_to_xmlschema
loread lowrite pg_current_logfile pg_read_binary_file pg_read_file pg_read_file_old pg_stat_file
query_to_xml query_to_xml_and_xmlschema query_to_xmlschema schema_to_xml schema_to_xml_and_xmlschema schema_to_xmlschema
table_to_xml table_to_xml_and_xmlschema table_to_xmlschema ts_rewrite ts_stat
"""
)
EXPORT_PREFIXES = ("lo_", "pg_ls_")

WRITE = ["nextval", "setval"]
SESSION = ["set_config"]

ADMIN = words(
    """
pg_cursor pg_get_publication_tables pg_get_replication_slots pg_mcv_list_items
pg_prepared_statement pg_prepared_xact pg_hba_file_rules pg_ident_file_mappings pg_lock_status pg_notify
pg_stat_get_activity pg_stat_get_progress_info pg_stat_get_replication_slot pg_stat_get_subscription
pg_stat_get_subscription_stats pg_config
"""
)
ADMIN_PREFIXES = (
    "binary_upgrade_",
    "brin_desummarize",
    "brin_summarize",
    "gin_clean",
    "pg_advisory",
    "pg_try_advisory",
    "pg_replication_",
    "pg_stat_get_backend",
    "pg_stat_get_wal_",
    "pg_control_",
    "pg_logical_",
    "pg_wal_",
)

# Volatile, and harmless: they read the clock, dice, the session's own state or the catalog's metadata.
SAFE = words(
    """
array_sample array_shuffle clock_timestamp current_query currval gen_random_uuid lastval pg_advisory_unlock_all
pg_blocking_pids pg_collation_actual_version pg_database_collation_actual_version pg_database_size pg_indexes_size
pg_is_in_recovery pg_is_wal_replay_paused pg_jit_available pg_last_committed_xact pg_last_wal_receive_lsn
pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_current_wal_lsn pg_partition_ancestors pg_partition_tree
pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_table_size pg_tablespace_size
pg_total_relation_size pg_wal_lsn_diff pg_listening_channels pg_xact_commit_timestamp pg_xact_status random
random_normal setseed timeofday txid_status
pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls
pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans
pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated
pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned
pg_stat_get_xact_tuples_updated uuidv4 uuidv7
"""
)

# Not volatile, and yet they run a type's own input code by OID or name, or are no business of a client's.
UNKNOWN = words(
    """
amvalidate currtid2 pg_input_error_info pg_input_is_valid unique_key_recheck pg_nextoid pg_stop_making_pinned_objects
"""
)
INTERNAL = re.compile(r"\b(internal|cstring)\b")
NEVER_CALLED = re.compile(r"(internal|cstring|trigger|event_trigger|.*_handler)$")

COMPOSITE = frozenset({"record", "anyelement", "anycompatible"})
"""Return types that may turn out to have columns of their own."""

FUNCTIONS = """
SELECT p.proname, p.prokind::text, p.provolatile::text, p.proretset, pg_catalog.format_type(p.prorettype, NULL),
       t.typtype::text, pg_catalog.oidvectortypes(p.proargtypes), p.proargnames, p.proargmodes::text[]
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
 WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
"""


def classify(name: str, overloads: list[tuple[object, ...]]) -> str:
    """The class of a function's name: its most dangerous overload's."""
    if name in SAFE:
        return "safe"
    if name in EXPORT or name.startswith(EXPORT_PREFIXES):
        return "EXPORT"
    if name in WRITE:
        return "WRITE"
    if name in SESSION:
        return "SESSION"
    if name in ADMIN or name.startswith(ADMIN_PREFIXES):
        return "ADMIN"
    if name in UNKNOWN:
        return "UNKNOWN"
    if any(INTERNAL.search(str(row[6])) or NEVER_CALLED.match(str(row[4])) for row in overloads):
        return "UNKNOWN"
    if any(row[2] == "v" for row in overloads):
        return "ADMIN" if name.startswith("pg_") else "UNKNOWN"
    return "safe"


def out_columns(overloads: list[tuple[object, ...]]) -> list[str] | None:
    """The columns of the function in FROM: [] for one named after alias or function, None when overloads differ."""
    found: set[tuple[str, ...] | None] = set()
    for row in overloads:
        names, modes = row[7], row[8]
        if isinstance(names, list) and isinstance(modes, list):
            found.add(tuple(str(name) for name, mode in zip(names, modes, strict=True) if mode in {"o", "b", "t"}))
        else:
            found.add(() if row[5] != "c" and row[4] not in COMPOSITE else None)
    return list(found.pop() or ()) if len(found) == 1 and None not in found else None


def main(conninfos: list[str]) -> None:
    """Reads every server and writes the file."""
    functions: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    types: set[str] = set()
    operators: dict[str, set[tuple[int, int]]] = defaultdict(set)
    methods: set[str] = set()
    versions = []
    for conninfo in conninfos:
        with psycopg.connect(conninfo) as connection:
            versions.append(connection.info.server_version)
            for row in connection.execute(FUNCTIONS):
                functions[row[0]].append(row)
            types.update(
                row[0]
                for row in connection.execute(
                    "SELECT typname FROM pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace AND oid < 16384"
                    " AND typrelid = 0 AND NOT EXISTS (SELECT 1 FROM pg_type e WHERE e.typarray = t.oid)"
                )
            )
            for name, left, right in connection.execute(
                "SELECT oprname, oprleft::int8, oprright::int8 FROM pg_operator"
                " WHERE oprnamespace = 'pg_catalog'::regnamespace"
            ):
                operators[name].add((left, right))
            methods.update(
                row[0]
                for row in connection.execute(
                    "SELECT proname FROM pg_proc WHERE prorettype = 'tsm_handler'::regtype"
                    " AND proname <> 'tsm_handler_in' AND oid < 16384"
                )
            )
    classes: dict[str, list[str]] = defaultdict(list)
    for name in sorted(functions):
        classes[classify(name, functions[name])].append(name)
    aggregates = sorted(name for name, rows in functions.items() if any(row[1] in {"a", "w"} for row in rows))
    columns = {name: found for name in sorted(functions) if (found := out_columns(functions[name])) != []}
    data = {
        "versions": sorted(versions),
        "functions": dict(sorted(classes.items())),
        "aggregates": aggregates,
        "columns": columns,
        "types": sorted(types),
        "operators": {name: sorted(operators[name]) for name in sorted(operators)},
        "sample_methods": sorted(methods),
    }
    lines = json.dumps(data, indent=1, ensure_ascii=False)
    lines = re.sub(r"\[\s+(-?\d+),\s+(-?\d+)\s+\]", r"[\1, \2]", lines)
    TARGET.write_text(lines + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
