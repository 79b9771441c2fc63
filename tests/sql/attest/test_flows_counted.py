"""A number of rows stays one, whatever it goes through."""

from __future__ import annotations

from pgmaskproxy.sql.attest.flows import COUNTED, NOTHING, OTHER, Flow, computed, either

COLUMN = Flow(frozenset({(1, 1)}))


def test_counting_is_not_forgotten() -> None:
    assert either(COUNTED, COLUMN).counted
    assert either(COLUMN, COUNTED).counted
    assert either(NOTHING, COUNTED).counted
    assert not either(COLUMN, OTHER).counted
    assert computed((), counted=True).counted
    assert computed({(1, 1)}, counted=True).counted
    assert not computed({(1, 1)}).counted
