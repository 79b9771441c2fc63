"""What people are told of a statement that is about to be held, found where the catalog is known."""

from __future__ import annotations

from functools import partial

from pgmaskproxy.approval.facts import Facts, touched_columns
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.session.events import Hold
from pgmaskproxy.sql.telling import tell


async def facts_of(judge: Judge, command: Hold, application: str) -> Facts:
    """The words for `command`'s statement; a database that is not known any more has no labels to tell of."""
    ruling, sql = command.ruling, command.statement.sql
    known = judge.knowledge.now.databases.get(command.statement.database)
    columns = touched_columns(ruling.analysis, known.labelling if known is not None else {})
    labelled = known is None or bool(columns or ruling.decision.labels)
    telling = await judge.deeply(partial(tell, sql, ruling.analysis, labelled=labelled))
    return Facts(
        application=application,
        does=telling.does,
        text=telling.text,
        places=telling.places,
        literals=telling.literals,
        reads=tuple(sorted(str(each) for each in ruling.analysis.reads)),
        writes=tuple(sorted(str(each) for each in ruling.analysis.writes)),
        columns=columns,
    )
