"""Relations whose rows reveal other relations' values, passwords or other sessions' SQL.

A pattern with `*` in it never covers them: an allow rule must name each exactly (THREATS,
"Statistics and plans" and "Shared-role catalogs"; corpus I01 to I21). Nor does a wildcard cover a
write into the system's own schemas: `UPDATE pg_settings` is set_config by another name.
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.model import Effect, RelationRef

SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema"})

_STATISTICS: Final = (
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
)
_ACTIVITY: Final = ("pg_stat_activity", "pg_stat_replication", "pg_stat_ssl", "pg_stat_gssapi", "pg_prepared_xacts")
_SECRETS: Final = (
    "pg_authid",
    "pg_shadow",
    "pg_user_mapping",
    "pg_user_mappings",
    "pg_foreign_server",
    "pg_subscription",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_file_settings",
    "pg_largeobject",
    "pg_largeobject_metadata",
    "user_mapping_options",
    "foreign_server_options",
)
_EXTENSIONS: Final = ("pg_stat_statements", "pg_stat_statements_info", "pg_buffercache", "pg_stat_monitor")
"""Views of extensions, which may be installed in any schema."""

_NAMES: Final = frozenset((*_STATISTICS, *_ACTIVITY, *_SECRETS))


def named_only(effect: Effect, relation: RelationRef) -> bool:
    """Whether only a pattern without `*` covers `effect` on `relation`."""
    if relation.name in _EXTENSIONS or relation.schema.startswith(("pg_toast", "pg_temp")):
        return True
    return relation.schema in SYSTEM_SCHEMAS and (relation.name in _NAMES or effect is not Effect.READ)
