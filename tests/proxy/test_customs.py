"""Masks of the operator's own, from distributions that are really there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.customs import GROUP, load_customs

CODE = """
def initials(text):
    return "".join(word[:1] for word in text.split())

not_one = 7
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution with entry points, on the path."""
    (tmp_path / "ourmasks.py").write_text(CODE)
    (tmp_path / "brokenmasks.py").write_text("raise RuntimeError('not today')")
    about = tmp_path / "ourmasks-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ourmasks\nVersion: 1.0\n")
    names = {"initials": "ourmasks:initials", "number": "ourmasks:not_one", "missing": "ourmasks:nothing"}
    names |= {"broken": "brokenmasks:anything"}
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ourmasks", raising=False)
    return tmp_path


def policy(*names: str) -> Policy:
    labels = "".join(
        f'  label{at}: {{columns: ["s.t.c{at}"], mask: {{kind: custom, name: {name}}}}}\n'
        for at, name in enumerate(names)
    )
    labels += "  other: {columns: [s.t.x], mask: {kind: redact}}\n"
    text = f"apiVersion: pgmaskproxy/v1\nkind: Policy\nlabels:\n{labels}"
    return load_policies([("shop.yaml", text)], kinds())


@pytest.mark.usefixtures("installed")
def test_what_a_policy_names_is_imported() -> None:
    found, problems = load_customs(policy("initials", "initials"))
    assert problems == ()
    assert [*found] == ["initials"]
    assert found["initials"]("Jane Doe") == "JD"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("other", 'label "label0": there are no entry points "other" in the group pgmaskproxy.masks'),
        ("number", 'label "label0": the custom mask "number" (ourmasks:not_one) is no function'),
        ("missing", 'label "label0": the custom mask "missing" (ourmasks:nothing) cannot be imported: AttributeError'),
        ("broken", 'label "label0": the custom mask "broken" (brokenmasks:anything) cannot be imported: RuntimeError'),
    ],
)
def test_what_is_no_mask_is_said_at_its_place(name: str, reason: str) -> None:
    found, (problem,) = load_customs(policy(name))
    assert found == {}
    assert problem.message.startswith(reason)
    assert (problem.file, problem.line) == ("shop.yaml", 4)


def test_a_policy_without_any_imports_none() -> None:
    assert load_customs(policy()) == ({}, ())
