"""Labels stick to OIDs, whatever happens to names and links; what moved is said once, and reviewed by somebody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import ColumnLabels, ColumnRef, Mask
from pgmaskproxy.policy.engine import visibility
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.drift import KINDS, UNREVIEWED, Reconciled, reconcile
from pgmaskproxy.sql.catalog import Catalog, Column, ForeignKey, Relation
from pgmaskproxy.store.protocol import ACCEPTED, Remembered
from tests.proxy import known
from tests.proxy.known import table
from tests.sql.conftest import deep

POLICY = known.policy()
PEOPLE = table(30001, "people", ["id", "name", "ssn"])
PLAIN = table(30009, "plain", ["id", "note"])
SSN = frozenset({"pii.ssn"})


def catalog(*relations: Relation) -> Catalog:
    return Catalog(relations=relations, version=180000)


def renamed(relation: Relation, before: str, after: str) -> Relation:
    columns = tuple(replace(each, name=after) if each.name == before else each for each in relation.columns)
    return replace(relation, columns=columns)


def more(relation: Relation, name: str) -> Relation:
    return replace(relation, columns=(*relation.columns, Column(len(relation.columns) + 1, name, 25)))


def look(before: Reconciled | None, *relations: Relation, under: Policy = POLICY) -> Reconciled:
    remembered = None if before is None else replace(before.remembered, revision=before.remembered.revision + 1)
    return reconcile(under, catalog(*relations), remembered)


def accepted(found: Reconciled) -> Reconciled:
    """As `labels accept --all` leaves it."""
    records = tuple(
        replace(each, accepted=each.seen, labels=frozenset(), derived=False, drift=ACCEPTED) if each.drift else each
        for each in found.remembered.records
    )
    return replace(found, remembered=replace(found.remembered, records=records))


def labels(found: Reconciled) -> dict[str, str]:
    return {
        f"{column.table}.{column.column}": " ".join(sorted(its.labels)) + (" derived" if its.derived else "")
        for column, its in sorted(found.database.labelling.items())
    }


def said(found: Reconciled) -> list[tuple[str, str, str]]:
    return [
        (drift.kind, f"{drift.before.table}.{drift.before.column}", f"{drift.column.table}.{drift.column.column}")
        for drift in found.drifts
    ]


def test_the_first_look_says_nothing_and_a_second_of_the_same_nothing_either() -> None:
    first = look(None, PEOPLE, PLAIN)
    assert labels(first) == {"people.ssn": "pii.ssn"}
    assert said(first) == []
    second = look(first, PEOPLE, PLAIN)
    assert (labels(second), said(second)) == (labels(first), [])
    assert second.remembered.records == first.remembered.records


def test_a_renamed_column_keeps_its_label_until_somebody_agrees() -> None:
    first = look(None, PEOPLE)
    second = look(first, renamed(PEOPLE, "ssn", "tax"))
    assert labels(second) == {"people.tax": "pii.ssn"}
    assert said(second) == [("renamed", "people.ssn", "people.tax")]
    third = look(second, renamed(PEOPLE, "ssn", "tax"))
    assert (labels(third), said(third)) == (labels(second), [])
    last = look(accepted(third), renamed(PEOPLE, "ssn", "tax"))
    assert (labels(last), said(last)) == ({}, [])
    assert not any(record.drift for record in last.remembered.records)


def test_a_rename_that_patterns_follow_is_nothing() -> None:
    changed = replace(renamed(PEOPLE, "name", "surname"), name="persons", schema="hr")
    assert said(look(look(None, PEOPLE), changed)) == []


def test_a_renamed_relation_keeps_labels_that_go_by_its_name() -> None:
    by_name = known.policy(known.POLICY.replace("*.*.ssn", "shop.people.ssn"))
    first = look(None, PEOPLE, under=by_name)
    second = look(first, replace(PEOPLE, name="persons"), under=by_name)
    assert labels(second) == {"persons.ssn": "pii.ssn"}
    assert said(second) == [("renamed", "people.ssn", "persons.ssn")]
    # Renamed back: as if nothing had been.
    third = look(second, PEOPLE, under=by_name)
    assert (labels(third), said(third)) == ({"people.ssn": "pii.ssn"}, [])


def test_what_policy_no_longer_labels_does_not_stick() -> None:
    other = known.policy(known.POLICY.replace("*.*.ssn", "*.*.card"))
    first = look(look(None, PEOPLE), renamed(PEOPLE, "ssn", "tax"))
    assert labels(look(first, renamed(PEOPLE, "ssn", "tax"), under=other)) == {}
    assert labels(look(look(None, PEOPLE), PEOPLE, under=other)) == {}


def test_two_columns_that_swap_their_names() -> None:
    swapped = renamed(renamed(renamed(PEOPLE, "ssn", "x"), "name", "ssn"), "x", "name")
    second = look(look(None, PEOPLE), swapped)
    assert labels(second) == {"people.name": "pii.ssn", "people.ssn": "pii.ssn"}
    assert ("renamed", "people.ssn", "people.name") in said(second)


@pytest.mark.parametrize(("kind", "told"), [("r", True), ("c", True), ("v", False)])
def test_what_appears_is_said_once(kind: str, *, told: bool) -> None:
    """A composite type's fields as a table's columns; a view's follow those it shows."""
    made = replace(table(30020, "made", ["id", "ssn"]), kind=kind)
    second = look(look(None, PEOPLE), PEOPLE, made)
    assert labels(second)["made.ssn"] == "pii.ssn"
    assert said(second) == ([("appeared", "made.ssn", "made.ssn")] if told else [])
    assert said(look(second, PEOPLE, made)) == []


