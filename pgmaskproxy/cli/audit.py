"""`pgmaskproxy audit`: prove the log, and follow it. Needs nothing but the files."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from pgmaskproxy.audit.chain import BadRecord, Head, Record
from pgmaskproxy.audit.tail import tail as follow_records
from pgmaskproxy.audit.verify import Report
from pgmaskproxy.audit.verify import verify as verify_chains
from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import config_option, emit, format_option, option
from pgmaskproxy.cli.settings import configured
from pgmaskproxy.web.readable import one_line

FOLLOW_SECONDS = 0.25
HEAD = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})=([0-9]{1,15}):([0-9a-f]{64})")

PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))


@click.group("audit")
def audit() -> None:
    """Prove the audit log, and follow it.

    PATHS are audit files or directories of them; without any, the configuration's.
    """


def _places(paths: Sequence[Path], config_path: Path | None) -> tuple[Path, ...]:
    return tuple(paths) or (configured(config_path).audit.directory,)


@audit.command("verify")
@PATHS
@option(
    "--head",
    "heads",
    multiple=True,
    metavar="WRITER=SEQ:HASH",
    help="A record noted earlier that a chain must still have: shows that its end was not cut off. May be repeated.",
)
@config_option
@format_option
@click.pass_context
def verify(
    context: click.Context, paths: tuple[Path, ...], heads: tuple[str, ...], config_path: Path | None, style: str
) -> None:
    """Check every hash chain; exit 1 naming the first bad record of each."""
    places = _places(paths, config_path)
    try:
        report = verify_chains(places, dict(_head(each) for each in heads))
    except OSError as error:
        raise Failure(
            Exit.UNAVAILABLE, f"the audit log cannot be read: {error.strerror}", where=str(error.filename or places[0])
        ) from None
    emit(style, _data(report), _text(report))
    context.exit(Exit.OK if report.ok else Exit.NEGATIVE)


@audit.command("tail")
@PATHS
@option("-n", "--lines", "last", type=click.IntRange(0, 100_000), default=10, help="How many records to begin with.")
@option("-f", "--follow", is_flag=True, help="Go on with new records until interrupted.")
@option(
    "--kind", "kinds", multiple=True, help="Only records of this kind (`statement.decided`) or beginning (`approval`)."
)
@config_option
@format_option
def tail(
    *, paths: tuple[Path, ...], last: int, follow: bool, kinds: tuple[str, ...], config_path: Path | None, style: str
) -> None:
    """Show the last records, one a line (JSON lines with --format json), and follow with -f."""

    def wait() -> bool:
        time.sleep(FOLLOW_SECONDS)
        return True

    places = _places(paths, config_path)
    try:
        for record in follow_records(places, last=last, wait=wait if follow else None):
            if not kinds or any(record.kind == kind or record.kind.startswith(f"{kind}.") for kind in kinds):
                click.echo(json.dumps(_record(record), ensure_ascii=False) if style == "json" else _line(record))
    except BadRecord as bad:
        raise Failure(Exit.NEGATIVE, f"a record is bad: {bad.wrong}", next_step="`audit verify` says which") from None
    except OSError as error:
        raise Failure(
            Exit.UNAVAILABLE, f"the audit log cannot be read: {error.strerror}", where=str(error.filename or places[0])
        ) from None


def _head(text: str) -> tuple[str, Head]:
    found = HEAD.fullmatch(text)
    if found is None:
        raise Failure(Exit.USAGE, f"--head wants WRITER=SEQ:HASH, not {one_line(text)!r}")
    return found[1], Head(int(found[2]), found[3])


def _data(report: Report) -> dict[str, object]:
    return {
        "ok": report.ok,
        "records": report.records,
        "chains": [
            {
                "file": chain.file,
                "writer": chain.writer,
                "records": chain.records,
                "first": chain.first_ts,
                "last": chain.last_ts,
                "head": {"seq": chain.head.seq, "hash": chain.head.hash},
            }
            for chain in report.chains
        ],
        "problems": [
            {"file": each.file, "line": each.line, "seq": each.seq, "wrong": each.wrong, "torn": each.torn}
            for each in report.problems
        ],
    }


def _text(report: Report) -> str:
    lines = [
        f"{chain.file}: {chain.records} records"
        + (
            f", {chain.first_ts} to {chain.last_ts}, head {chain.writer}={chain.head.seq}:{chain.head.hash}"
            if chain.records
            else ""
        )
        for chain in report.chains
    ]
    lines += [click.style(f"{one_line(str(each), 500)}", fg="red") for each in report.problems]
    files = "one chain" if len(report.chains) == 1 else f"{len(report.chains)} chains"
    good = click.style("verified", fg="green", bold=True)
    bad = click.style("broken", fg="red", bold=True)
    lines.append(f"{good if report.ok else bad}: {report.records} good records in {files}")
    return "\n".join(lines)


def _record(record: Record) -> dict[str, object]:
    return {
        "seq": record.seq,
        "ts": record.ts,
        "kind": record.kind,
        "ids": dict(record.ids),
        "data": dict(record.data),
        "prev": record.prev,
        "hash": record.hash,
    }


def _line(record: Record) -> str:
    facts = " ".join(
        f"{name}={one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 200)}"
        for name, value in (*record.ids.items(), *record.data.items())
        if value not in ("", None, [])
    )
    return f"{record.ts} {record.seq:>6} {click.style(record.kind.ljust(20), bold=True)} {facts}"
