"""The data file against real servers, and the dangerous ones by name."""

from __future__ import annotations

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.model import Effect
from pgmaskproxy.sql import functions
from pgmaskproxy.sql.routines import (
    EFFECTS,
    FIRST_UNPINNED,
    OPERATORS,
    SAFE,
    VERSIONS,
    RoutineClass,
    builtin,
    builtin_said,
    entries,
)
from tests.sql.regenerate_builtins import by_name, read
from tests.sql.routine_rules import Row, classify

DANGEROUS = {
    RoutineClass.READS_DATA: """
        table_to_xml(regclass, boolean, boolean, text) schema_to_xml(name, boolean, boolean, text)
        database_to_xml(boolean, boolean, text) cursor_to_xml(refcursor, integer, boolean, boolean, text)
        table_to_xml_and_xmlschema(regclass, boolean, boolean, text) currtid2(text, tid) lo_get(oid)
        lo_get(oid, bigint, integer) lo_put(oid, bigint, bytea) lo_open(oid, integer) loread(integer, integer)
        lowrite(integer, bytea) lo_unlink(oid) lo_create(oid) lo_creat(integer) lo_from_bytea(oid, bytea)
        database_to_xml_and_xmlschema(boolean, boolean, text)
        schema_to_xml_and_xmlschema(name, boolean, boolean, text)""",
    RoutineClass.RUNS_SQL: """
        query_to_xml(text, boolean, boolean, text) query_to_xmlschema(text, boolean, boolean, text)
        query_to_xml_and_xmlschema(text, boolean, boolean, text) ts_stat(text) ts_stat(text, text)
        ts_rewrite(tsquery, text)""",
    RoutineClass.FILE: """
        pg_read_file(text) pg_read_file(text, bigint, bigint) pg_read_binary_file(text) pg_stat_file(text)
        pg_ls_dir(text) pg_ls_dir(text, boolean, boolean) pg_ls_logdir() pg_ls_waldir() pg_ls_tmpdir()
        pg_ls_archive_statusdir() lo_import(text) lo_export(oid, text) pg_current_logfile()""",
    RoutineClass.NETWORK: "pg_notify(text, text)",
    RoutineClass.SLEEPS: "pg_sleep(double precision) pg_sleep_for(interval) pg_sleep_until(timestamp with time zone)",
    RoutineClass.SESSION: "set_config(text, text, boolean)",
    RoutineClass.WRITES: "nextval(regclass) setval(regclass, bigint) setval(regclass, bigint, boolean)",
    RoutineClass.ORACLE: """
        array_in(cstring, oid, integer) record_in(cstring, oid, integer) domain_in(cstring, oid, integer)
        range_in(cstring, oid, integer) multirange_in(cstring, oid, integer)""",
    RoutineClass.ADMIN: """
        pg_terminate_backend(integer, bigint) pg_cancel_backend(integer) pg_reload_conf() pg_rotate_logfile()
        pg_stat_get_activity(integer) pg_stat_get_backend_activity(integer) pg_stat_get_backend_client_addr(integer)
        pg_stat_reset() pg_stat_reset_shared(text) pg_lock_status() pg_prepared_statement() pg_cursor()
        pg_prepared_xact() pg_advisory_lock(bigint) pg_try_advisory_lock(bigint) pg_advisory_xact_lock(integer, integer)
        pg_try_advisory_xact_lock_shared(bigint) pg_advisory_unlock(bigint) pg_switch_wal() pg_promote(boolean, integer)
        pg_create_restore_point(text) pg_backup_start(text, boolean) pg_backup_stop(boolean) pg_export_snapshot()
        pg_create_physical_replication_slot(name, boolean, boolean) pg_drop_replication_slot(name)
        pg_logical_slot_get_changes(name, pg_lsn, integer, text[]) pg_replication_origin_create(text)
        pg_logical_slot_peek_changes(name, pg_lsn, integer, text[]) pg_get_replication_slots() pg_hba_file_rules()
        pg_show_all_file_settings() pg_control_system() pg_config() pg_mcv_list_items(pg_mcv_list)
        pg_import_system_collations(regnamespace) binary_upgrade_set_next_pg_authid_oid(oid)
        pg_log_backend_memory_contexts(integer)
        brin_summarize_new_values(regclass) gin_clean_pending_list(regclass) fmgr_c_validator(oid)
        fmgr_sql_validator(oid) pg_nextoid(regclass, name, regclass) pg_stat_clear_snapshot()
        pg_get_backend_memory_contexts() pg_get_shmem_allocations() pg_wal_replay_pause()
        pg_extension_config_dump(regclass, text)""",
    RoutineClass.INTERNAL: """
        suppress_redundant_updates_trigger() unique_key_recheck() tsvector_update_trigger()
        heap_tableam_handler(internal)
        int8_avg_accum(internal, bigint) array_recv(internal, oid, integer) btint4sortsupport(internal)""",
}
"""Signatures in pg_catalog of both versions, by class."""

ORDINARY = """
lower(text) upper(text) md5(text) count() count("any") now() sum(integer) int4eq(integer, integer) texteq(text, text)
generate_series(integer, integer) row_to_json(record) current_setting(text) currval(regclass) pg_get_viewdef(oid)
pg_get_expr(pg_node_tree, oid) pg_relation_size(regclass) has_table_privilege(text, text) format_type(oid, integer)
ts_rewrite(tsquery, tsquery, tsquery) pg_table_is_visible(oid) regclass(text) bernoulli(internal) textin(cstring)
varchartypmodin(cstring[]) random() gen_random_uuid() pg_backend_pid() obj_description(oid, name) rank()
"""