def test_a_table_made_anew_is_labelled_by_its_patterns() -> None:
    second = look(look(None, PEOPLE), replace(PEOPLE, oid=30002))
    assert labels(second) == {"people.ssn": "pii.ssn"}
    assert said(second) == [("appeared", "people.ssn", "people.ssn"), ("dropped", "people.ssn", "people.ssn")]


def test_a_detached_partition_keeps_what_it_holds() -> None:
    by_name = known.policy(known.POLICY.replace("*.*.ssn", "shop.people.ssn"))
    part = replace(table(30005, "part", ["id", "ssn"]), parents=(PEOPLE.oid,))
    first = look(None, PEOPLE, under=by_name)
    attached = look(first, PEOPLE, part, under=by_name)
    assert said(attached) == [("attached", "part.ssn", "part.ssn")]
    detached = look(attached, PEOPLE, replace(part, parents=()), under=by_name)
    assert labels(detached) == {"part.ssn": "pii.ssn", "people.ssn": "pii.ssn"}
    assert said(detached) == [("detached", "part.ssn", "part.ssn")]
    again = look(detached, PEOPLE, replace(part, parents=()), under=by_name)
    assert (labels(again), said(again)) == (labels(detached), [])
    last = look(accepted(again), PEOPLE, replace(part, parents=()), under=by_name)
    assert (labels(last), said(last)) == ({"people.ssn": "pii.ssn"}, [])


def test_what_was_derived_stays_derived() -> None:
    made = replace(PEOPLE, columns=(*PEOPLE.columns, Column(4, "short", 25, "s", "left(ssn, 4)")))
    first = look(None, made)
    assert labels(first)["people.short"] == "pii.ssn derived"
    plain = replace(PEOPLE, columns=(*PEOPLE.columns, Column(4, "short", 25)))
    assert labels(look(first, plain))["people.short"] == "pii.ssn derived"


def test_a_narrower_policy_takes_effect_where_only_the_policy_changed() -> None:
    part = replace(table(30005, "part", ["id", "other"]), foreign_keys=(ForeignKey((2,), PEOPLE.oid, (3,)),))
    first = look(None, PEOPLE, part)
    assert labels(first)["part.other"] == "pii.ssn"
    narrower = known.policy(known.POLICY.replace("*.*.ssn", "other.*.ssn"))
    second = look(first, PEOPLE, part, under=narrower)
    assert (labels(second), said(second)) == ({}, [])
    # Where the link goes away at the same time, nobody can tell: it stays.
    third = look(first, PEOPLE, replace(part, foreign_keys=()), under=narrower)
    assert labels(third) == {"part.other": "pii.ssn", "people.ssn": "pii.ssn"}


