"""What was decided in this session before and may be sent at once, without waiting for the server (DESIGN 3c).

A read that was attested in this session, or exact bytes that were allowed in it, with nothing in between that moves
what names mean: then Parse, Bind, Describe and Execute go out together. What the server answers on the way must be
what was answered then, or the session ends with its rows still sealed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeAlias, final

from pgmaskproxy.mask.plan import MaskPlan
from pgmaskproxy.model import Analysis, Effect, Mask, Outcome, Ruling
from pgmaskproxy.session.pipeline import Promise
from pgmaskproxy.wire.backend import Field

KEPT: Final = 256
"""Statements of one session that may go early; a tree takes a few kilobytes."""

READ: Final = frozenset({Effect.READ})

Key: TypeAlias = tuple[str, tuple[int, ...], tuple[int, ...]]
"""The statement's text, its parameter types and its result formats, as the client gave them."""


@final
class Allowed:
    """A read that ran: its ruling, its tree, its shape, and how its rows are shown."""

    __slots__ = ("described", "exact", "fields", "opening", "plan", "ruling", "shown", "tree")

    def __init__(
        self, ruling: Ruling, tree: bytes, fields: tuple[Field, ...], plan: MaskPlan, shown: tuple[Mask | None, ...]
    ) -> None:
        self.ruling = ruling
        self.tree = tree
        self.described: list[bytes] = []
        """The description of that shape as it came: the last of them."""
        self.opening = b""
        """What the server's answer to a Bind and a Describe of it began with; '' while it is not known."""
        self.exact: list[bytes] = []
        """The last tree that was found to be this one but for constants and places."""
        self.fields = fields
        self.plan = plan
        self.shown = shown

    def at_parse(self) -> Promise:
        """What Parse must bring: this tree, and no function's."""
        return Promise(self.tree, None, self.exact)

    def at_bind(self) -> Promise:
        """What Bind must bring: no tree at all."""
        return Promise(None, None)

    def at_describe(self) -> Promise:
        """What the portal must be described as."""
        return Promise(None, self.fields, self.described)


@final
class Early:
    """The statements that may go early. Everything in here is dropped as soon as names may mean something else."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Allowed] = OrderedDict()
        self._familiar: dict[int, tuple[Analysis, int]] = {}
        """By the identity of an analysis that stands for many texts: itself, so that its identity stays its own, and
        the epoch in which a statement of it was allowed."""

    def find(self, key: Key, text: Ruling, epoch: int, path: tuple[str, ...] | None = None) -> Allowed | None:
        """What was allowed for exactly this, if it still counts. `text` is the text's ruling of now; `path` the
        search_path of now, where that is not the one `text` was read under."""
        found = self._kept.get(key)
        if found is None or found.ruling.epoch != epoch or text.epoch != epoch:
            return None
        if (text.search_path if path is None else path) != found.ruling.search_path or text.unmask:
            return None
        self._kept.move_to_end(key)
        return found

    def keep(self, key: Key, allowed: Allowed) -> None:
        """It was decided and is about to run."""
        self._kept[key] = allowed
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def meet(self, text: Ruling) -> None:
        """A statement was allowed whose text is like many others but for its constants (`Ruling.general`)."""
        if text.general:
            if len(self._familiar) >= KEPT:
                self._familiar.clear()
            self._familiar[id(text.analysis)] = (text.analysis, text.epoch)

    def is_familiar(self, text: Ruling, epoch: int) -> bool:
        """Whether another of these texts was allowed in this session, and nothing has moved since: then it may be bound
        before its tree has come, as DESIGN 3c has it. It is executed when that was judged, and not before."""
        found = self._familiar.get(id(text.analysis)) if text.general else None
        return found is not None and found[0] is text.analysis and found[1] == text.epoch == epoch

    def forget(self) -> None:
        """Names may mean something else from now on."""
        self._kept.clear()
        self._familiar.clear()


def may_go_early(ruling: Ruling) -> bool:
    """A plain read that a tree allowed: nothing to ask, to count, to set or to name."""
    analysis, decision = ruling.analysis, ruling.decision
    return (
        bool(ruling.attested)
        and decision.outcome is Outcome.ALLOW
        and analysis.effects == READ
        and not (decision.charges or decision.terms or decision.unmask is not None or ruling.unmask)
        and not (analysis.opaque or analysis.settings or analysis.moves_names)
        and analysis.names is None
        and analysis.copy is None
        and analysis.inner is None
    )
