"""docs/openapi.json is what the code says."""

from __future__ import annotations

from pathlib import Path

from pgmaskproxy.web.openapi import document_text, main

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_document_is_the_one_checked_in() -> None:
    current = DOCUMENT.read_text(encoding="utf-8")
    assert current == document_text(), "docs/openapi.json is out of date: `python -m pgmaskproxy.web.openapi` writes it"


def test_it_is_written_where_told(tmp_path: Path) -> None:
    main([str(tmp_path / "openapi.json")])
    assert (tmp_path / "openapi.json").read_text(encoding="utf-8") == document_text()
