"""Rulings that hold for every text of one skeleton, so that `... WHERE id = 12345` is judged once for all numbers.

Only what no constant had a part in is kept: the reader says so of the text (`ReadStatement.by_kinds`), and the decision
allows without anything that one of the statement's values could be matched with later.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, final

from pgmaskproxy.model import Analysis, Decision, Outcome, Principal, Ruling, Statement, Visibility
from pgmaskproxy.sql.reader import ReadStatement
from pgmaskproxy.sql.skeleton import grammar_looks, skeleton

CACHED: Final = 4096

Key: TypeAlias = tuple[str, str, str, tuple[str, ...], bool, Principal, int]


@final
@dataclass(frozen=True, slots=True)
class Template:
    """The ruling on one text, and how much of its end is no part of the statement."""

    ruling: Ruling
    tail: int
    visibility: Visibility | None


def generalised(analysis: Analysis) -> Analysis:
    """What is true of every text of the skeleton: without the constants, where they are kept word for word.

    The canonical text is for people; and literals count beside columns that are masked, of which there is none here.
    """
    inputs = tuple(replace(each, literal="") if each.literal else each for each in analysis.inputs)
    return replace(analysis, canonical="", inputs=tuple(dict.fromkeys(inputs)))


def is_general(read: ReadStatement, decision: Decision, statement: Statement) -> bool:
    """Whether neither the reading nor the decision says anything that other constants could change, now or later."""
    return read.by_kinds and not grammar_looks(statement.sql) and not statement.unmask and is_settled(decision)


def is_settled(decision: Decision) -> bool:
    """Whether a decision allows, and leaves nothing open that a value could be matched with."""
    open_still = decision.inputs or decision.charges or decision.terms or decision.unmask or decision.refusal
    return decision.outcome is Outcome.ALLOW and not open_still


@final
class Templates:
    """See the module; the least recently used go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Template] = OrderedDict()

    def find(self, statement: Statement, principal: Principal, epoch: int) -> tuple[Ruling, Visibility | None] | None:
        """The ruling on a text like one that was judged."""
        bare = skeleton(statement.sql) if not statement.unmask else None
        if bare is None:
            return None
        key = _key(bare, statement, principal, epoch)
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        ruling = found.ruling
        # What is around the statement is white space and comments, the same in every text of the skeleton.
        sql = statement.sql[ruling.offset : len(statement.sql) - found.tail]
        # Written out: `replace` takes three times as long, and this is what a statement costs that is like another.
        made = Ruling(
            sql,
            ruling.offset,
            ruling.analysis,
            ruling.decision,
            ruling.epoch,
            ruling.search_path,
            ruling.runs,
            ruling.attested,
            ruling.unmask,
            general=ruling.general,
        )
        return made, found.visibility

    def keep(self, statement: Statement, principal: Principal, ruling: Ruling, seen: Visibility | None) -> None:
        """Keep a ruling that is general."""
        bare = skeleton(statement.sql)
        if bare is None or bare == statement.sql or not ruling.general:
            return
        tail = len(statement.sql) - ruling.offset - len(ruling.sql)
        self._kept[_key(bare, statement, principal, ruling.epoch)] = Template(ruling, tail, seen)
        if len(self._kept) > CACHED:
            self._kept.popitem(last=False)


def _key(bare: str, statement: Statement, principal: Principal, epoch: int) -> Key:
    return (
        bare, statement.database, statement.role, statement.search_path, statement.extended, principal, epoch,
    )  # fmt: skip
