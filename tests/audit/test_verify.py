"""Tampering: whatever is done to a chain, the first bad record is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.audit.chain import MAX_RECORD, START, Head, encode, genesis
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.audit.verify import check_chain, verify
from pgmaskproxy.model import AuditEvent

NOW = 1_800_000_000.0


def _chain(writer: str = "main", records: int = 6) -> list[bytes]:
    line, head = encode(genesis(writer, "1"), START, NOW)
    lines = [line]
    for number in range(records - 1):
        line, head = encode(AuditEvent("x", session="ses_1", data={"number": number, "é": None}), head, NOW + number)
        lines.append(line)
    return lines


LINES = _chain()
WHOLE = b"".join(LINES)


def _first_bad(path: Path, content: bytes) -> tuple[int, int | None, str]:
    path.write_bytes(content)
    report = verify([path])
    assert not report.ok
    (problem,) = report.problems
    assert problem.file == str(path)
    assert check_chain(path, links_only=True).problem == problem, "a start sees what an auditor sees"
    assert str(problem).startswith(f"{path}:{problem.line}: record {problem.seq}: ")
    assert report.chains[0].records == problem.line - 1
    assert report.chains[0].whole_bytes == len(b"".join(content.splitlines(keepends=True)[: problem.line - 1]))
    return problem.line, problem.seq, problem.wrong


def test_a_good_chain(tmp_path: Path) -> None:
    path = tmp_path / "main.jsonl"
    path.write_bytes(WHOLE)
    report = verify([path])
    assert report.ok
    (chain,) = report.chains
    assert (chain.writer, chain.records, chain.head.seq, chain.whole_bytes) == ("main", 6, 5, len(WHOLE))
    assert (chain.first_ts, chain.last_ts) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:00:04.000Z")
    start = check_chain(path, links_only=True)
    assert (start.writer, start.records, start.head, start.problem) == ("main", 6, chain.head, None)
    assert start.whole_bytes == len(WHOLE)


def test_any_flipped_byte_is_found_in_its_line(tmp_path: Path) -> None:
    path = tmp_path / "main.jsonl"
    for place in range(len(WHOLE)):
        line = WHOLE[:place].count(b"\n") + 1
        changed = bytearray(WHOLE)
        changed[place] ^= 1 << (place % 8)
        assert _first_bad(path, bytes(changed))[0] == line


@given(place=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255), how=st.sampled_from(["set", "insert", "delete"]))
def test_any_changed_byte_is_found_in_its_line(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, how: str
) -> None:
    new = {"set": bytes([byte]), "insert": bytes([byte]) + WHOLE[place : place + 1], "delete": b""}[how]
    changed = WHOLE[:place] + new + WHOLE[place + 1 :]
    if changed == WHOLE:
        return
    found = _first_bad(tmp_path_factory.getbasetemp() / "changed.jsonl", changed)[0]
    line = WHOLE[:place].count(b"\n") + 1
    # An end of line put in at the very start of a line makes that line the bad one; none is earlier.
    assert found == line


@pytest.mark.parametrize("number", range(5))
def test_a_deleted_line_is_a_gap(tmp_path: Path, number: int) -> None:
    line, seq, wrong = _first_bad(tmp_path / "x.jsonl", b"".join(LINES[:number] + LINES[number + 1 :]))
    assert (line, seq) == (number + 1, number + 1)
    assert f"seq is {number + 1} where {number} is due" in wrong


@pytest.mark.parametrize("number", range(6))
def test_a_duplicated_line_is_a_repeat(tmp_path: Path, number: int) -> None:
    line, seq, wrong = _first_bad(tmp_path / "x.jsonl", b"".join([*LINES[: number + 1], *LINES[number:]]))
    assert (line, seq) == (number + 2, number)
    assert f"seq is {number} where {number + 1} is due" in wrong


@given(order=st.permutations(range(6)))
def test_reordered_lines(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    wrong_at = next((place for place, number in enumerate(order) if place != number), None)
    if wrong_at is None:
        return
    content = b"".join(LINES[number] for number in order)
    line, seq, _ = _first_bad(tmp_path_factory.getbasetemp() / "reordered.jsonl", content)
    assert (line, seq) == (wrong_at + 1, order[wrong_at])


def test_a_record_made_up_with_a_true_hash_breaks_the_next(tmp_path: Path) -> None:
    head = Head(2, LINES[2].split(b'"hash":"')[1][:64].decode())
    forged, _ = encode(AuditEvent("x", data={"number": 99}), head, NOW)
    line, seq, wrong = _first_bad(tmp_path / "x.jsonl", b"".join([*LINES[:3], forged, *LINES[4:]]))
    assert (line, seq) == (5, 4)
    assert "prev is" in wrong


def test_a_torn_end_and_a_line_without_end(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(WHOLE[:-5])
    (problem,) = verify([path]).problems
    assert problem.torn
    assert (problem.line, problem.seq) == (6, 5)
    path.write_bytes(WHOLE + b"x" * (MAX_RECORD + 2))
    (problem,) = verify([path]).problems
    assert not problem.torn
    assert "longer than any record" in problem.wrong


def test_what_was_noted_earlier_must_still_be_there(tmp_path: Path) -> None:
    path = tmp_path / "main.jsonl"
    path.write_bytes(WHOLE)
    head = verify([path]).chains[0].head
    assert verify([path], {"main": head}).ok
    path.write_bytes(b"".join(LINES[:-2]))
    assert verify([path]).ok  # the chain alone cannot show it
    (problem,) = verify([path], {"main": head}).problems
    assert "ends at record 3" in problem.wrong
    path.write_bytes(WHOLE)
    (problem,) = verify([path], {"main": Head(3, "ab" * 32)}).problems
    assert (problem.line, problem.seq) == (4, 3)
    (problem,) = verify([path], {"gone": head}).problems
    assert "'gone' is missing" in problem.wrong


def test_several_writers_each_have_their_own_chain(tmp_path: Path) -> None:
    for writer in ("one", "two"):
        with AuditLog(tmp_path, writer) as log:
            log.write(AuditEvent("x"), durable=True)
    report = verify([tmp_path])
    assert report.ok
    assert [chain.writer for chain in report.chains] == ["one", "two"]
    shutil.copy(tmp_path / "one.jsonl", tmp_path / "copy.jsonl")
    (problem,) = verify([tmp_path]).problems
    assert "writer 'one' has a chain in" in problem.wrong
    (tmp_path / "copy.jsonl").unlink()
    one, two = (tmp_path / f"{name}.jsonl" for name in ("one", "two"))
    one.write_bytes(one.read_bytes() + two.read_bytes().splitlines(keepends=True)[1])
    (problem,) = verify([tmp_path]).problems
    assert (problem.file, problem.line, problem.seq) == (str(one), 3, 1)


def test_nothing_to_verify_is_a_problem_and_a_missing_file_an_error(tmp_path: Path) -> None:
    (problem,) = verify([tmp_path]).problems
    assert "no audit file" in problem.wrong
    with pytest.raises(FileNotFoundError):
        verify([tmp_path / "missing.jsonl"])
