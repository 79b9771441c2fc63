"""Adding to principals.yaml as an operator wrote it: every style that can be added to, and refusal of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.cli.exits import Failure
from pgmaskproxy.cli.principals_file import HEAD, Entry, add_entry, entry_lines, with_entry

BOB: Entry = {"id": "bob", "groups": ("dba", "on call"), "identities": {"email": "bob@example.com"}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        HEAD + "people:\n",
        HEAD + "people: []\n",
        HEAD + "people: ~   # none yet\nusers: []\n",
        HEAD + "people:\n- id: alice\n",
        HEAD + "people:\n    - id: alice\n      groups: [dba]   # hers\n\n# the logins\nusers: []\n",
        HEAD + "people:\n  - id: alice\n    groups:\n      - dba\n      - privacy\n# end",
        HEAD + "people:\n  - {id: alice,\n     groups: [dba]}\n  # after\nusers: []\n",
        HEAD + "users: []\n",
        "people:\n  - id: alice\n    password: >-\n      long\n      text\n\nkind: Principals\n",
        "people:\n  - id: alice\n    password: |\n      long\nkind: Principals\n",
    ],
)
def test_an_entry_is_added_and_nothing_else_changes(text: str) -> None:
    after = with_entry(text, "people", BOB)
    before, changed = yaml.safe_load(text or HEAD), yaml.safe_load(after)
    people = changed.pop("people")
    assert people == [*(before.pop("people", None) or []), yaml.safe_load("\n".join(entry_lines(BOB)))[0]]
    assert changed == before
    kept = [line.partition("people: ")[0] for line in text.splitlines()]
    assert all(line in after for line in kept)
    assert ("# none yet" in after) == ("# none yet" in text)


@pytest.mark.parametrize(
    "text", ["{people: [{id: alice}]}", HEAD + "people: [{id: alice}]\n", "- a\n", "text", "people: {a: 1}\n"]
)
def test_other_styles_are_left_to_a_person(text: str) -> None:
    with pytest.raises(Failure, match="cannot be added to"):
        with_entry(text, "people", BOB)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_name_survives(name: str) -> None:
    assert yaml.safe_load("\n".join(entry_lines({"id": name, "groups": (name,)}))) == [{"id": name, "groups": [name]}]


def test_a_file_that_is_no_yaml_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("people: [\n")
    with pytest.raises(Failure, match="not YAML") as caught:
        add_entry(file, "people", BOB)
    assert caught.value.code == 78
    assert caught.value.where.startswith(f"{file}:")
    assert file.read_text() == "people: [\n"


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match="cannot be read"):
        add_entry(file, "people", BOB)
    with pytest.raises(Failure, match="cannot be written"):
        add_entry(tmp_path / "no" / "p.yaml", "people", {"id": "bob"})


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text(HEAD)
    link.symlink_to(real)
    add_entry(link, "people", {"id": "bob"})
    assert link.is_symlink()
    assert "bob" in real.read_text()
