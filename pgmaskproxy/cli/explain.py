"""What `policy explain` says of a statement: read as the proxy reads it, decided as the proxy decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import rich_click as click

from pgmaskproxy.cli.output import pairs
from pgmaskproxy.errors import Unparsable
from pgmaskproxy.model import (
    Analysis,
    ColumnLabels,
    ColumnOrigin,
    ColumnRef,
    Columns,
    ColumnUse,
    Constant,
    Decision,
    Mask,
    Opaque,
    Outcome,
    Principal,
    Refusal,
    RuleRef,
    Statement,
)
from pgmaskproxy.policy.engine import decide
from pgmaskproxy.policy.facts import Touched, touched
from pgmaskproxy.policy.rules import Budget, Policy
from pgmaskproxy.policy.uses import answer
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.knowledge import label
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.reader import read
from pgmaskproxy.web.readable import one_line, visible

COLORS = {Outcome.ALLOW: "green", Outcome.HOLD: "yellow", Outcome.DENY: "red"}


@dataclass(frozen=True, slots=True)
class Explained:
    """One statement, or (`analysis` None) a text that cannot be read."""

    text: str
    analysis: Analysis | None
    decision: Decision
    labels: Mapping[ColumnRef, ColumnLabels]
    facts: Touched | None = None


def _canonical(text: str) -> str:
    """One statement as PostgreSQL's grammar writes it: for people, and so made here alone."""
    return "; ".join(raw.canonical for raw in parse(text))


def explain(policy: Policy, principal: Principal, statement: Statement, catalog: Catalog) -> tuple[Explained, ...]:
    """Every statement of `statement.sql`. One that cannot be read is a DENY, as it is for a client."""

    def work() -> tuple[Explained, ...]:
        known = label(policy, catalog)
        try:
            found = tuple(
                replace(each, analysis=replace(known.with_definitions(each.analysis), canonical=_canonical(each.text)))
                for each in read(statement.sql, catalog, statement.search_path)
            )
        except Unparsable as error:
            refusal = Refusal(error.sqlstate, error.message, error.detail, error.hint, error.position)
            decision = Decision(Outcome.DENY, refusal=refusal, reason=error.message, policy_version=policy.version)
            return (Explained(statement.sql, None, decision, known.labelling),)
        return tuple(
            Explained(
                each.text,
                each.analysis,
                decide(
                    policy,
                    principal,
                    replace(statement, sql=each.text),
                    each.analysis,
                    known.labelling,
                    quotable=known.quotable,
                ),
                known.labelling,
                touched(policy, principal, each.analysis, known.labelling),
            )
            for each in found
        )

    deep = DeepThread("explain")  # PostgreSQL's grammar recurses in C
    try:
        return deep.call(work)
    finally:
        deep.close()


def explained_dict(each: Explained) -> dict[str, Any]:
    """For `--format json`."""
    found: dict[str, Any] = {"text": each.text, "decision": _decision(each.decision)}
    analysis = each.analysis
    if analysis is None:
        return found
    return found | {
        "kind": analysis.kind,
        "effects": sorted(effect.value for effect in analysis.effects),
        "reads": sorted(str(relation) for relation in analysis.reads),
        "writes": sorted(str(relation) for relation in analysis.writes),
        "functions": sorted(analysis.functions),
        "outputs": _outputs(each),
        "uses": [
            {
                "column": str(use.column),
                "use": use.use.value,
                "where": use.where,
                "target": str(use.target) if use.target else None,
                "labels": _labels(each, [use.column]),
                "answer": _answer(each, use),
            }
            for use in analysis.uses
        ],
        "opaque": analysis.opaque or None,
        "canonical": analysis.canonical,
        "redacted": analysis.redacted,
    }


def explained_text(each: Explained) -> str:
    """For people. The statement may be anybody's: nothing of it is hidden."""
    data = explained_dict(each)
    decision = each.decision
    facts = {"statement": visible(each.text.strip())}
    if each.analysis is not None:
        facts |= {
            "kind": data["kind"],
            "effects": " ".join(data["effects"]),
            "reads": one_line(", ".join(data["reads"]), 1000),
            "writes": one_line(", ".join(data["writes"]), 1000),
            "functions": one_line(", ".join(data["functions"]), 1000),
            "outputs": "\n".join(_output_line(output) for output in data["outputs"] or ())
            if data["outputs"] is not None
            else "by the server's word alone",
            "uses": "\n".join(
                one_line(f"{use['column']} in {use['where']} ({use['use']})" + _said(use["labels"], use["answer"]), 300)
                for use in data["uses"]
            ),
            "not read": one_line(data["opaque"] or "", 300),
        }
    refusal, unmask = decision.refusal, decision.unmask
    facts |= {
        "decision": click.style(decision.outcome.value, fg=COLORS[decision.outcome], bold=True),
        "rules": "\n".join(place(rule) for rule in decision.rules),
        "because": visible(decision.reason),
        "error": one_line(f"{refusal.sqlstate}: {refusal.message}", 500) if refusal else "",
        "detail": visible(refusal.detail) if refusal else "",
        "hint": visible(refusal.hint) if refusal else "",
        "costs": "\n".join(
            f"a look-up of {charge.column}: {Budget(charge.limit, charge.seconds)} ({charge.label})"
            for charge in decision.charges
        ),
        "unmasks": "\n".join(f"{column} in at most {unmask.rows} rows" for column in unmask.columns) if unmask else "",
        "asks": "\n".join(
            f"{max(1, term.quorum)} of {' or '.join(term.groups)} within {term.deadline:g} s "
            f"({term.in_transaction:g} s in a transaction), rule {place(term.rule)}"
            for term in decision.terms
        ),
    }
    return pairs({name: str(value) for name, value in facts.items() if value})


