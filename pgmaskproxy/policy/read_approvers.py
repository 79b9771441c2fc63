"""`approvers:` of a rule or a label -> the terms that everybody asked must meet."""

from __future__ import annotations

from typing import Final

from pgmaskproxy.model import ApprovalTerms, RuleRef
from pgmaskproxy.policy import fields, yaml
from pgmaskproxy.policy.fields import Fields, Problems

DEADLINE: Final = 900.0
IN_TRANSACTION: Final = 30.0
KEYS: Final = ("groups", "quorum", "deadline", "in_transaction", "steps")


def read_approvers(
    node: yaml.Node, problems: Problems, ref: RuleRef, *, reason: bool = False, card: str = ""
) -> tuple[ApprovalTerms, ...]:
    """The terms in `node`, one for each step; what is wrong with it goes to `problems`."""
    approvers = Fields(node, '"approvers"', KEYS, problems)
    groups = approvers.read("groups", fields.each(fields.identifier))
    quorum = approvers.read("quorum", fields.count)
    deadline = approvers.read("deadline", fields.duration) or DEADLINE
    in_transaction = approvers.read("in_transaction", fields.duration) or IN_TRANSACTION
    asked: list[tuple[tuple[str, ...], int]] = []
    steps = approvers.get("steps")
    if steps is not None:
        if approvers.get("groups") is not None or approvers.get("quorum") is not None:
            problems.add(steps, '"steps" stands instead of "groups" and "quorum"')
        for item in fields.items(steps, '"steps"', problems):
            step = Fields(item, "a step", ("group", "quorum"), problems)
            group = step.read("group", fields.identifier, required=True)
            asked.append(((group or "",), step.read("quorum", fields.count) or 1))
    elif groups is not None:
        asked.append((tuple(sorted(set(groups))), quorum or 1))
    elif approvers.get("groups") is None and isinstance(node, yaml.Mapping):
        problems.add(node, '"approvers" needs "groups" or "steps"')
    return tuple(
        ApprovalTerms(ref, asked_groups, number, deadline, in_transaction, reason, card)
        for asked_groups, number in asked
    )
