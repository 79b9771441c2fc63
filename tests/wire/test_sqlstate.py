from __future__ import annotations

import psycopg
import pytest

from pgmaskproxy.wire.sqlstate import CONDITIONS, condition, is_sqlstate


def test_the_table_is_appendix_a() -> None:
    assert len(CONDITIONS) == 262
    assert all(is_sqlstate(code) for code in CONDITIONS)
    assert all(name == name.lower() and name.replace("_", "").isalnum() for name in CONDITIONS.values())


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("00000", "successful_completion"),
        ("08P01", "protocol_violation"),
        ("22023", "invalid_parameter_value"),
        ("25P04", "transaction_timeout"),
        ("28P01", "invalid_password"),
        ("42501", "insufficient_privilege"),
        ("42601", "syntax_error"),
        ("53400", "configuration_limit_exceeded"),
        ("54001", "statement_too_complex"),
        ("57014", "query_canceled"),
        ("57P01", "admin_shutdown"),
        ("XX000", "internal_error"),
    ],
)
def test_conditions(code: str, name: str) -> None:
    assert condition(code) == name


def test_psycopg_knows_the_same_errors() -> None:
    for code, name in CONDITIONS.items():
        if code[:2] not in {"00", "01", "02"}:
            # Where two codes have one name, or a name is Python's own, psycopg's has a suffix.
            assert psycopg.errors.lookup(code).__name__.lower().startswith(name.replace("_", ""))


def test_a_code_that_raise_chose_has_its_class_or_nothing() -> None:
    assert condition("42999") == "syntax_error_or_access_rule_violation"
    assert condition("P1049") == ""
    for nonsense in ("", "4250", "425011", "42 01", "ab000", "\uff14\uff12\uff15\uff10\uff11"):
        assert condition(nonsense) == ""
        assert not is_sqlstate(nonsense)