def place(rule: RuleRef) -> str:
    """`id (file:line)`."""
    return one_line(f"{rule.id} ({rule.file}:{rule.line})" if rule.file else rule.id, 300)


def _decision(decision: Decision) -> dict[str, Any]:
    refusal = decision.refusal
    return {
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "rules": [{"id": rule.id, "file": rule.file, "line": rule.line} for rule in decision.rules],
        "labels": list(decision.labels),
        "cleared": [str(column) for column in decision.cleared],
        "policy_version": decision.policy_version,
        "refusal": {
            "sqlstate": refusal.sqlstate,
            "message": refusal.message,
            "detail": refusal.detail,
            "hint": refusal.hint,
            "facts": dict(refusal.facts),
            "position": refusal.position,
        }
        if refusal
        else None,
        "unmask": {"columns": [str(column) for column in decision.unmask.columns], "rows": decision.unmask.rows}
        if decision.unmask
        else None,
        "charges": [
            {
                "label": charge.label,
                "use": charge.use.value,
                "column": str(charge.column),
                "budget": charge.limit,
                "seconds": charge.seconds,
            }
            for charge in decision.charges
        ],
        "terms": [
            {
                "rule": term.rule.id,
                "groups": list(term.groups),
                "quorum": max(1, term.quorum),
                "deadline": term.deadline,
                "in_transaction": term.in_transaction,
            }
            for term in decision.terms
        ],
    }


def _outputs(each: Explained) -> list[dict[str, Any]] | None:
    analysis = each.analysis
    if analysis is None or analysis.outputs is None:
        return None
    masks: Sequence[Mask | None] = each.decision.masks or ()
    denied = each.decision.outcome is Outcome.DENY
    found = []
    for number, origin in enumerate(analysis.outputs, 1):
        mask = masks[number - 1] if number <= len(masks) else None
        columns = [] if isinstance(origin, Opaque) else sorted(origin.columns)
        found.append(
            {
                "number": number,
                "origin": _origin(origin),
                "columns": [str(column) for column in columns],
                "labels": _labels(each, columns),
                "mask": None if denied or mask is None else _mask(mask),
                "shown": not denied,
            }
        )
    return found


def _mask(mask: Mask) -> dict[str, object]:
    params = {
        name: {path: _mask(inner) for path, inner in value} if isinstance(value, tuple) else value
        for name, value in mask.params
    }
    return {"kind": mask.kind, "label": mask.label, "params": params}


def _origin(origin: ColumnOrigin) -> str:
    match origin:
        case Columns():
            return "column"
        case Constant():
            return "expression"
        case Opaque(reason=reason):
            return f"unknown: {reason}"


def _labels(each: Explained, columns: Sequence[ColumnRef]) -> list[str]:
    return sorted({name for column in columns if column in each.labels for name in each.labels[column].labels})


def _answer(each: Explained, use: ColumnUse) -> dict[str, str]:
    """What each label of the column says to this use."""
    if each.facts is None or not use.column.schema:
        return {}
    return {label: answer(each.facts, label, use).value for label in _labels(each, [use.column])}


def _said(labels: Sequence[str], answers: Mapping[str, str]) -> str:
    return _tagged([f"{label}: {answers[label]}" if label in answers else label for label in labels])


def _tagged(labels: Sequence[str]) -> str:
    return f" [{', '.join(labels)}]" if labels else ""


def _output_line(output: Mapping[str, Any]) -> str:
    what = ", ".join(output["columns"]) if output["origin"] == "column" else output["origin"]
    mask = output["mask"]
    if not output["shown"]:
        how = "not shown"
    elif mask is None:
        how = "as it is"
    else:
        params = ", ".join(f"{name}={value}" for name, value in mask["params"].items())
        how = mask["kind"] + (f" ({params})" if params else "")
    return one_line(f"{output['number']}. {what}{_tagged(output['labels'])} -> {how}", 300)
