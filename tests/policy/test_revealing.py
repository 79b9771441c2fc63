from __future__ import annotations

import pytest

from pgmaskproxy.model import Effect, RelationRef
from pgmaskproxy.policy.revealing import named_only


@pytest.mark.parametrize(
    "name",
    [
        "pg_stats",
        "pg_statistic",
        "pg_stats_ext",
        "pg_stat_activity",
        "pg_authid",
        "pg_shadow",
        "pg_user_mapping",
        "pg_largeobject",
    ],
)
def test_what_reveals_must_be_named(name: str) -> None:
    assert named_only(Effect.READ, RelationRef("pg_catalog", name))
    assert not named_only(Effect.READ, RelationRef("shop", name))


@pytest.mark.parametrize(
    "relation",
    [
        RelationRef("ext", "pg_stat_statements"),
        RelationRef("pg_toast", "pg_toast_16384"),
        RelationRef("pg_temp_3", "x"),
    ],
)
def test_whatever_its_schema(relation: RelationRef) -> None:
    assert named_only(Effect.READ, relation)


@pytest.mark.parametrize("name", ["pg_class", "pg_proc", "pg_settings", "pg_tables"])
def test_the_catalog_that_drivers_read_needs_no_name_but_may_not_be_written(name: str) -> None:
    assert not named_only(Effect.READ, RelationRef("pg_catalog", name))
    assert named_only(Effect.WRITE, RelationRef("pg_catalog", name))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("pg_attribute", "attmissingval"),
        ("pg_foreign_server", "srvoptions"),
        ("pg_subscription", "subconninfo"),
        ("pg_user_mappings", "umoptions"),
    ],
)
def test_of_some_only_a_column_is_secret(name: str, secret: str) -> None:
    relation = RelationRef("pg_catalog", name)
    assert named_only(Effect.READ, relation)
    assert named_only(Effect.READ, relation, {"oid", secret})
    assert not named_only(Effect.READ, relation, {"oid"})
    assert not named_only(Effect.READ, relation, ())
    assert named_only(Effect.WRITE, relation, {"oid"})
    assert not named_only(Effect.READ, RelationRef("shop", name), {secret})
