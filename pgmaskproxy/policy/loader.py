"""Policy files -> Policy. Every problem of every file at once, each with its place."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.model import ApprovalTerms, Mask, RuleRef
from pgmaskproxy.policy import fields, yaml
from pgmaskproxy.policy.fields import Fields, Problems, did_you_mean
from pgmaskproxy.policy.read_labels import MaskKinds, label_ids, read_labels
from pgmaskproxy.policy.read_rules import RawRule, read_rules
from pgmaskproxy.policy.rules import Label, Pair, Pattern, Policy, Rule

FILE_KEYS = ("apiVersion", "kind", "name", "transparent", "labels", "rules")

_Json: TypeAlias = "bool | int | str | list[_Json] | dict[str, _Json] | None"


def load_policies(files: Sequence[tuple[str, str]], mask_kinds: MaskKinds) -> Policy:
    """The policy that `files`, pairs of (name, text), make together. ConfigError with every problem at once."""
    problems = Problems()
    labels: dict[str, Label] = {}
    rules: dict[str, RawRule] = {}
    names: list[str] = []
    declared: set[str] = set()
    transparent: RuleRef | None = None
    for file, content in files:
        try:
            node = yaml.compose(file, content)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        fields.header(node, "Policy", problems)
        if not isinstance(node, yaml.Mapping):
            continue
        top = Fields(node, "the file", FILE_KEYS, problems)
        name = top.read("name", fields.identifier)
        if name is not None:
            names.append(name)
        if top.read("transparent", fields.boolean):
            said = top.get("transparent")
            transparent = transparent or RuleRef("transparent", file, said.line if said is not None else 0)
        declared |= label_ids(top)
        for label in read_labels(top, mask_kinds):
            first = labels.setdefault(label.id, label).ref
            if first != label.ref:
                twice = f'label "{label.id}" twice, first at {_place(first)}'
                problems.extend([Problem(twice, label.ref.file, label.ref.line)])
        for raw in read_rules(top):
            if raw.rule.id in rules:
                first = rules[raw.rule.id].rule.ref
                problems.add(raw.node, f'rule "{raw.rule.id}" twice, first at {_place(first)}')
            rules.setdefault(raw.rule.id, raw)
    if transparent is not None and (labels or rules or declared):
        # Nothing of what they say would be done; and labelled columns must never meet it.
        both = "a transparent policy passes everything as it is, so it can have neither labels nor rules, in any file"
        problems.extend([Problem(both, transparent.file, transparent.line)])
    resolved = [_resolve(raw, declared, problems) for _, raw in sorted(rules.items())]
    if found := problems.all():
        raise ConfigError(found)
    ordered = {name: labels[name] for name in sorted(labels)}
    version = _version(ordered, resolved, transparent=transparent is not None)
    return Policy(ordered, tuple(resolved), version, tuple(sorted(names)), transparent)


def _place(ref: RuleRef) -> str:
    return f"{ref.file}:{ref.line}"


def _resolve(raw: RawRule, labels: Iterable[str], problems: Problems) -> Rule:
    if raw.labels is None:
        return raw.rule
    found: set[str] = set()
    for node, pattern in raw.labels:
        matched = {label for label in labels if pattern.matches((label,))}
        if not matched:
            problems.add(node, f'no label is called "{pattern.text}"', did_you_mean(pattern.text, labels))
        found |= matched
    return dataclasses.replace(raw.rule, labels=frozenset(found))


def _version(labels: Mapping[str, Label], rules: Iterable[Rule], *, transparent: bool) -> str:
    canonical: _Json = {
        **({"transparent": True} if transparent else {}),
        "labels": {name: _label(label) for name, label in labels.items()},
        "rules": {rule.id: _rule(rule) for rule in rules},
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _patterns(patterns: Iterable[Pattern] | None) -> _Json:
    return None if patterns is None else [*sorted({pattern.text for pattern in patterns})]


def _names(names: Iterable[object] | None) -> _Json:
    return None if names is None else [*sorted({str(name) for name in names})]


def _label(label: Label) -> _Json:
    return {
        "columns": _patterns(label.columns),
        "mask": _mask(label.mask),
        "clear_for": _names(label.clear_for),
        "uses": {use.value: answer.value for use, answer in label.uses},
        "budget": None if label.budget is None else [label.budget.limit, str(label.budget.seconds)],
        "joins": [*sorted(_pair(pair) for pair in label.joins)],
        "terms": [_term(term) for term in label.terms],
    }


def _mask(mask: Mask) -> _Json:
    params: dict[str, _Json] = {
        name: [[path, _mask(inner)] for path, inner in value] if isinstance(value, tuple) else value
        for name, value in mask.params
    }
    return {"kind": mask.kind, "params": params}


def _pair(pair: Pair) -> str:
    return json.dumps(sorted([column.schema, column.table, column.column] for column in pair))


def _rule(rule: Rule) -> _Json:
    return {
        "effects": _names(rule.effects),
        "decide": str(rule.decide),
        "who": _names(rule.who),
        "database": _patterns(rule.databases),
        "relations": _patterns(rule.relations),
        "functions": _patterns(rule.functions),
        "labels": _names(rule.labels),
        **({"channels": _patterns(rule.channels)} if rule.channels is not None else {}),
        "without_where": rule.without_where,
        "message": rule.message,
        "terms": [_term(term) for term in rule.terms],
        **({"unmask": _patterns(rule.unmask), "rows": rule.rows} if rule.unmask is not None else {}),
    }


def _term(term: ApprovalTerms) -> _Json:
    # Seconds as text: RFC 8785 and Python write a float differently.
    return {
        "groups": [*term.groups],
        "quorum": term.quorum,
        "deadline": str(term.deadline),
        "in_transaction": str(term.in_transaction),
        "reason_required": term.reason_required,
        "card": term.card,
    }
