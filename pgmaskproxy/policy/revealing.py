"""Relations whose rows reveal other relations' values, passwords or other sessions' SQL.

A pattern with `*` in it never covers them: an allow rule must name each exactly (THREATS,
"Statistics and plans" and "Shared-role catalogs"; corpus I01 to I21). Nor does a wildcard cover a
write into the system's own schemas: `UPDATE pg_settings` is set_config by another name.
"""

from __future__ import annotations

from collections.abc import Collection
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
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_file_settings",
    "pg_largeobject",
    "user_mapping_options",
    "foreign_server_options",
)
_EXTENSIONS: Final = ("pg_stat_statements", "pg_stat_statements_info", "pg_buffercache", "pg_stat_monitor")
"""Views of extensions, which may be installed in any schema."""

_SECRET_COLUMNS: Final = {
    "pg_attribute": frozenset({"attmissingval"}),
    "pg_foreign_server": frozenset({"srvoptions"}),
    "pg_subscription": frozenset({"subconninfo"}),
    "pg_user_mappings": frozenset({"umoptions"}),
}
"""Of these only some columns are secret: options may hold passwords (PostgreSQL's own GRANTs and views have it so), and
what ADD COLUMN ... DEFAULT put into every row that was there is a value."""

_NAMES: Final = frozenset((*_STATISTICS, *_ACTIVITY, *_SECRETS))


def named_only(effect: Effect, relation: RelationRef, columns: Collection[str] | None = None) -> bool:
    """Whether only a pattern without `*` covers `effect` on `relation`, of which `columns` are read: None is any."""
    if relation.schema == "pg_catalog" and relation.name in _SECRET_COLUMNS and effect is Effect.READ:
        return columns is None or not _SECRET_COLUMNS[relation.name].isdisjoint(columns)
    if relation.name in _EXTENSIONS or relation.schema.startswith(("pg_toast", "pg_temp")):
        return True
    return relation.schema in SYSTEM_SCHEMAS and (relation.name in _NAMES or effect is not Effect.READ)
