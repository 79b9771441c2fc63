"""Checking chains with nothing but the files: which is the first bad record, and what is wrong with it.

What a chain alone cannot show is that its newest records were cut off: for that, give the `heads` that an
earlier report printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pgmaskproxy.audit.chain import MAX_RECORD, START, BadRecord, Head, Record, decode, follows
from pgmaskproxy.audit.line import linked

_REREADS: Final = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing wrong with a file."""

    file: str
    line: int
    """1-based."""
    seq: int | None
    """What the record claims to be, or the number that was due where it cannot be read."""
    wrong: str
    torn: bool = False
    """An unfinished last line, as a killed process leaves it; the next start sets it aside."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: record {self.seq}: {self.wrong}"


@dataclass(frozen=True, slots=True)
class ChainReport:
    """One file. `head` is the last good record; `problem` the first bad one."""

    file: str
    writer: str
    records: int
    head: Head
    whole_bytes: int
    """Bytes of the file up to the end of the last good line."""
    first_ts: str
    last_ts: str
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Report:
    """Every chain that was looked at."""

    chains: tuple[ChainReport, ...]
    problems: tuple[Problem, ...]
    """The first bad record of each file, then what is wrong between files."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def records(self) -> int:
        """Good records, over all chains."""
        return sum(chain.records for chain in self.chains)


def audit_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The chain files that `paths` mean: a file stands for itself, a directory for its `*.jsonl`."""
    found: list[Path] = []
    for path in paths:
        found.extend(sorted(path.glob("*.jsonl")) if path.is_dir() else [path])
    return tuple(dict.fromkeys(found))


def verify(paths: Sequence[Path], heads: Mapping[str, Head] | None = None) -> Report:
    """Check every chain in `paths` (files or directories), and that no two are one writer's.

    `heads` by writer: a record each chain must still contain. Raises OSError when a file cannot be read.
    """
    expected = heads or {}
    chains = tuple(check_chain(path, expected) for path in audit_files(paths))
    problems = [chain.problem for chain in chains if chain.problem is not None]
    owners: dict[str, str] = {}
    for chain in chains:
        if not chain.writer:
            continue
        other = owners.setdefault(chain.writer, chain.file)
        if other != chain.file:
            problems.append(Problem(chain.file, 1, 0, f"writer {chain.writer!r} has a chain in {other} too"))
    if not chains:
        problems.extend(Problem(str(path), 0, None, "no audit file is here") for path in paths)
    problems.extend(
        Problem("", 0, head.seq, f"the chain of writer {writer!r} is missing")
        for writer, head in expected.items()
        if writer not in owners
    )
    return Report(chains, tuple(problems))


def check_chain(path: Path, heads: Mapping[str, Head] | None = None, *, links_only: bool = False) -> ChainReport:
    """Read one file to its first bad record. An empty file has no records and no problem.

    With `links_only` a record that is whole and follows the one before is good, whatever else is in it, and `last_ts`
    is the first's: a start must not take as long as an auditor, who looks at every member.
    """
    head, writer, whole, number = START, "", 0, 0
    first_ts = last_ts = ""
    problem: Problem | None = None
    expected: Head | None = None
    with path.open("rb") as file:
        while line := _read_line(file):
            number += 1
            if links_only and number > 1 and (digest := linked(line, head.hash, head.seq + 1)):
                head = Head(head.seq + 1, digest)
                whole += len(line)
                continue
            checked = _check(line, head)
            if not isinstance(checked, Record):
                wrong, seq, torn = checked
                problem = Problem(str(path), number, seq, wrong, torn)
                break
            if checked.seq == 0:
                writer, first_ts = str(checked.data["writer"]), checked.ts
                expected = (heads or {}).get(writer)
            if expected is not None and checked.seq == expected.seq and checked.hash != expected.hash:
                wrong = f"hash is {checked.hash} where {expected.hash} was noted earlier"
                problem = Problem(str(path), number, checked.seq, wrong)
                break
            head, last_ts = checked.head, checked.ts
            whole += len(line)
    if problem is None and expected is not None and head.seq < expected.seq:
        wrong = f"the chain ends at record {head.seq}; record {expected.seq} was noted earlier"
        problem = Problem(str(path), number, expected.seq, wrong)
    return ChainReport(str(path), writer, head.seq + 1, head, whole, first_ts, last_ts, problem)


def _check(line: bytes, head: Head) -> Record | tuple[str, int | None, bool]:
    due = head.seq + 1
    if not line.endswith(b"\n"):
        if len(line) > MAX_RECORD:
            return "the line is longer than any record", due, False
        return f"torn: {len(line)} bytes without an end of line", due, True
    try:
        record = decode(line[:-1])
    except BadRecord as bad:
        return bad.wrong, due if bad.seq is None else bad.seq, False
    wrong = follows(record, head)
    return (wrong, record.seq, False) if wrong else record


def _read_line(file: BinaryIO) -> bytes:
    """The next line, bounded. A live log's last line may be half written this instant: it is asked for again."""
    line = file.readline(MAX_RECORD + 1)
    for _ in range(_REREADS):
        if not line or line.endswith(b"\n") or len(line) > MAX_RECORD:
            break
        line += file.readline(MAX_RECORD + 1 - len(line))
    return line
