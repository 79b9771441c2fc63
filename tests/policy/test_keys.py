from __future__ import annotations

import dataclasses

from pgmaskproxy.mask import keys as mask_keys
from pgmaskproxy.mask.kinds import KINDS
from pgmaskproxy.model import Mask, RuleRef
from pgmaskproxy.policy.keys import DEFAULT_KEY, KEYED, Need, missing_keys, needed_keys
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.rules import Label, Policy


def policy(**masks: Mask) -> Policy:
    empty = load_policies([("p.yaml", "apiVersion: pgmaskproxy/v1\nkind: Policy\nname: p\n")], {})
    labels = {
        name: Label(name, (), mask, ref=RuleRef(name, "p.yaml", number))
        for number, (name, mask) in enumerate(masks.items(), 5)
    }
    return dataclasses.replace(empty, labels=labels)


def test_only_keyed_kinds_need_a_key() -> None:
    assert needed_keys(policy(a=Mask("redact", "a"), b=Mask("null", "b"), c=Mask("partial", "c"))) == ()
    assert {"hash", "token", "uuid"} == KEYED
    for kind in KEYED:
        assert needed_keys(policy(a=Mask(kind, "a"))) == (Need("masking", "a", kind, RuleRef("a", "p.yaml", 5)),)


def test_a_mask_may_name_its_key() -> None:
    found = needed_keys(policy(a=Mask("hash", "a", (("key", "analytics"),)), b=Mask("token", "b")))
    assert [(need.key, need.label) for need in found] == [("analytics", "a"), ("masking", "b")]


def test_the_masks_of_parts_of_a_document_count() -> None:
    parts = (("$.a", Mask("token", "a")), ("$.b", Mask("hash", "a", (("key", "k"),))), ("$.c", Mask("token", "a")))
    found = needed_keys(policy(a=Mask("json", "a", (("paths", parts), ("rest", "keep")))))
    assert [(need.key, need.kind) for need in found] == [("masking", "token"), ("k", "hash")]


def test_what_is_missing_is_said_at_its_place_with_what_to_do() -> None:
    asked = policy(a=Mask("hash", "a", (("key", "analytics"),)), b=Mask("redact", "b"), c=Mask("token", "c"))
    assert [str(problem) for problem in missing_keys(asked, ())] == [
        'p.yaml:5: label "a" is shown by mask hash, which needs the key "analytics", and there is none '
        "(run `pgmaskproxy key generate --name analytics`)",
        'p.yaml:7: label "c" is shown by mask token, which needs the key "masking", and there is none '
        "(run `pgmaskproxy key generate`)",
    ]
    assert len(missing_keys(asked, {"masking"})) == 1
    assert missing_keys(asked, {"masking", "analytics"}) == ()


def test_the_default_is_the_masks_own() -> None:
    assert DEFAULT_KEY == mask_keys.DEFAULT_KEY


def test_the_kinds_are_the_masks_own() -> None:
    assert {name for name, spec in KINDS.items() if spec.keyed} == KEYED
