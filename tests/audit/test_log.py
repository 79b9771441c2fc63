"""The log: whole records or none, whatever happens to the process and the disk."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.audit.tail import tail
from pgmaskproxy.audit.verify import verify
from pgmaskproxy.errors import AuditFailed
from pgmaskproxy.model import AuditEvent

EVENT = AuditEvent("statement.decided", session="ses_1", data={"sql": "SELECT ?"})


def kinds(directory: Path) -> list[str]:
    return [record.kind for record in tail([directory], last=10_000)]


def test_a_chain_starts_goes_on_and_verifies(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "audit", "main", version="9.9") as log:
        log.write(EVENT, durable=False)
        log.write_all([EVENT, EVENT], durable=True)
    with AuditLog(tmp_path / "audit", "main") as log:
        log.write(EVENT, durable=True)
        assert log.head.seq == 4
        report = verify([tmp_path / "audit"])
        assert report.ok
        assert report.chains[0].head == log.head
    (first, *_) = tail([tmp_path / "audit"], last=100)
    assert first.data == {"writer": "main", "format": 1, "version": "9.9"}


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "audit", "main"):
        assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "audit/main.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("writer", ["", "..", "a/b", ".hidden", "x" * 65, "a b"])
def test_a_writer_that_is_no_file_name(tmp_path: Path, writer: str) -> None:
    with pytest.raises(AuditFailed, match="cannot name"):
        AuditLog(tmp_path, writer)


def test_two_never_share_a_chain_and_the_error_says_who_has_it(tmp_path: Path) -> None:
    with AuditLog(tmp_path, "main"), pytest.raises(AuditFailed, match=f"process {os.getpid()}"):
        AuditLog(tmp_path, "main")
    with AuditLog(tmp_path, "main"), AuditLog(tmp_path, "other"):
        assert verify([tmp_path]).ok


def test_another_process_cannot_share_it_either(tmp_path: Path) -> None:
    with AuditLog(tmp_path, "main"):
        code = "import sys, pathlib, pgmaskproxy.audit.log as a; a.AuditLog(pathlib.Path(sys.argv[1]), 'main')"
        done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
        assert f"is being written by process {os.getpid()}" in done.stderr


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuditFailed, match="cannot be opened") as caught:
        AuditLog(tmp_path / "file" / "audit", "main")
    assert caught.value.sqlstate == "58030"


def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, "main")
    log.close()
    log.close()
    with pytest.raises(AuditFailed, match="closed"):
        log.write(EVENT, durable=False)


def test_an_event_without_a_canonical_form_leaves_no_trace(tmp_path: Path) -> None:
    with AuditLog(tmp_path, "main") as log:
        with pytest.raises(AuditFailed):
            log.write_all([EVENT, AuditEvent("x", data={"big": 2**60})], durable=True)
        log.write(EVENT, durable=True)
    assert kinds(tmp_path) == ["chain.started", EVENT.kind]


def test_threads_do_not_tear_each_others_records(tmp_path: Path) -> None:
    with AuditLog(tmp_path, "main") as log:

        def write() -> None:
            for _ in range(50):
                log.write(EVENT, durable=False)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report = verify([tmp_path])
    assert report.ok
    assert report.records == 201


def test_a_torn_last_line_of_any_length_is_set_aside_and_told(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "whole", "main") as log:
        log.write(EVENT, durable=True)
        before = log.path.stat().st_size
        log.write(EVENT, durable=True)
        whole = log.path.read_bytes()
    for size in range(before, len(whole)):
        directory = tmp_path / str(size)
        directory.mkdir()
        (directory / "main.jsonl").write_bytes(whole[:size])
        with AuditLog(directory, "main") as log:
            log.write(EVENT, durable=True)
        assert verify([directory]).ok
        torn = size - before
        assert kinds(directory)[2:] == (["chain.recovered"] if torn else []) + [EVENT.kind]
        if torn:
            (recovered,) = (each for each in tail([directory]) if each.kind == "chain.recovered")
            assert recovered.data["bytes"] == torn
            assert (directory / str(recovered.data["file"])).read_bytes() == whole[before:size]


def test_a_torn_first_line_too(tmp_path: Path) -> None:
    (tmp_path / "main.jsonl").write_bytes(b'{"data":')
    AuditLog(tmp_path, "main").close()
    assert kinds(tmp_path) == ["chain.started", "chain.recovered"]


def test_a_crash_between_setting_aside_and_telling_is_made_good(tmp_path: Path) -> None:
    AuditLog(tmp_path, "main").close()
    size = (tmp_path / "main.jsonl").stat().st_size
    (tmp_path / f"main.{size}.torn").write_bytes(b"half")
    AuditLog(tmp_path, "main").close()
    assert kinds(tmp_path) == ["chain.started", "chain.recovered"]
    AuditLog(tmp_path, "main").close()
    assert kinds(tmp_path) == ["chain.started", "chain.recovered"]


def test_it_refuses_to_go_on_behind_a_broken_chain(tmp_path: Path) -> None:
    with AuditLog(tmp_path, "main") as log:
        log.write(EVENT, durable=True)
        log.write(EVENT, durable=True)
        path = log.path
    good = path.read_bytes()
    lines = good.splitlines(keepends=True)
    for bad in (good.replace(b"SELECT", b"DELETE", 1), lines[0] + lines[2], good + b"\n", good + b"x\n"):
        path.write_bytes(bad)
        with pytest.raises(AuditFailed, match=r"broken: .*main\.jsonl:"):
            AuditLog(tmp_path, "main")
        assert path.read_bytes() == bad
    path.write_bytes(good)
    AuditLog(tmp_path, "main").close()


def test_it_refuses_another_writers_chain(tmp_path: Path) -> None:
    AuditLog(tmp_path, "main").close()
    (tmp_path / "main.jsonl").rename(tmp_path / "other.jsonl")
    with pytest.raises(AuditFailed, match="chain of writer 'main'"):
        AuditLog(tmp_path, "other")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a few records. Needs root: RLIMIT_FSIZE stands in elsewhere, below."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_53100_without_half_a_record_and_the_chain_goes_on(tiny_disk: Path) -> None:
    with AuditLog(tiny_disk, "main") as log:
        ballast = tiny_disk / "ballast"
        event = AuditEvent("x", data={"pad": "y" * 5000})

        def fill() -> None:
            while True:
                log.write(event, durable=True)

        for ballast_size in (40_000, 20_000):
            ballast.write_bytes(b"z" * ballast_size)
            before = log.head.seq
            with pytest.raises(AuditFailed) as caught:
                fill()
            assert caught.value.sqlstate == "53100"
            assert "No space left" in caught.value.message
            head, size = log.head, log.path.stat().st_size
            assert head.seq > before
            assert verify([log.path]).ok
            with pytest.raises(AuditFailed):
                log.write(event, durable=False)
            with pytest.raises(AuditFailed):
                log.write_all([EVENT, event], durable=True)
            assert (log.head, log.path.stat().st_size) == (head, size)
            ballast.unlink()
        log.write(event, durable=True)
    assert verify([tiny_disk]).ok


LIMITED = """
    import pathlib, resource, sys
    from pgmaskproxy.audit.log import AuditLog
    from pgmaskproxy.errors import AuditFailed
    from pgmaskproxy.model import AuditEvent
    log = AuditLog(pathlib.Path(sys.argv[1]), "main")
    event = AuditEvent("x", data={"pad": "y" * 300})
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 100_000))
    try:
        while True:
            log.write(event, durable=True)
    except AuditFailed as failed:
        print(failed.sqlstate, failed)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    log.write(event, durable=True)
    log.close()
