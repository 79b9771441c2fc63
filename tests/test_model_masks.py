from __future__ import annotations

from pgmaskproxy.model import ROW, Mask

REDACT = Mask("redact", "pii.ssn")
PARTIAL = Mask("partial", "pii.card", (("last", 4),))
DOCUMENT = Mask("json", "pii.doc", (("paths", (("$.a", REDACT),)),))
OF_A_ROW = Mask(ROW, "", (("columns", 3), ("fields", (("2", REDACT), ("3", PARTIAL)))))


def test_parameters_by_name() -> None:
    assert PARTIAL.param("last", 0) == 4
    assert PARTIAL.param("first", 7) == 7
    assert DOCUMENT.param("paths", "") == ""  # masks are no word and no number
    assert OF_A_ROW.param("columns", 0) == 3


def test_as_records_have_it() -> None:
    assert str(REDACT) == "pii.ssn:redact"
    assert str(DOCUMENT) == "pii.doc:json"
    assert str(OF_A_ROW) == "row:2=pii.ssn:redact,3=pii.card:partial"


def test_the_kinds_in_it() -> None:
    assert PARTIAL.kinds == {"partial"}
    assert OF_A_ROW.kinds == {"redact", "partial"}
    assert OF_A_ROW.fields == (("2", REDACT), ("3", PARTIAL))
    assert PARTIAL.fields == DOCUMENT.fields == ()
