"""The `labels:` of a policy file -> Label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from pgmaskproxy.model import Mask, RuleRef, Use
from pgmaskproxy.policy import fields, yaml
from pgmaskproxy.policy.fields import Fields, Problems, did_you_mean
from pgmaskproxy.policy.read_uses import read_uses
from pgmaskproxy.policy.rules import STRENGTH, TOKEN, Answer, Label, ParamValue

LABEL_KEYS: Final = ("columns", "mask", "clear_for", "uses", "approvers")


class ParamSpec(Protocol):
    """What the loader needs to know of one parameter of a mask (see mask/maskers)."""

    @property
    def default(self) -> ParamValue:
        """Its value where a policy says nothing."""

    @property
    def required(self) -> bool:
        """Whether a policy must say something."""

    @property
    def type(self) -> type[object]:
        """str, int, bool; or dict, of JSON paths to masks."""

    def problem(self, value: object) -> str:
        """What is wrong with `value`, '' when nothing is."""


MaskKinds = Mapping[str, Mapping[str, ParamSpec]]


def label_ids(top: Fields) -> frozenset[str]:
    """The ids of all labels of one file, those with something wrong included: a rule may name them."""
    node = top.get("labels")
    return frozenset(key.text for key, _ in node.entries) if isinstance(node, yaml.Mapping) else frozenset()


def read_labels(top: Fields, mask_kinds: MaskKinds) -> list[Label]:
    """The labels of one file that could be read; what is wrong with the others goes to the problems of `top`."""
    node = top.get("labels")
    if node is None:
        return []
    if not isinstance(node, yaml.Mapping):
        top.problems.add(node, '"labels" must be a mapping of label to what it is')
        return []
    found: list[Label] = []
    for key, value in node.entries:
        name = fields.identifier(key, "a label", top.problems)
        own = Fields(value, f'label "{key.text}"', LABEL_KEYS, top.problems)
        reader = fields.each(fields.pattern(3, "schema.table.column", ignore_case=True))
        columns = own.read("columns", reader, required=True)
        mask = _mask(own, key.text, mask_kinds)
        clear_for = own.read("clear_for", fields.each(fields.who)) or ()
        ref = RuleRef(key.text, key.file, key.line)
        uses = read_uses(own, columns or (), ref)
        if mask is not None and mask.kind != TOKEN and (Use.EQUALITY, Answer.TOKEN) in uses.answers:
            problem = '"equality: token" is for labels whose mask is a token'
            own.problems.add(own.get("uses") or own.node, problem, "mask: {kind: token}")
        if name is not None and columns is not None and mask is not None:
            found.append(Label(name, columns, mask, clear_for, uses.answers, uses.budget, uses.joins, uses.terms, ref))
    return found


def _mask(own: Fields, label: str, mask_kinds: MaskKinds) -> Mask | None:
    node = own.get("mask")
    if node is None:
        own.read("mask", fields.text, required=True)
        return None
    return _read_mask(node, label, mask_kinds, own.problems)


def _read_mask(node: yaml.Node, label: str, mask_kinds: MaskKinds, problems: Problems) -> Mask | None:
    if not isinstance(node, yaml.Mapping):
        problems.add(node, '"mask" must be a mapping, like {kind: redact}')
        return None
    kind_node = node.get("kind")
    if kind_node is None:
        problems.add(node, '"mask" needs "kind"')
        return None
    kind = fields.text(kind_node, '"kind"', problems)
    if kind is None:
        return None
    if kind not in mask_kinds or kind not in STRENGTH:
        known = [name for name in STRENGTH if name in mask_kinds]
        problems.add(
            kind_node, f'unknown kind of mask "{kind}"', did_you_mean(kind, known) or f"one of {', '.join(known)}"
        )
        return None
    specs = mask_kinds[kind]
    params = Fields(node, f"mask {kind}", ("kind", *specs), problems)
    found: dict[str, ParamValue] = {}
    for name, spec in sorted(specs.items()):
        given = params.get(name)
        if given is None:
            if spec.required:
                problems.add(node, f'mask {kind} needs "{name}"')
            continue
        value = _paths(given, label, mask_kinds, problems) if spec.type is dict else _param(given, spec)
        wrong = spec.problem(value)
        if wrong:
            problems.add(given, f'"{name}" of mask {kind} {wrong}')
        elif value is not None:
            found[name] = value
    return Mask(kind, label, tuple(sorted(found.items())))


def _param(node: yaml.Node, spec: ParamSpec) -> ParamValue | None:
    if not isinstance(node, yaml.Scalar):
        return None
    value = node.value
    if isinstance(spec.default, str) and isinstance(value, int) and not isinstance(value, bool):
        return node.text  # `fill: 0` is the character it shows
    return value


def _paths(node: yaml.Node, label: str, mask_kinds: MaskKinds, problems: Problems) -> ParamValue | None:
    """JSON paths, each with a mask: in the order written, as the first that fits counts."""
    if not isinstance(node, yaml.Mapping):
        return None
    found = [(key.text, _read_mask(value, label, mask_kinds, problems)) for key, value in node.entries]
    return tuple((path, mask) for path, mask in found if mask is not None)