def test_a_new_column_beside_labelled_ones_is_not_shown_until_somebody_has_looked() -> None:
    wider = more(PEOPLE, "phone")
    first = look(None, PEOPLE, PLAIN)
    second = look(first, wider, PLAIN)
    assert labels(second) == {"people.phone": UNREVIEWED, "people.ssn": "pii.ssn"}
    assert said(second) == [("added", "people.phone", "people.phone")]
    columns = second.database.catalog.column_refs()
    for name in ("agent", "carol"):
        seen = visibility(POLICY, known.principal(name), columns, frozenset(), second.database.labelling)
        assert seen.masks[PEOPLE.oid, 4] == Mask("null", "")
    third = look(second, wider, PLAIN)
    assert (labels(third), said(third)) == (labels(second), [])
    last = look(accepted(third), wider, PLAIN)
    assert (labels(last), said(last)) == ({"people.ssn": "pii.ssn"}, [])
    assert labels(look(last, wider, PLAIN)) == {"people.ssn": "pii.ssn"}


def test_a_new_column_that_patterns_label_is_reviewed_by_them() -> None:
    wanted = known.policy(known.POLICY.replace('["*.*.ssn"]', '["*.*.ssn", "*.*.phone"]'))
    second = look(look(None, PEOPLE, under=wanted), more(PEOPLE, "phone"), under=wanted)
    assert labels(second) == {"people.phone": "pii.ssn", "people.ssn": "pii.ssn"}
    assert [kind for kind, _, _ in said(second)] == []


def test_a_new_column_says_nothing_of_what_it_refers_to_and_nothing_of_other_tables() -> None:
    wider = replace(more(PEOPLE, "plain_id"), foreign_keys=(ForeignKey((4,), PLAIN.oid, (1,)),))
    second = look(look(None, PEOPLE, PLAIN), wider, more(PLAIN, "extra"))
    assert labels(second) == {"people.plain_id": UNREVIEWED, "people.ssn": "pii.ssn"}


def test_a_new_column_in_place_of_the_labelled_one() -> None:
    dropped = replace(PEOPLE, columns=(*PEOPLE.columns[:2], Column(4, "number", 25)))
    second = look(look(None, PEOPLE), dropped)
    assert labels(second) == {"people.number": UNREVIEWED}
    assert said(second) == [("added", "people.number", "people.number"), ("dropped", "people.ssn", "people.ssn")]


def test_a_new_column_is_masked_in_views_too() -> None:
    wider = more(PEOPLE, "phone")
    view = replace(table(30007, "v", ["p"]), kind="v", definition="SELECT phone FROM shop.people")
    second = deep(lambda: look(look(None, PEOPLE), wider, view))
    assert labels(second)["v.p"] == UNREVIEWED


def test_views_are_not_remembered() -> None:
    view = replace(table(30007, "v", ["p"]), kind="v", definition="SELECT ssn FROM shop.people")
    first = deep(lambda: look(None, PEOPLE, view))
    assert labels(first)["v.p"] == "pii.ssn"
    other = replace(view, definition="SELECT name FROM shop.people")
    second = deep(lambda: look(first, PEOPLE, other))
    assert "v.p" not in labels(second)
    assert said(second) == []


def test_kinds_are_all_there_are() -> None:
    assert set(KINDS) == {"renamed", "detached", "added", "attached", "appeared", "dropped"}


@pytest.mark.parametrize("revision", [0, 7])
def test_the_revision_is_handed_on(revision: int) -> None:
    found = reconcile(POLICY, catalog(PEOPLE), Remembered(POLICY.version, "", (), revision))
    assert found.remembered.revision == revision
    assert found.database.labelling[ColumnRef("shop", "people", "ssn")] == ColumnLabels(SSN)