def signatures(text: str) -> list[str]:
    """Signatures set apart by blanks, which they have inside their brackets too."""
    found = [part + ")" for part in " ".join(text.split()).split(")")[:-1]]
    return [f"pg_catalog.{part.strip()}" for part in found]


@pytest.mark.parametrize("major", sorted(VERSIONS))
def test_dangerous_and_ordinary_functions(major: int) -> None:
    classes: dict[str, RoutineClass] = dict(entries(major).values())
    expected = {name: kind for kind, text in DANGEROUS.items() for name in signatures(text)}
    assert len(expected) > 100
    assert {name: classes.get(name) for name in expected} == expected
    assert [name for name in signatures(ORDINARY) if classes.get(name) not in SAFE] == []


def test_what_a_sequence_has_come_to_is_no_secret() -> None:
    """pg_dump 18 asks by it for every sequence; the server itself asks for SELECT on each."""
    said = builtin_said(6427, "pg_catalog.pg_get_sequence_data(regclass)")
    assert said == builtin_said(4032, "pg_catalog.pg_sequence_last_value(regclass)") == RoutineClass.PASS


def test_only_some_versions_have_them() -> None:
    assert builtin_said(6211, "pg_catalog.pg_input_error_info(text, text)") is RoutineClass.ORACLE
    assert dict(entries(18).values())["pg_catalog.pg_input_is_valid(text, text)"] is RoutineClass.ORACLE
    assert "pg_catalog.pg_input_is_valid(text, text)" not in dict(entries(15).values())


def test_no_class_is_empty_and_every_unsafe_one_has_an_effect() -> None:
    for major in VERSIONS:
        assert {kind for _, kind in entries(major).values()} == set(RoutineClass)
    assert set(EFFECTS) == set(RoutineClass) - SAFE


def test_every_function_of_a_real_server_has_the_class_that_the_rules_give_it(server: EmbeddedServer) -> None:
    found = read(server.conninfo())
    major = found.version // 10_000
    pinned = {
        row.oid: (f"{row.schema}.{row.signature}", RoutineClass(classify(row)))
        for row, _ in found.functions
        if row.oid < FIRST_UNPINNED
    }
    assert len(pinned) > 3_200
    assert pinned == dict(entries(major))
    others = [row for row, _ in found.functions if row.oid >= FIRST_UNPINNED]
    assert len(others) > 10
    for row in others:
        assert builtin(row.oid, major) is None
        assert builtin_said(row.oid, f"{row.schema}.{row.signature}") is RoutineClass(classify(row))


def test_every_operator_of_a_real_server(server: EmbeddedServer) -> None:
    found = read(server.conninfo())
    operators = {
        oid: (f"{name}({left}, {right})", function) for oid, function, name, _, _, left, right in found.operators
    }
    assert operators == dict(OPERATORS)
    major = found.version // 10_000
    for signature, function in operators.values():
        entry = builtin(function, major)
        assert entry is not None, signature
        assert entry[1] in SAFE, signature


def test_what_is_behind_the_servers_own_types_casts_and_operator_classes_is_classified(server: EmbeddedServer) -> None:
    behind = """
        SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout, typsubscript]::oid[])::int8
          FROM pg_type WHERE oid < 16384
        UNION SELECT amproc::oid::int8 FROM pg_amproc
        UNION SELECT castfunc::int8 FROM pg_cast
    """
    with psycopg.connect(server.conninfo()) as connection:
        found = {oid for (oid,) in connection.execute(behind)} - {0}
        major = connection.info.server_version // 10_000
    classes = {oid: entry[1] if (entry := builtin(oid, major)) else None for oid in found}
    assert len(classes) > 700
    assert {
        oid: kind for oid, kind in classes.items() if kind not in SAFE | {RoutineClass.INTERNAL, RoutineClass.ORACLE}
    } == {}


def test_a_name_is_safe_for_a_text_only_if_all_its_overloads_are() -> None:
    for major in VERSIONS:
        for signature, kind in entries(major).values():
            schema, _, name = signature.partition("(")[0].partition(".")
            assert schema == "pg_catalog", signature
            if functions.EFFECTS[name] is None:
                assert kind in SAFE, signature
            elif kind in EFFECTS and EFFECTS[kind] is not Effect.UNKNOWN:
                assert functions.EFFECTS[name] in {EFFECTS[kind], Effect.EXPORT}, signature


def test_nobody_has_reviewed_a_new_volatile_function() -> None:
    with pytest.raises(LookupError, match="nobody has reviewed"):
        classify(Row(1, "pg_catalog", "launch", "integer", "f", "v", "integer"))
    assert classify(Row(1, "pg_catalog", "pg_launch", "integer", "f", "v", "integer")) == "admin"
    assert classify(Row(1, "pg_catalog", "compute", "integer", "f", "s", "integer")) == "transform"


def test_a_name_is_as_bad_as_its_worst_overload() -> None:
    rows = [Row(1, "pg_catalog", "ts_rewrite", types, "f", "i", "tsquery") for types in ("tsquery, text", "tsquery")]
    assert by_name(rows) == "EXPORT"
    assert by_name(rows[1:]) == "safe"
    assert by_name([Row(1, "pg_catalog", "textin", "cstring", "f", "i", "text")]) == "UNKNOWN"
