"""Names of writers: an audit log takes each, and none is another's."""

from __future__ import annotations

from pathlib import Path

from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.writers import WRITER, all_writers, writer_of


def test_each_worker_has_a_chain_of_its_own(tmp_path: Path) -> None:
    assert len(set(all_writers())) == 65
    for name in (WRITER, writer_of(1), writer_of(64)):
        assert name in all_writers()
        AuditLog(tmp_path, name).close()
