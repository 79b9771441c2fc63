"""The Unix socket: whose it is, who may connect, and what is left of a process that was killed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.proxy.unix_socket import UnixSocket


def test_it_has_libpq_s_name_and_the_permissions_and_goes_with_its_owner(tmp_path: Path) -> None:
    with UnixSocket(tmp_path, 6432, 0o770) as bound:
        path = tmp_path / ".s.PGSQL.6432"
        assert bound.path == path
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o770
    assert not path.exists()
    bound.close()  # twice is no harm


def test_what_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / ".s.PGSQL.6432"))
    left.close()
    with UnixSocket(tmp_path, 6432, 0o700) as bound:
        bound.socket.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(bound.path))


def test_what_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    with UnixSocket(tmp_path, 6432, 0o700) as first:
        first.socket.listen()
        with pytest.raises(Unavailable, match=r"cannot listen on .*Address already in use"):
            UnixSocket(tmp_path, 6432, 0o700)
        assert first.path.is_socket()


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / ".s.PGSQL.6432"
    path.write_text("somebody's", encoding="utf-8")
    with pytest.raises(Unavailable, match="cannot listen on"):
        UnixSocket(tmp_path, 6432, 0o700)
    assert path.read_text(encoding="utf-8") == "somebody's"


@pytest.mark.parametrize("directory", ["none", "x" * 120])
def test_where_there_can_be_none_it_says_so(tmp_path: Path, directory: str) -> None:
    with pytest.raises(Unavailable, match="cannot listen on"):
        UnixSocket(tmp_path / directory, 6432, 0o700)
