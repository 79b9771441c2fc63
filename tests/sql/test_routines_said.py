"""What the server says a function is called counts only where nobody else could have made it."""

from __future__ import annotations

from pgmaskproxy.sql.routines import _BY_NAME, FIRST_NORMAL, FIRST_UNPINNED, RoutineClass, builtin_said

LOWER = 870


def test_an_oid_is_the_function_that_the_server_says_it_is() -> None:
    assert builtin_said(LOWER, "pg_catalog.lower(text)") is not None
    assert builtin_said(LOWER, "pg_catalog.pg_sleep(double precision)") is None
    assert builtin_said(LOWER, "") is None


def test_what_users_make_is_never_the_servers_own_whatever_it_is_called() -> None:
    name = min(name for name, kind in _BY_NAME.items() if kind in set(RoutineClass))
    assert builtin_said(FIRST_UNPINNED, name) is not None
    assert builtin_said(FIRST_NORMAL, name) is None
