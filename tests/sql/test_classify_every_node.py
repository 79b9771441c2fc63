"""No node of the grammar is unknown, and none passes where it is not known to stand."""

from __future__ import annotations

import itertools
from typing import Any

from pgmaskproxy.model import Effect, Opaque, Use
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.classify import Classifier
from pgmaskproxy.sql.scope import Item, Scope
from pgmaskproxy.sql.sources import relation_result
from pgmaskproxy.sql.statements import LINEAGE
from tests.sql.conftest import SEARCH_PATH
from tests.sql.nodes import CLAUSES, EXPRESSIONS, NODES, SERVERS, SOURCES, STATEMENTS, UTILITY, descriptor

REFERENCE: dict[str, Any] = {"ColumnRef": {"fields": [{"String": {"sval": "ssn"}}]}}
UNREAD: dict[str, Any] = {"args": [REFERENCE]}


def reader(catalog: Catalog) -> tuple[Classifier, Scope]:
    relation = catalog.by_name["public", "customers"]
    item = Item("customers", relation_result(relation).outputs, relation=relation)
    return Classifier(catalog, SEARCH_PATH, b""), Scope((item,))


def test_every_node_of_the_grammar_has_its_place() -> None:
    places = (STATEMENTS, EXPRESSIONS, SOURCES, CLAUSES, UTILITY, SERVERS)
    assert frozenset().union(*places) == NODES
    assert [one & other for one, other in itertools.combinations(places, 2) if one & other] == []


def test_every_other_node_is_unknown_in_an_expression(catalog: Catalog) -> None:
    passed = []
    for kind in NODES - EXPRESSIONS - {"SelectStmt"}:
        classifier, scope = reader(catalog)
        origin = classifier.value({kind: UNREAD}, scope, Use.EXPRESSION, "SELECT")
        used = any(use.column.column == "ssn" for use in classifier.facts.uses)
        if not (isinstance(origin, Opaque) and Effect.UNKNOWN in classifier.facts.effects and used):
            passed.append(kind)
    assert passed == []


def test_every_other_node_is_unknown_in_from(catalog: Catalog) -> None:
    passed = []
    for kind in NODES - SOURCES:
        classifier, scope = reader(catalog)
        (item,) = classifier.source({kind: UNREAD}, scope)
        if Effect.UNKNOWN not in classifier.facts.effects or not isinstance(item.more, Opaque):
            passed.append(kind)
    assert passed == []


def test_every_other_node_is_unknown_as_a_query(catalog: Catalog) -> None:
    passed = []
    for kind in NODES - LINEAGE:
        classifier, _ = reader(catalog)
        result = classifier.query({kind: UNREAD}, None, {})
        if Effect.UNKNOWN not in classifier.facts.effects or not isinstance(result.more, Opaque):
            passed.append(kind)
    assert passed == []


def test_every_other_node_is_unknown_as_a_statement(catalog: Catalog) -> None:
    passed = []
    for kind in NODES - STATEMENTS:
        classifier, _ = reader(catalog)
        classifier.statement(kind, UNREAD)
        if Effect.UNKNOWN not in classifier.facts.effects:
            passed.append(kind)
    assert passed == []


def test_every_statement_has_an_effect(catalog: Catalog) -> None:
    idle = []
    for kind in STATEMENTS:
        classifier, _ = reader(catalog)
        classifier.statement(kind, {})
        if not classifier.facts.effects:
            idle.append(kind)
    assert idle == []


def test_no_field_can_be_taken_for_a_node() -> None:
    """A node under its type's name is told from bare fields by its capital."""
    names = {field.json_name for kind in NODES for field in descriptor(kind).fields}
    assert not {name for name in names if name[0].isupper()}
    assert all(kind[0].isupper() for kind in NODES)
