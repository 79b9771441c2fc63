"""What each function that ships with PostgreSQL may do: the reviewed table behind `data/routines.json`.

`pgmaskproxy/sql/routines.py` says what the classes mean. A name here stands for all its overloads, `name(types)` for
one. What is not named is judged by its shape: what takes or gives `internal` is the server's own affair, what reads
text into a value is a transform, and a volatile function that nobody has reviewed stops the generator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A row of pg_proc. `kind`, `volatility` as there; `result` is its type's name."""

    oid: int
    schema: str
    name: str
    arguments: str
    kind: str
    volatility: str
    result: str

    @property
    def signature(self) -> str:
        return f"{self.name}({self.arguments})"


def words(text: str) -> frozenset[str]:
    """A list written as words."""
    return frozenset(text.split())


RUNS_SQL = words("query_to_xml query_to_xml_and_xmlschema query_to_xmlschema ts_stat") | {"ts_rewrite(tsquery, text)"}

READS_DATA = words(
    """
currtid2 cursor_to_xml cursor_to_xmlschema database_to_xml database_to_xml_and_xmlschema database_to_xmlschema
schema_to_xml schema_to_xml_and_xmlschema schema_to_xmlschema table_to_xml table_to_xml_and_xmlschema
table_to_xmlschema loread lowrite
"""
)
"""Large objects are all here, also what changes them: a place for values that no column's label covers."""
READS_DATA_PREFIXES = ("lo_",)

FILE = words(
    """
lo_export lo_import pg_current_logfile pg_read_binary_file pg_read_file pg_read_file_old pg_stat_file
"""
)
FILE_PREFIXES = ("pg_ls_",)

NETWORK = words("pg_notify pg_logical_emit_message pg_sync_replication_slots")

SLEEPS = words("pg_sleep pg_sleep_for pg_sleep_until")

SESSION = words("set_config")

WRITES = words("nextval setval")

ORACLE = words(
    """
array_in domain_in multirange_in pg_input_error_info pg_input_is_valid range_in record_in
"""
)
"""They run the input code of a type that an argument names: a domain's constraint, say."""

ADMIN = words(
    """
amvalidate fmgr_c_validator fmgr_internal_validator fmgr_sql_validator pg_config pg_cursor pg_get_publication_tables
pg_get_replication_slots pg_hba_file_rules pg_ident_file_mappings pg_lock_status pg_mcv_list_items pg_nextoid
pg_prepared_statement pg_prepared_xact pg_stat_get_activity pg_stat_get_progress_info pg_stat_get_replication_slot
pg_stat_get_subscription pg_stat_get_subscription_stats pg_stop_making_pinned_objects plpgsql_validator
"""
)
"""Besides every volatile pg_ function that is in no other list. A validator loads libraries and reads bodies."""
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

VOLATILE_BUT_HARMLESS = words(
    """
array_sample array_shuffle clock_timestamp current_query currval gen_random_uuid lastval pg_advisory_unlock_all
pg_blocking_pids pg_collation_actual_version pg_database_collation_actual_version pg_database_size pg_indexes_size
pg_get_sequence_data pg_is_in_recovery pg_is_wal_replay_paused pg_jit_available pg_last_committed_xact
pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_current_wal_lsn pg_numa_available
pg_partition_ancestors pg_partition_tree pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_last_value
pg_table_size pg_tablespace_size pg_total_relation_size pg_wal_lsn_diff pg_listening_channels pg_xact_commit_timestamp
pg_xact_status random random_normal setseed timeofday txid_status
pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls
pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans
pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated
pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned
pg_stat_get_xact_tuples_updated uuidv4 uuidv7
"""
)
"""They read the clock, dice, the session's own state or the catalog's metadata."""

TOTAL = words(
    """
bit_length(bytea) bit_length(text) btrim(text) char_length(character) char_length(text) character_length(character)
character_length(text) concat(VARIADIC) initcap(text) left(text,integer) length(bytea) length(character) length(text)
lower(text) ltrim(text) md5(bytea) md5(text) octet_length(bytea) octet_length(character) octet_length(text)
replace(text,text,text) reverse(bytea) reverse(text) right(text,integer) rtrim(text) sha224(bytea) sha256(bytea)
sha384(bytea) sha512(bytea) substr(text,integer) substr(text,integer,integer) substring(text,integer)
substring(text,integer,integer) upper(text) concat("any") concat_ws(text,"any")
btrim(text,text) ltrim(text,text) rtrim(text,text) strpos(text,text) textlen(text)
"""
)
"""Signatures without blanks. Their first argument may hold any value: with constants beside it they never fail."""

PASS = words(
    """
bernoulli system col_description obj_description shobj_description format_type getdatabaseencoding getpgusername
inet_client_addr inet_client_port inet_server_addr inet_server_port now statement_timestamp transaction_timestamp
clock_timestamp timeofday version session_user current_user current_database current_schema current_schemas
current_setting current_query get_current_ts_config icu_unicode_version unicode_version mxid_age currval lastval
row_security_active aclexplode acldefault system_user random gen_random_uuid uuidv4 uuidv7 setseed
ts_token_type satisfies_hash_partition
"""
)
"""Facts that any session may know, and TABLESAMPLE's methods."""
PASS_PREFIXES = ("has_", "pg_", "to_reg", "txid_current", "txid_status", "_pg_")
TRANSFORM = re.compile(
    r"(pg_lsn|pg_snapshot|pg_visible|pg_size|pg_column_(size|compression|toast)|pg_char_to|pg_encoding)"
)
"""What begins like those and works on a value."""

_INTERNAL = re.compile(r"\binternal\b")
_HANDLER = re.compile(r"(internal|trigger|event_trigger|.*_handler)$")
_READS_TEXT = re.compile(r"\bcstring\b")


def classify(row: Row) -> str:
    """The class of one function. Raises LookupError for a volatile one that nobody has reviewed."""
    named = _listed(row)
    if named:
        return named
    if row.kind in {"a", "w"}:
        return "count" if row.name == "count" else "aggregate"
    if _INTERNAL.search(row.arguments) or _HANDLER.match(row.result):
        return "internal"
    if row.volatility == "v" and row.name not in VOLATILE_BUT_HARMLESS:
        if row.name.startswith("pg_"):
            return "admin"
        raise LookupError(f"nobody has reviewed {row.oid} {row.schema}.{row.signature}")
    if row.signature.replace(", ", ",") in TOTAL:
        return "total"
    if row.name in PASS:
        return "pass"
    text_io = _READS_TEXT.search(row.arguments) or row.result == "cstring" or row.name.endswith(("send", "_send"))
    if row.name.startswith(PASS_PREFIXES) and not text_io and not TRANSFORM.match(row.name):
        return "pass"
    return "transform"


def _listed(row: Row) -> str:
    if row.name in {"bernoulli", "system"} or row.name in VOLATILE_BUT_HARMLESS:
        return "" if row.name in VOLATILE_BUT_HARMLESS else "pass"
    for kind, names, prefixes in (
        ("file", FILE, FILE_PREFIXES),
        ("runs_sql", RUNS_SQL, ()),
        ("reads_data", READS_DATA, READS_DATA_PREFIXES),
        ("network", NETWORK, ()),
        ("sleeps", SLEEPS, ()),
        ("session", SESSION, ()),
        ("writes", WRITES, ()),
        ("oracle", ORACLE, ()),
        ("admin", ADMIN, ADMIN_PREFIXES),
    ):
        if row.name in names or row.signature in names or row.name.startswith(prefixes):
            return kind
    return ""
