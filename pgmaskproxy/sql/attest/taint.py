"""attest(): the text of a rewritten tree -> Attestation."""

from __future__ import annotations

from typing import Final

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.attestation import MAX_STEPS, Attestation, Findings, Output, TreeInput
from pgmaskproxy.sql.attest.flows import Column, Flow
from pgmaskproxy.sql.attest.inputs import elsewhere
from pgmaskproxy.sql.attest.reader import Node, Value, read, unfold
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.shape import Shape, flag, members, number
from pgmaskproxy.sql.attest.writes import COMMANDS, Writes

_ORIGINAL: Final = 0  # QuerySource
_SELECT: Final = 1  # CmdType


def attest(tree: str, major: int, *, folded: bool = True, view: int = 0, most: int = MAX_STEPS) -> Attestation:
    """What a statement's tree says, as PostgreSQL `major` writes it.

    `tree` is the DETAIL of a notice, or (not `folded`) pg_rewrite.ev_action, with the OID of its `view` where what the
    definition does is to be told from what a statement does. Raises Unattestable for everything that
    is not understood completely: unknown nodes and fields, forged or damaged text, rules that return rows of their own;
    and for what takes more than `most` visits of a node.
    """
    return attest_queries(read(unfold(tree) if folded else tree), major, view=view, most=most)


def attest_queries(value: object, major: int, *, view: int = 0, most: int = MAX_STEPS) -> Attestation:
    """The same for a tree that has been read."""
    shape = Shape(major)
    if value is not None and not isinstance(value, list):
        raise Unattestable("the server's tree is no list of queries")
    queries = shape.nodes(value, "QUERY")
    if not queries:
        return Attestation("NOTHING")
    walker = Writes(shape)
    walker.findings.view = view
    walker.findings.most = most
    outputs: tuple[Output, ...] = ()
    command = "NOTHING"
    try:
        for query in queries:
            if number(query.fields["querySource"]) != _ORIGINAL:
                _no_result(query)
            flows = walker.query(query, None)
            if number(query.fields["querySource"]) == _ORIGINAL:
                if command != "NOTHING":
                    raise Unattestable("a statement that has become two")
                command = COMMANDS.get(number(query.fields["commandType"]), "SELECT")
                outputs = tuple(_output(flow) for flow in flows)
    except RecursionError as error:
        raise Unattestable("queries are nested too deeply", sqlstate="54001") from error
    return _attestation(command, outputs, walker.findings, value)


def _no_result(query: Node) -> None:
    """A query that a rule has added may write and return nothing."""
    if number(query.fields["commandType"]) == _SELECT or members(query.fields["returningList"]):
        raise Unattestable("a rewrite rule adds a query that returns rows")
    flag(query.fields["canSetTag"])


def _output(flow: Flow) -> Output:
    pure = bool(flow.bare) and not flow.derived and not flow.mixed
    return Output(flow.bare, flow.derived, pure, flow.row is not None, _row(flow) if pure else ())


def _row(flow: Flow) -> tuple[Column, ...]:
    """The columns of one relation's whole row, where it can be nothing else."""
    if flow.row is None or len(flow.bare) != 1 or next(iter(flow.bare))[1] != 0:
        return ()
    return tuple(column for part in flow.row for column in part.bare)


def _parameters(findings: Findings, tree: Value) -> tuple[tuple[TreeInput, ...], frozenset[int]]:
    """Where parameters stand, and which of them elsewhere: those may be written, too, where nobody follows what is."""
    if not findings.inputs and not findings.loose:
        return (), frozenset()
    others = elsewhere(tree, findings.taken)
    written = {
        TreeInput(column, Use.WRITTEN, where, number, type_oid=type_oid): None
        for column, where in findings.loose
        for number, type_oid in sorted(others.items())
    }
    return tuple({**findings.inputs, **written}), frozenset(others)


def _attestation(command: str, outputs: tuple[Output, ...], findings: Findings, tree: Value) -> Attestation:
    inputs, others = _parameters(findings, tree)
    return Attestation(
        command=command,
        outputs=outputs,
        uses=tuple(findings.uses),
        reads=frozenset(findings.reads),
        named=frozenset(findings.named),
        writes=frozenset(findings.writes),
        locks=frozenset(findings.locks),
        sequences=frozenset(findings.sequences - {0}),
        called=findings.calls.called(),
        viewed=tuple((view, calls.called()) for view, calls in sorted(findings.viewed.items())),
        row_security=findings.trusted_calls.called(),
        cursors=frozenset(findings.cursors),
        null_tests=frozenset(findings.null_tests),
        parameters=findings.parameters,
        inputs=inputs,
        elsewhere=others,
    )
