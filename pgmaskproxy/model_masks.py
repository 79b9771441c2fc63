"""How a column is shown: part of `model`, from where everybody takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Mask:
    """How a column is shown. `label` is the strongest label's; `params` are the kind's, sorted."""

    kind: str
    label: str
    params: tuple[tuple[str, MaskParam], ...] = ()

    def param(self, name: str, default: str | int | bool) -> str | int | bool:
        """The parameter `name` where it is a word or a number, or `default`."""
        for key, value in self.params:
            if key == name and not isinstance(value, tuple):
                return value
        return default

    @property
    def fields(self) -> tuple[tuple[str, Mask], ...]:
        """Of a mask of the kind ROW: the masks of its fields, by their place from 1."""
        return next((value for name, value in self.params if name == "fields" and isinstance(value, tuple)), ())

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that a policy has named: of a row, those of its fields."""
        return frozenset(mask.kind for _, mask in self.fields) if self.kind == ROW else frozenset({self.kind})

    def __str__(self) -> str:
        """`label:kind`, as records have it; of a row, that of each field that has one."""
        if self.kind != ROW:
            return f"{self.label}:{self.kind}"
        return f"{ROW}:" + ",".join(f"{place}={mask}" for place, mask in self.fields)


MaskParam: TypeAlias = "str | int | bool | tuple[tuple[str, Mask], ...]"
"""Of a mask of the kind `json`: each path, and the mask of what is there."""


ROW: Final = "row"
"""The kind of a mask that no policy names: of one relation's row as a whole, each field by a mask of its own. It has
`columns`, how many fields there are, and `fields`, the masks of those that have one, by their place from 1."""

NULL_MASK: Final = Mask("null", "")
"""What is shown where nothing is proven."""
