"""Which keys a policy needs, and what to tell an operator who has none.

A keyed mask without its key shows NULL, which nobody asked for: so a proxy does not start with such a policy, and a
reload does not take it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.errors import Problem
from pgmaskproxy.model import Mask, RuleRef
from pgmaskproxy.policy.rules import Policy

KEYED: Final[frozenset[str]] = frozenset({"hash", "token", "uuid"})
"""Kinds of mask that are made with a key."""

DEFAULT_KEY: Final = "masking"
"""The key of a mask that names none (as in mask/keys)."""


@dataclass(frozen=True, slots=True)
class Need:
    """A label whose mask is made with a key."""

    key: str
    label: str
    kind: str
    ref: RuleRef


def needed_keys(policy: Policy) -> tuple[Need, ...]:
    """Every label that needs a key, by its name; nothing of them is derived here."""
    return tuple(
        Need(key, label.id, kind, label.ref) for label in policy.labels.values() for key, kind in _needed(label.mask)
    )


def _needed(mask: Mask) -> Iterator[tuple[str, str]]:
    """The names of keys, and what kind needs them: of the mask, and of those for the parts of a document."""
    if mask.kind in KEYED:
        yield str(mask.param("key", DEFAULT_KEY)), mask.kind
    for _, value in mask.params:
        if isinstance(value, tuple):
            yield from dict.fromkeys(found for _, part in value for found in _needed(part))


def missing_keys(policy: Policy, known: Container[str]) -> tuple[Problem, ...]:
    """A problem for each label whose key is not among the names in `known`, at its place in the policy."""
    return tuple(
        Problem(
            f'label "{need.label}" is shown by mask {need.kind}, which needs the key "{need.key}", and there is none',
            need.ref.file,
            need.ref.line,
            f"run `{_command(need.key)}`",
        )
        for need in needed_keys(policy)
        if need.key not in known
    )


def _command(key: str) -> str:
    return "pgmaskproxy key generate" + ("" if key == DEFAULT_KEY else f" --name {key}")
