"""JSON Schemas of what an operator edits, in draft-07: the newest that the YAML language server speaks.

The loaders are the authority; a schema accepts every file that they accept, and tells an editor
what may stand where. The schema of pgmaskproxy.yaml is pydantic's, which `draft7` takes down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from pgmaskproxy.model import Effect, Outcome, PrincipalKind, Use
from pgmaskproxy.policy.fields import API_VERSION
from pgmaskproxy.policy.read_labels import MaskKinds, ParamSpec
from pgmaskproxy.policy.rules import ANSWERS, STRENGTH, UNMASKED_ROWS, Answer

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Schema: TypeAlias = "dict[str, Json]"

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_DURATION: Final = r"^[0-9]{1,9}(s|m|h|d)$"
_IDENTIFIER: Final = r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,62}$"


def policy_schema(mask_kinds: MaskKinds) -> Schema:
    """The schema of a file of kind Policy; `mask_kinds` as `load_policies` takes them."""
    return _file(
        "Policy",
        {
            "name": _text("What the file is called in reports.", _IDENTIFIER),
            "transparent": {
                "type": "boolean",
                "description": "Everything passes as it is, and is recorded: only without any label or rule.",
            },
            "labels": {
                "type": ["object", "null"],
                "description": "What is sensitive, where it lives, how it is shown.",
                "propertyNames": {"pattern": _IDENTIFIER},
                "additionalProperties": _label(mask_kinds),
            },
            "rules": _list(_rule(), "Order never matters: deny beats hold beats allow.", least=0),
        },
    )


def principals_schema() -> Schema:
    """The schema of a file of kind Principals."""
    person = _object(
        {
            "id": _text("Who, in requests and records.", _IDENTIFIER),
            "groups": _list(_text("", _IDENTIFIER), "What groups the person decides for."),
            "identities": _object(
                {name: _text(f"Their {name} identity.") for name in ("database", "email", "slack", "teams")}, ()
            ),
            "password": _text("`pgmaskproxy user add --person`", r"^\$argon2id\$"),
        },
        ("id",),
    )
    user = _object(
        {
            "name": _text("The login."),
            "kind": _enum([kind.value for kind in PrincipalKind], "Who is behind it."),
            "owner": _text("The person who answers for it, and never approves for it.", _IDENTIFIER),
            "groups": _list(_text("", _IDENTIFIER), "What rules call it by."),
            "verifier": _text("`pgmaskproxy user scram-verifier`", r"^SCRAM-SHA-256\$"),
            "certificate": {
                **_object(
                    {
                        "cn": _text("The subject's common name."),
                        "dn": _text("The whole subject, as RFC 4514 writes it."),
                        "uri": _text("A URI among its alternative names, as SPIFFE's."),
                        "sha256": _text("Its fingerprint.", r"^([0-9A-Fa-f]{2}:?){32}$"),
                    },
                    (),
                ),
                "minProperties": 1,
                "description": "Without it there is no login; with it and no verifier, no password is asked for.",
            },
        },
        ("name", "kind"),
    ) | {"anyOf": [{"required": ["verifier"]}, {"required": ["certificate"]}]}
    return _file(
        "Principals",
        {
            "people": _list(person, "Who can approve, own and be asked.", least=0),
            "users": _list(user, "Who can log in to the proxy.", least=0),
        },
    )


def draft7(schema: Mapping[str, Json], kind: str) -> Schema:
    """A JSON Schema of pydantic's (2020-12) as draft-07, for a file of `kind`.

    What pydantic writes of 2020-12 is `$defs`, `prefixItems` and siblings of `$ref`, which draft-07 ignores: the
    reference moves into an `allOf`.
    """
    converted = _down(dict(schema))
    assert isinstance(converted, dict)
    properties = converted.get("properties")
    required = converted.get("required")
    assert isinstance(properties, dict)
    return {
        "$schema": DRAFT,
        **converted,
        "title": f"pgmaskproxy {kind}",
        "properties": {**_header(kind), **properties},
        "required": ["apiVersion", "kind", *(required if isinstance(required, list) else [])],
    }


def _down(node: Json) -> Json:
    if isinstance(node, list):
        return [_down(item) for item in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Json] = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str):
            found["allOf"] = [{"$ref": value.replace("#/$defs/", "#/definitions/")}]
        elif key == "$defs":
            found["definitions"] = _down(value)
        elif key == "prefixItems":
            found["items"] = _down(value)
        else:
            found[key] = _down(value)
    reference = found.get("allOf")
    if len(found) == 1 and isinstance(reference, list) and len(reference) == 1:
        return reference[0]
    return found


def _header(kind: str) -> dict[str, Json]:
    return {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}}


def _file(kind: str, properties: dict[str, Json]) -> Schema:
    return {
        "$schema": DRAFT,
        "title": f"pgmaskproxy {kind}",
        **_object({**_header(kind), **properties}, ("apiVersion", "kind")),
    }


def _object(properties: dict[str, Json], required: Iterable[str]) -> Schema:
    found: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if names := list(required):
        found["required"] = [*names]
    return found


def _text(description: str, pattern: str = "") -> Schema:
    # A number is taken as it is written: a login may be called 1234.
    found: Schema = {"type": ["string", "integer"]}
    if description:
        found["description"] = description
    if pattern:
        found["pattern"] = pattern
    return found


def _enum(values: Iterable[str], description: str = "") -> Schema:
    return {"enum": [*values], **({"description": description} if description else {})}


def _list(items: Json, description: str, *, least: int = 1) -> Schema:
    kind: Json = "array" if least else ["array", "null"]
    found: Schema = {"type": kind, "items": items, "description": description}
    if least:
        found["minItems"] = least
    return found


def _pattern(description: str, parts: int) -> Schema:
    part = r'("([^"]|"")+"|[^".\s()]+)'
    return _list(_text("", "^" + r"\.".join([part] * parts) + "$"), description)


def _who(description: str) -> Schema:
    return _list({"type": "string", "pattern": "^(user:.+|group:.+|kind:(agent|human|service))$"}, description)


def _label(mask_kinds: MaskKinds) -> Schema:
    masks: list[Json] = [
        _object(
            {"kind": {"const": kind}, **{name: _param(spec) for name, spec in mask_kinds[kind].items()}},
            ("kind", *(name for name, spec in mask_kinds[kind].items() if spec.required)),
        )
        for kind in STRENGTH
        if kind in mask_kinds
    ]
    uses: dict[str, Json] = {use.value: _use(use) for use in sorted(ANSWERS)}
    return _object(
        {
            "columns": _pattern("schema.table.column; * stands for anything.", 3),
            "mask": {"anyOf": masks, "description": "How it is shown."},
            "clear_for": _who("Who sees it as it is; every time is recorded."),
            "uses": {**_object(uses, ()), "description": "What is allowed beyond a bare output; the rest is refused."},
            "approvers": {**_approvers(), "description": "Who must agree to a use that is held."},
        },
        ("columns", "mask"),
    )


_USES: Final[Mapping[Use, str]] = {
    Use.NULL_TEST: "column IS [NOT] NULL.",
    Use.COUNT: "count(column).",
    Use.EQUALITY: "One column = value in a statement, so many times; token: by tokens alone, as often as one likes.",
    Use.JOIN: "Joins on these pairs of columns.",
    Use.EXPRESSION: "null: total functions run, and their result is shown as NULL.",
    Use.PREDICATE: "Any other comparison, GROUP BY, DISTINCT.",
    Use.ORDERING: "ORDER BY.",
    Use.WRITE: "A copy into a column that is not as sensitive.",
    Use.WRITTEN: "A value put into the column; left out: what the rules say.",
}


def _use(use: Use) -> Json:
    # YAML's null and the word are the same here.
    words: list[Json] = [answer.value for answer in ANSWERS[use]]
    if Answer.NULL in ANSWERS[use]:
        words.append(None)
    word: Schema = {"enum": words, "description": _USES[use]}
    if use is Use.EQUALITY:
        limit: Json = {"type": "integer", "minimum": 1, "maximum": 1000, "description": "How many look-ups,"}
        budget = _object({"budget": limit, "per": _duration("in how long a time, by one login.")}, ("budget", "per"))
        return {"anyOf": [word, budget], "description": _USES[use]}
    if use is Use.JOIN:
        side = r'\s*("([^"]|"")+"|[^".\s()*=]+)(\.("([^"]|"")+"|[^".\s()*=]+)){2}\s*'
        return {"anyOf": [word, _list(_text("", f"^{side}={side}$"), "schema.table.column = schema.table.column")]}
    return word


def _param(spec: ParamSpec) -> Schema:
    default = spec.default
    if spec.type is dict:
        inner: Schema = {"type": "object", "required": ["kind"], "description": "A mask, as above."}
        return {"type": "object", "minProperties": 1, "additionalProperties": inner}
    if spec.required:
        return {"type": "string"}
    if isinstance(default, bool):
        return {"type": "boolean", "default": default}
    if isinstance(default, int):
        return {"type": "integer", "default": default}
    return {"type": ["string", "integer"], "default": str(default)}


def _rule() -> Schema:
    rule = _object(
        {
            "id": _text("Named in errors and records.", _IDENTIFIER),
            "who": _who("Whose statements; everybody's when left out."),
            "effects": _list(_enum([effect.value for effect in Effect]), "What the statement does."),
            "relations": _pattern("On what: schema.table; anything when left out.", 2),
            "functions": _pattern("With which functions: schema.function.", 2),
            "labels": _list(_text(""), "Touching which labels; * stands for anything."),
            "channels": _list(_text(""), "With effects: [ADMIN], only LISTEN and NOTIFY on these channels."),
            "database": _list(_text(""), "In which databases."),
            "without_where": {"const": True, "description": "Only UPDATE and DELETE without WHERE."},
            "decide": _enum([outcome.value for outcome in Outcome], "deny beats hold beats allow."),
            "message": _text("For deny: what the client is told."),
            "approvers": _approvers(),
            "require": _list(_enum(("reason",)), "For hold: the client must have set pgmaskproxy.reason."),
            "card": _text("For hold: what approvers read first."),
            "unmask": _pattern("schema.table.column that approvers may show as it is, to who asks for it.", 3),
            "limits": {**_object({"rows": _rows()}, ("rows",)), "description": "With unmask: of one execution."},
        },
        ("id", "effects", "decide"),
    )
    rule["if"] = {"properties": {"decide": {"const": "hold"}}}
    rule["then"] = {"required": ["approvers"]}
    rule["dependencies"] = {
        "limits": ["unmask"],
        "unmask": {"properties": {"decide": {"const": "hold"}, "effects": {"items": {"const": "READ"}}}},
    }
    return rule


def _approvers() -> Schema:
    step = _object({"group": _text("", _IDENTIFIER), "quorum": _quorum()}, ("group",))
    return _object(
        {
            "groups": _list(_text("", _IDENTIFIER), "Whose members are asked."),
            "quorum": _quorum(),
            "steps": _list(step, "Several groups, each of which must agree; in any order."),
            "deadline": _duration("How long it is held."),
            "in_transaction": _duration("How long it is held while a transaction block is open."),
        },
        (),
    )


def _rows() -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": 1000, "default": UNMASKED_ROWS}


def _quorum() -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1}


def _duration(description: str) -> Schema:
    return {"type": "string", "pattern": _DURATION, "description": description}
