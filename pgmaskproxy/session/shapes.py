"""What results of this session looked like before, and how their rows were shown: found again by their bytes.

Texts that differ in constants come back in the same shape, byte for byte, under the same masks. So a description is
read once, and a plan made once, for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from pgmaskproxy.mask.keys import Keyring
from pgmaskproxy.mask.maskers import Customs
from pgmaskproxy.mask.plan import BoundPlan
from pgmaskproxy.model import Mask, Visibility
from pgmaskproxy.wire.backend import Field

KEPT: Final = 256
LONGEST: Final = 4096
"""Bytes of a description that is kept."""


@final
class _Made:
    """A plan, and what it was made of: the same objects, not equal ones."""

    __slots__ = ("customs", "fields", "keys", "masks", "plan", "visibility")

    def __init__(  # noqa: PLR0917 - what it was made of
        self,
        fields: tuple[Field, ...],
        masks: tuple[Mask | None, ...] | None,
        visibility: Visibility,
        keys: Keyring,
        customs: Customs,
        plan: BoundPlan,
    ) -> None:
        self.fields = fields
        self.masks = masks
        self.visibility = visibility
        self.keys = keys
        self.customs = customs
        self.plan = plan

    def is_of(self, visibility: Visibility, keys: Keyring, customs: Customs) -> bool:
        """Whether these are what it was made of, too."""
        return self.visibility is visibility and self.keys is keys and self.customs is customs


@final
class Shapes:
    """One session's."""

    def __init__(self) -> None:
        self._fields: dict[bytes, tuple[Field, ...]] = {}
        self._made: dict[tuple[int, int], _Made] = {}
        """By the identity of fields and masks, which each entry holds on to."""

    def fields(self, body: bytes) -> tuple[Field, ...] | None:
        """What a RowDescription of this body describes, if it was read before."""
        return self._fields.get(body)

    def read(self, body: bytes, fields: tuple[Field, ...]) -> None:
        """It was read."""
        if len(body) <= LONGEST:
            if len(self._fields) >= KEPT:
                self._fields.clear()
            self._fields[body] = fields

    def plan(  # noqa: PLR0917 - what it is made of
        self,
        fields: tuple[Field, ...],
        masks: tuple[Mask | None, ...] | None,
        visibility: Visibility,
        keys: Keyring,
        customs: Customs,
        make: Callable[..., BoundPlan],
    ) -> BoundPlan:
        """The plan of exactly these, made by `make` where it was not made before."""
        found = self._made.get((id(fields), id(masks)))
        if found is not None and found.is_of(visibility, keys, customs):
            return found.plan
        plan = make(fields, masks, visibility, keys, customs)
        if not plan.unknown:
            if len(self._made) >= KEPT:
                self._made.clear()
            self._made[id(fields), id(masks)] = _Made(fields, masks, visibility, keys, customs, plan)
        return plan

    def forget(self) -> None:
        """Rows are shown otherwise from now on."""
        self._made.clear()
