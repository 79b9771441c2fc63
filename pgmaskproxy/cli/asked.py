"""An approval request on a terminal. Everything in it may be an agent's text: shown with nothing hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rich_click as click

from pgmaskproxy.cli.output import pairs, table
from pgmaskproxy.web.readable import one_line, visible


def listed(requests: Sequence[Mapping[str, Any]]) -> str:
    """A table, one line a request."""
    if not requests:
        return "nothing is waiting"
    rows = [
        (
            str(each["id"]),
            str(each["state"]),
            _left(each),
            one_line(each["principal"], 24),
            one_line(each["database"], 20),
            " ".join(each["effects"]),
            "you" if each["you"]["may_decide"] else one_line(" ".join(each["groups"]), 24),
            one_line(_what(each), 60),
        )
        for each in requests
    ]
    return table(("ID", "STATE", "LEFT", "WHO", "DATABASE", "EFFECTS", "ASKED", "WHAT"), rows)


def _what(request: Mapping[str, Any]) -> str:
    """What is unmasked comes first, then the policy's own words."""
    columns = ", ".join(request.get("unmask", ()))
    said = request["card"] or request["redacted"]
    return f"unmasks {columns}: {said}" if columns else said


def shown(request: Mapping[str, Any]) -> str:
    """All of one request."""
    who = f"{one_line(request['principal'])} ({request['kind']}) from {one_line(request['address']) or 'unknown'}"
    if request["owner"]:
        who += f", for {one_line(request['owner'])}"
    facts = {
        "request": f"{request['id']}  {_state(request)}",
        "UNMASKS": "\n".join(
            f"{one_line(each, 300)} as it is, in at most {request['unmask_rows']} rows, once"
            for each in request.get("unmask", ())
        ),
        "who": who,
        "where": f"database {one_line(request['database'])} as role {one_line(request['role'])}, "
        f"search_path {one_line(', '.join(request['search_path']))}",
        "why": visible(request["reason"]) or "(no reason given)",
        "card": visible(request["card"]),
        "effects": " ".join(request["effects"]),
        "relations": one_line(", ".join(request["relations"]), 1000),
        "labels": one_line(", ".join(request["labels"]), 1000),
        "shown": "\n".join(f"{number}. {one_line(each, 300)}" for number, each in enumerate(request["shown"], 1)),
        "rules": "\n".join(_rule(each) for each in request["rules"]),
        "agree": "\n".join(
            f"{each['missing']} of {each['quorum']} missing from {' or '.join(each['groups'])}; {_rule(each['rule'])}"
            for each in request["terms"]
        ),
        "votes": "\n".join(
            f"{one_line(each['person'])} {'approved' if each['approve'] else 'rejected'} {each['at']}"
            + (f": {_flat(each['reason'])}" if each["reason"] else "")
            for each in request["votes"]
        ),
        "digest": request["digest"],
        "note": one_line(request["note"]),
    }
    lines = [pairs({name: value for name, value in facts.items() if value}), "", click.style("SQL", bold=True)]
    # Every line is marked: what an agent writes into its SQL cannot pass for a line of ours.
    lines += [f"  | {line}" for line in visible(request["sql"]).split("\n")]
    if request["parameters"]:
        lines += ["", click.style("parameters", bold=True)]
        lines += [
            f"${each['number']} {each['type'] or each['type_oid']} = {_value(each['text'])}"
            for each in request["parameters"]
        ]
    warnings = []
    if request["hidden_characters"]:
        warnings.append("it has characters that a screen does not show: " + ", ".join(request["hidden_characters"]))
    if not request["digest_matches"]:
        warnings.append("its digest does not match its content: somebody changed the stored request. Do not approve it")
    lines += [f"\n{click.style('warning:', fg='yellow', bold=True)} {each}" for each in warnings]
    if not request["you"]["may_decide"]:
        lines.append(f"\nyou cannot decide it: {visible(request['you']['why_not'] or '')}")
    return "\n".join(lines)


def _value(text: str | None) -> str:
    return "NULL" if text is None else "'" + _flat(text).replace("'", "''") + "'"


def _flat(text: str) -> str:
    """All of `text` on one line."""
    return visible(text).replace("\n", "⟨U+000A⟩")


def _rule(rule: Mapping[str, Any]) -> str:
    return one_line(f"{rule['id']} ({rule['file']}:{rule['line']})" if rule["file"] else str(rule["id"]), 300)


def _left(request: Mapping[str, Any]) -> str:
    if request["state"] != "pending":
        return "-"
    seconds = int(request["seconds_left"])
    return f"{seconds // 60}m{seconds % 60:02d}s"


def _state(request: Mapping[str, Any]) -> str:
    left = _left(request)
    return f"{request['state']}, {left} left" if left != "-" else str(request["state"])
