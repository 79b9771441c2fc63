"""The part of JSONPath (RFC 9535) that names places in a document: `$.a`, `$['a b']`, `$.a[0]`, `$.a[*].b`, `$..b`."""

from __future__ import annotations

import re
from typing import Final, final

_STEP: Final = re.compile(
    r"(?P<deep>\.\.)?(?:(?P<dot>\.)?(?P<name>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*|\*)"
    r"|\[(?:(?P<index>\d{1,9}|\*)|'(?P<single>[^'\\]*)'|\"(?P<double>[^\"\\]*)\")\])"
)


@final
class Step:
    """One step down: into the member `name` or the element `index`, into `any`, at once or (`deep`) at any depth."""

    def __init__(self, name: str | None, index: int, *, any_: bool, deep: bool) -> None:
        self.name: Final = None if name is None else name.encode("utf-8")
        self.index: Final = index
        self.any: Final = any_
        self.deep: Final = deep

    def takes(self, name: bytes | None, index: int) -> bool:
        """Whether it leads into this member (its name, in UTF-8), or into this element (None, and its place)."""
        return self.any or (self.name == name if name is not None else self.name is None and self.index == index)


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path; none is the whole document. ValueError for what is no path of the kind we know."""
    if not text.startswith("$"):
        raise ValueError(f'a JSON path begins with $, and "{text}" does not')
    steps: list[Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        # A name needs one dot before it or, deep, two; a bracket none or two.
        if found is None or (found["name"] is not None and bool(found["deep"]) == bool(found["dot"])):
            raise ValueError(
                f'"{text}" cannot be read as a JSON path from "{text[at:]}" on: it has .name, [0], [*] and ..name'
            )
        name = found["name"] if found["name"] is not None else found["single"]
        name = name if name is not None else found["double"]
        any_ = found["name"] == "*" or found["index"] == "*"
        index = int(found["index"]) if found["index"] is not None and not any_ else -1
        steps.append(Step(None if any_ else name, index, any_=any_, deep=found["deep"] is not None))
        at = found.end()
    return tuple(steps)
