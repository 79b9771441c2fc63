"""Snapshots: replaced as a whole, never changed, each with an epoch of its own."""

from __future__ import annotations

from pgmaskproxy.model import ColumnRef
from pgmaskproxy.proxy.knowledge import Knowledge, label
from tests.proxy import known


def test_labels_are_closed_over_the_catalog() -> None:
    found = known.database().labelling
    assert found[ColumnRef("shop", "customers", "ssn")].labels == {"pii.ssn"}
    assert ColumnRef("shop", "customers", "name") not in found


def test_a_catalog_that_says_the_same_moves_nothing() -> None:
    knowledge = known.knowledge()
    before = knowledge.now
    assert not knowledge.learn("shop", known.database())
    assert knowledge.now is before


def test_another_catalog_moves_the_epoch_and_touches_no_older_snapshot() -> None:
    knowledge = known.knowledge()
    before = knowledge.now
    changed = known.database(known.catalog(known.CUSTOMERS, known.table(20009, "new", ["ssn"])))
    assert knowledge.learn("shop", changed)
    assert knowledge.now.epoch == before.epoch + 1
    assert knowledge.now.databases["shop"] is changed
    assert before.databases["shop"].catalog == known.catalog()


def test_the_same_catalog_under_other_labels_moves_the_epoch_too() -> None:
    knowledge = known.knowledge()
    before = knowledge.now.epoch
    relabelled = known.database(under=known.policy(known.POLICY.replace("*.*.ssn", "*.*.name")))
    assert knowledge.learn("shop", relabelled)
    assert knowledge.now.epoch == before + 1


def test_another_database_is_another() -> None:
    knowledge = known.knowledge()
    assert knowledge.learn("stock", known.database())
    assert set(knowledge.now.databases) == {"shop", "stock"}


def test_a_reload_moves_the_epoch_even_when_nothing_changed() -> None:
    knowledge = Knowledge(known.policy(), known.directory(), {"shop": known.database()})
    before = knowledge.now
    knowledge.reload(known.policy(), known.directory(), {"shop": known.database()})
    assert knowledge.now.epoch == before.epoch + 1


def test_visibility_is_the_principal_s_own_and_worked_out_once() -> None:
    now = known.knowledge().now
    agent, carol = known.principal("agent"), known.principal("carol")
    masked = now.visibility("shop", agent)
    assert masked.known == {20001, 20002}
    assert masked.masks[20001, 3].label == "pii.ssn"
    assert masked.epoch == now.epoch
    assert (20001, 3) not in now.visibility("shop", carol).masks, "fraud sees it"
    assert now.visibility("shop", agent) is masked


def test_visibility_does_not_outlive_its_snapshot() -> None:
    knowledge = known.knowledge()
    agent = known.principal()
    before = knowledge.now.visibility("shop", agent)
    knowledge.learn("shop", known.database(known.catalog(known.CUSTOMERS)))
    after = knowledge.now.visibility("shop", agent)
    assert before.known == {20001, 20002}
    assert after.known == {20001}
    clear = known.policy(known.POLICY.replace("*.*.ssn", "*.*.nothing"))
    knowledge.reload(clear, known.directory(), {"shop": label(clear, known.catalog())})
    assert knowledge.now.visibility("shop", agent).masks == {}
