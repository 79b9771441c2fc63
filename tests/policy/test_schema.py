from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgmaskproxy.config import config_schema
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.policy import yaml
from pgmaskproxy.policy.read_labels import LABEL_KEYS
from pgmaskproxy.policy.read_rules import RULE_KEYS
from pgmaskproxy.policy.schema import DRAFT, Json, Schema, draft7, policy_schema, principals_schema
from tests.policy.test_principals import GOOD, HEADER

DEFAULT = Path(__file__).parents[2] / "policies" / "default.yaml"
SCHEMAS = {"Policy": policy_schema(kinds()), "Principals": principals_schema(), "Config": config_schema()}


def accepts(schema: Json, value: Json, root: Schema) -> bool:
    """As much of a validator as these schemas need; any other keyword fails the test that uses it."""
    assert isinstance(schema, dict)
    return all(_keyword(key, wanted, value, schema, root) for key, wanted in schema.items())


def _keyword(key: str, wanted: Json, value: Json, schema: Schema, root: Schema) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match key, wanted:
        case ("$schema" | "title" | "description" | "default" | "definitions" | "format" | "writeOnly" | "then", _):
            return True
        case "$ref", str():
            definitions = root["definitions"]
            assert isinstance(definitions, dict)
            return accepts(definitions[wanted.removeprefix("#/definitions/")], value, root)
        case "type", _:
            names = wanted if isinstance(wanted, list) else [wanted]
            return any(_is(value, str(name)) for name in names)
        case "const", _:
            return value == wanted
        case "enum", list():
            return value in wanted
        case "pattern", str():
            return not isinstance(value, str) or re.search(wanted, value) is not None
        case "minItems" | "minLength" | "minProperties", int():
            return not isinstance(value, list | str | dict) or len(value) >= wanted
        case "minimum", int() | float():
            return not number or value >= wanted  # type: ignore[operator]
        case "maximum", int() | float():
            return not number or value <= wanted  # type: ignore[operator]
        case "exclusiveMinimum", int() | float():
            return not number or value > wanted  # type: ignore[operator]
        case "items", _:
            return not isinstance(value, list) or all(accepts(wanted, item, root) for item in value)
        case "anyOf", list():
            return any(accepts(option, value, root) for option in wanted)
        case "allOf", list():
            return all(accepts(option, value, root) for option in wanted)
        case "if", _:
            return not accepts(wanted, value, root) or accepts(schema["then"], value, root)
        case "dependencies", dict():
            needs = [needed for name, needed in wanted.items() if isinstance(value, dict) and name in value]
            return all(accepts({"required": each} if isinstance(each, list) else each, value, root) for each in needs)
        case "required", list():
            return not isinstance(value, dict) or all(name in value for name in wanted)
        case "propertyNames", _:
            return not isinstance(value, dict) or all(accepts(wanted, name, root) for name in value)
        case "properties", dict():
            return not isinstance(value, dict) or all(
                accepts(wanted[name], item, root) for name, item in value.items() if name in wanted
            )
        case "additionalProperties", _:
            known = schema.get("properties", {})
            assert isinstance(known, dict)
            rest = [item for name, item in value.items() if name not in known] if isinstance(value, dict) else []
            return not rest if wanted is False else wanted is True or all(accepts(wanted, item, root) for item in rest)
    raise AssertionError(f"keyword {key}")


def _is(value: Json, name: str) -> bool:
    kinds: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "null": type(None),
        "number": (int, float),
    }
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kinds[name]) and not (name == "number" and isinstance(value, bool))


def loaded(text: str) -> Json:
    found: Json = json.loads(json.dumps(yaml.plain(yaml.compose("f", text))))
    return found


def valid(kind: str, value: Json) -> bool:
    return accepts(SCHEMAS[kind], value, SCHEMAS[kind])


def nodes(schema: Json) -> Iterator[Schema]:
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from nodes(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from nodes(inner)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schemas_are_draft_07(kind: str) -> None:
    schema = SCHEMAS[kind]
    assert schema["$schema"] == DRAFT
    for node in nodes(schema):
        assert not node.keys() & {"$defs", "prefixItems", "unevaluatedProperties", "dependentSchemas", "$dynamicRef"}
        assert "$ref" not in node or len(node) == 1
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["kind"] == {"const": kind}


def test_the_default_policy_is_valid() -> None:
    assert valid("Policy", loaded(DEFAULT.read_text()))


def test_good_principals_are_valid() -> None:
    assert valid("Principals", loaded(HEADER + GOOD))
    assert not valid("Principals", loaded(HEADER + GOOD.replace("kind: agent", "kind: robot")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("decide: allow", "decide: alow"),
        ("effects: [READ]", "effects: [REED]"),
        ("effects: [READ]", "effects: [READ], limits: {rows: 1}"),
        ("last: 4", "lats: 4"),
        ("kind: redact", "kind: tokens"),
        ('"*.*.ssn"', '"ssn"'),
        ("approvers: {groups: [dba], quorum: 1,", "approvrs: {groups: [dba], quorum: 1,"),
        ("deadline: 30m", "deadline: 30"),
        ("group:support", "support"),
        ("count: allow", "count: alow"),
        ("count: allow", "predicate: allow"),
        ("count: allow", "equality: {budget: 0, per: 1h}"),
        ("count: allow", 'join: ["a.b.c"]'),
        ("count: allow", "written: hold}, approvers: {group: [dba]"),
        ("kind: Policy", "kind: Config"),
        ("name: default", "nmae: default"),
    ],
)
def test_what_the_loader_refuses_an_editor_marks(old: str, new: str) -> None:
    text = DEFAULT.read_text()
    assert old in text
    assert not valid("Policy", loaded(text.replace(old, new, 1)))


def test_every_key_of_the_loader_is_in_the_schema() -> None:
    properties = SCHEMAS["Policy"]["properties"]
    assert isinstance(properties, dict)
    labels, rules = properties["labels"], properties["rules"]
    assert isinstance(labels, dict)
    assert isinstance(rules, dict)
    label, rule = labels["additionalProperties"], rules["items"]
    assert isinstance(label, dict)
    assert isinstance(rule, dict)
    assert isinstance(label["properties"], dict)
    assert isinstance(rule["properties"], dict)
    assert set(label["properties"]) == set(LABEL_KEYS)
    assert set(rule["properties"]) == set(RULE_KEYS)


def test_the_configuration_may_be_written_as_people_do() -> None:
    good = loaded(
        "apiVersion: pgmaskproxy/v1\nkind: Config\nupstream: {user: x, databases: [shop], password: p}\n"
        "limits: {statement_bytes: 256KiB, login_seconds: 10}\nhold: {heartbeat: 15s}\npolicies: [a.yaml]\n"
        "channels: {dba: {kind: webhook, url: x, secret: y, groups: [dba]}}\n"
    )
    assert valid("Config", good)
    assert isinstance(good, dict)
    assert not valid("Config", {**good, "listne": {}})
    assert not valid("Config", {**good, "listen": {"port": "many"}})
    assert not valid("Config", {key: value for key, value in good.items() if key != "upstream"})


def test_references_move_into_all_of() -> None:
    schema: Schema = {
        "properties": {"a": {"$ref": "#/$defs/A", "description": "x"}},
        "$defs": {"A": {"prefixItems": []}},
    }
    down = draft7(schema, "Config")
    assert isinstance(down["properties"], dict)
    assert down["properties"]["a"] == {"allOf": [{"$ref": "#/definitions/A"}], "description": "x"}
    assert down["definitions"] == {"A": {"items": []}}
