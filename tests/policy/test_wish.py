from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.model import ColumnRef
from pgmaskproxy.policy.wish import MOST, wished


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("customers.ssn", [("", "customers", "ssn")]),
        ("Shop.Customers.SSN", [("shop", "customers", "ssn")]),
        (' shop . "Customers" . "S""S.N" ', [("shop", "Customers", 'S"S.N')]),
        ("customers.ssn, customers.email", [("", "customers", "ssn"), ("", "customers", "email")]),
        ("a.b,a.b", [("", "a", "b")]),
        ("straße.ÄÖ", [("", "straße", "ÄÖ")]),  # letters of ASCII alone are folded
        ("t._x$1", [("", "t", "_x$1")]),
        ("", []),
        ("  ", []),
    ],
)
def test_columns_are_named_as_sql_would(said: str, meant: list[tuple[str, str, str]]) -> None:
    assert wished(said) == tuple(ColumnRef(*each) for each in meant)


@pytest.mark.parametrize(
    "said",
    [
        "ssn",
        "*",
        "customers.*",
        "a.b.c.d",
        "customers.ssn,",
        ",customers.ssn",
        "customers..ssn",
        "customers.ssn customers.email",
        "customers.'ssn'",
        'customers."ssn',
        'customers.""',
        "customers.1",
        "customers.ssn; DROP TABLE x",
        f"{'x' * 64}.ssn",
        f'{"ä" * 32}."ssn"',
        ",".join(f"t.c{number}" for number in range(MOST + 1)),
        f"customers{' ' * 2000}.ssn",
    ],
)
def test_what_is_no_list_of_names_is_malformed(said: str) -> None:
    assert wished(said) is None


@given(st.lists(st.tuples(st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9)), min_size=1, max_size=MOST))
def test_whatever_is_quoted_is_what_it_says(names: list[tuple[str, str]]) -> None:
    names = [(table.replace("\x00", "_"), column.replace("\x00", "_")) for table, column in names]
    said = ",".join(".".join('"' + part.replace('"', '""') + '"' for part in name) for name in names)
    assert wished(said) == tuple(dict.fromkeys(ColumnRef("", *name) for name in names))


@given(st.text(max_size=60))
def test_no_text_does_harm(said: str) -> None:
    found = wished(said)
    assert found is None or all(each.table and each.column for each in found)
