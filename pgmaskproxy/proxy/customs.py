"""Masks that somebody else has written: entry points of installed distributions, in the group `pgmaskproxy.masks`.

A policy names one by `mask: {kind: custom, name: ...}`, and only what a policy names is imported. It is the operator's
code, in the operator's process: it sees values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from pgmaskproxy.errors import Problem
from pgmaskproxy.policy.rules import Label, Policy

GROUP: Final = "pgmaskproxy.masks"

Custom = Callable[[str], "str | None"]


def load_customs(policy: Policy) -> tuple[Mapping[str, Custom], tuple[Problem, ...]]:
    """The functions that the policy names, and a problem for each name that is none, at its place in the policy."""
    found: dict[str, Custom] = {}
    problems: list[Problem] = []
    for label, name in _named(policy):
        reason = "" if name in found else _load(name, found)
        if reason:
            hint = f"install what has it, or see which there are: `{GROUP}` in the metadata of what is installed"
            problems.append(Problem(f'label "{label.id}": {reason}', label.ref.file, label.ref.line, hint))
    return found, tuple(problems)


def _named(policy: Policy) -> Iterator[tuple[Label, str]]:
    for label in policy.labels.values():
        if label.mask.kind == "custom":
            yield label, str(label.mask.param("name", ""))


def _load(name: str, found: dict[str, Custom]) -> str:
    """Why there is no such function; '' where it is now in `found`."""
    there: list[EntryPoint] = [*entry_points(group=GROUP, name=name)]
    if len(there) != 1:
        count = "no" if not there else str(len(there))
        return f'there are {count} entry points "{name}" in the group {GROUP}, and a custom mask is one'
    try:
        function = there[0].load()
    except Exception as error:  # noqa: BLE001 - somebody else's module: whatever it is, the policy is not taken
        return f'the custom mask "{name}" ({there[0].value}) cannot be imported: {type(error).__name__}: {error}'
    if not callable(function):
        return f'the custom mask "{name}" ({there[0].value}) is no function'
    found[name] = function
    return ""