"""


def test_a_file_that_may_not_grow_is_53100_too(tmp_path: Path) -> None:
    code = textwrap.dedent(LIMITED)
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("53100 ")
    assert verify([tmp_path]).ok


def test_after_a_failed_sync_nothing_more_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(tmp_path, "main")

    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", broken)
        with pytest.raises(AuditFailed) as caught:
            log.write(EVENT, durable=True)
        assert caught.value.sqlstate == "58030"
    with pytest.raises(AuditFailed, match="could not be made durable"):
        log.write(EVENT, durable=False)
    log.close()
    assert kinds(tmp_path) == ["chain.started"]
    AuditLog(tmp_path, "main").close()


def test_nobody_waits_for_anothers_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(tmp_path, "main")
    waits, goes_on = threading.Event(), threading.Event()
    sync = os.fdatasync

    def slow(fd: int) -> None:
        waits.set()
        assert goes_on.wait(30)
        sync(fd)

    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setattr(os, "fdatasync", slow)
        durable = pool.submit(log.write, EVENT, durable=True)
        assert waits.wait(30)
        log.stage([EVENT])
        log.flush()  # it would wait for ever
        assert not durable.done()
        goes_on.set()
        durable.result()
    log.close()
    assert kinds(tmp_path) == ["chain.started", EVENT.kind, EVENT.kind]


def test_what_others_wrote_is_not_cut_off_where_a_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(tmp_path, "main")

    def broken(_fd: int) -> None:
        log.write(EVENT, durable=False)  # somebody, meanwhile
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", broken)
        with pytest.raises(AuditFailed, match="could not be made durable"):
            log.write(EVENT, durable=True)
    log.close()
    assert kinds(tmp_path) == ["chain.started", EVENT.kind, EVENT.kind]
    assert verify([tmp_path]).ok


def test_when_even_cutting_fails_the_half_record_goes_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path, "main")
    write = os.write

    def half(fd: int, data: memoryview) -> int:
        if len(data) < 50:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[: len(data) // 2])

    def no(_fd: int, _size: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        patched.setattr(os, "ftruncate", no)
        for _ in range(2):
            with pytest.raises(AuditFailed):
                log.write(EVENT, durable=False)
    assert not verify([tmp_path]).ok
    log.write(EVENT, durable=False)
    log.close()
    assert verify([tmp_path]).ok
    assert kinds(tmp_path) == ["chain.started", EVENT.kind]


KILLED = """
    import pathlib, sys
    from pgmaskproxy.audit.log import AuditLog
    from pgmaskproxy.model import AuditEvent
    log = AuditLog(pathlib.Path(sys.argv[1]), "main")
    while True:
        log.write(AuditEvent("x", data={"pad": "y" * 2000}), durable=False)
        print(log.head.seq, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(1)
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), tmp_path], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            acknowledged = 0
            for _ in range(chance.randrange(5, 200)):
                acknowledged = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            child.wait()
        with AuditLog(tmp_path, "main") as log:
            assert log.head.seq >= acknowledged
        assert verify([tmp_path]).ok
