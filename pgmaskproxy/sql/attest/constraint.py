"""What the expression of a domain's constraint calls: pg_constraint.conbin, in the same grammar as a tree."""

from __future__ import annotations

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.attestation import Called
from pgmaskproxy.sql.attest.reader import Node, read
from pgmaskproxy.sql.attest.scope import Scope
from pgmaskproxy.sql.attest.shape import Shape
from pgmaskproxy.sql.attest.writes import Writes


def called_by(expression: str, major: int) -> Called:
    """Everything that the expression runs, as PostgreSQL `major` writes it. It names no column and has no subquery.

    Raises Unattestable.
    """
    walker = Writes(Shape(major))
    walker.gather(read(expression), Scope(Node("QUERY"), [], None), Use.EXPRESSION, "CHECK")
    return walker.findings.calls.called()
