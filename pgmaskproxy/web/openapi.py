"""`python -m pgmaskproxy.web.openapi [FILE]`: write docs/openapi.json from the code."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pgmaskproxy.web.app import api_document


def document_text() -> str:
    """The document as it is checked in: JSON, two spaces, keys sorted, a newline at the end."""
    return json.dumps(api_document(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def main(arguments: list[str]) -> None:
    """Writes the document to the file named, by default docs/openapi.json below the working directory."""
    Path(arguments[0] if arguments else "docs/openapi.json").write_text(document_text(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
