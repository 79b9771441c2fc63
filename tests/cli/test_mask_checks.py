from __future__ import annotations

from pgmaskproxy.cli.mask_checks import HINT, mask_findings
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import ColumnLabels, ColumnRef, DataType, TypeKind
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.sql.catalog import Catalog, Column, Relation

TEXT, VARCHAR, INT4, DATE, MOOD = 25, 1043, 23, 1082, 17000
POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
labels:
  hidden: {columns: ["s.t.hidden"], mask: {kind: "null"}}
  part: {columns: ["s.t.*"], mask: {kind: partial}}
  token: {columns: ["s.t.token"], mask: {kind: token}}
rules:
  - {id: reads, effects: [READ], decide: allow}
"""


def findings(*columns: Column, labels: str = "part", derived: bool = False) -> list[str]:
    relation = Relation(1, "s", "t", "r", columns)
    catalog = Catalog((relation,), data_types=((MOOD, DataType(TypeKind.ENUM, first="ok")),))
    policy = load_policies([("shop.yaml", POLICY)], kinds())
    labelling = {
        ColumnRef("s", "t", column.name): ColumnLabels(frozenset(labels.split()), derived) for column in columns
    }
    found = list(mask_findings(policy, catalog, labelling))
    assert {hint for _, hint, _ in found} <= {HINT}
    assert all(ref.file == "shop.yaml" and ref.line > 1 for _, _, ref in found)
    return [message for message, _, _ in found]


def test_what_a_type_cannot_carry_is_said_once_for_each_reason() -> None:
    columns = [
        Column(1, "a", INT4),
        Column(2, "b", DATE),
        Column(3, "c", TEXT),
        Column(4, "d", INT4),
        Column(5, "e", MOOD),
    ]
    assert findings(*columns) == [
        'label "part": shown as NULL, since partial has no value of type date: s.t.b',
        'label "part": shown as NULL, since partial has no value of type enum: s.t.e',
        'label "part": shown as NULL, since partial has no value of type integer: s.t.a, s.t.d',
    ]


def test_many_columns_are_counted() -> None:
    (message,) = findings(*(Column(number, f"c{number}", INT4) for number in range(1, 9)))
    assert message.endswith("s.t.c1, s.t.c2, s.t.c3, s.t.c4, s.t.c5 and 3 more")


def test_a_token_needs_room() -> None:
    column = Column(1, "a", VARCHAR, modifier=4 + 60)
    assert findings(column, labels="token") == [
        'label "token": values of more than 15 bytes are shown as NULL, since their token has no room: s.t.a'
    ]
    assert findings(Column(1, "a", VARCHAR, modifier=4 + 40), labels="token") == [
        'label "token": shown as NULL, since token needs 50 characters, and the column has 40: s.t.a'
    ]
    assert findings(Column(1, "a", TEXT), labels="token") == []


def test_what_is_null_on_purpose_is_no_news() -> None:
    assert findings(Column(1, "a", INT4), labels="hidden part") == []
    assert findings(Column(1, "a", INT4), derived=True) == []
    assert findings(Column(1, "a", INT4), labels="unknown") == []
