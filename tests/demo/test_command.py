"""The demo as a newcomer runs it: in a process of its own, on free ports."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from playwright.sync_api import Page

from pgmaskproxy import demo
from pgmaskproxy.demo.approver import Approver
from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.errors import ConfigError
from tests.e2e.browsing import chromium

SECONDS = 120


def _start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    call = "import sys; from pgmaskproxy.cli import main; main()"
    free = ["--port", "0", "--web-port", "0"]
    return subprocess.Popen(
        [sys.executable, "-c", call, "demo", *free, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def directory() -> Iterator[Path]:
    """A temporary directory that the server's account can reach, unlike pytest's own ones: whenever another pytest
    starts, it closes them again."""
    with TemporaryDirectory(prefix="demo-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def _told_to_visitors(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    told = ""
    while "Ctrl-C ends it" not in told:
        line = running.stdout.readline()
        assert line, told + running.communicate()[1]
        told += line
    return told


def test_the_tour_that_decides_for_itself_comes_out_right(directory: Path) -> None:
    with _start(directory, "--tour", "--yes") as running:
        told, errors = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, told + errors
    assert "WRONG" not in told
    assert told.count("right: a card says what it would do") == 2
    assert re.search(r"All [23]\d checks came out right\.", told)
    assert errors == ""
    assert list(directory.iterdir()) == []  # no cluster, no configuration and no password is left


def test_visitors_are_told_how_to_connect_and_how_to_decide(directory: Path) -> None:
    with _start(directory) as running:
        told = _told_to_visitors(running)
        url = re.search(r"'(postgresql://agent:[^']+/shop)'", told)
        assert url is not None
        with psycopg.connect(url[1]) as connection:
            row = connection.execute("SELECT name, ssn FROM customers ORDER BY id LIMIT 1").fetchone()
            assert row == ("Bram Abbott", "***")
        room = re.search(r"stands in for that here: (\S+)", told)
        assert room is not None
        with urllib.request.urlopen(room[1], timeout=10) as answer:
            assert b"No card yet" in answer.read()
        decider = re.search(r"PGMASKPROXY_URL=(\S+) PGMASKPROXY_PERSON=(\S+) PGMASKPROXY_PASSWORD=(\S+)", told)
        assert decider is not None
        with Approver(*decider.groups()) as bob:
            assert bob.request("apr_01890000000070008000000000000000").status == 404
        running.send_signal(signal.SIGINT)
        rest, errors = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, errors
    assert "everything the demo made is removed" in rest
    assert list(directory.iterdir()) == []


def _asking(url: str, sql: str) -> subprocess.Popen[str]:
    """psql, as the agent: it waits for the answer."""
    psql = EmbeddedServer().bindir / "psql"
    return subprocess.Popen(
        [str(psql), "-X", url, "-c", sql], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _open_card(page: Page, room: str, request: str) -> None:
    """What is sent to the room takes a moment to be there."""
    card = page.locator(f"a[href*='{request}']")
    while not (page.goto(room) and card.count()):
        page.wait_for_timeout(200)
    card.first.click()


def test_in_a_browser_from_the_card_in_the_room_to_what_psql_says(directory: Path) -> None:
    with chromium() as browser, _start(directory) as running:
        told = _told_to_visitors(running)
        patterns = (r"'(postgresql://agent:[^']+/shop)'", r"stands in for that here: (\S+)", r"bob \(password (\S+)\)")
        url, room, password = (found[1] for each in patterns if (found := re.search(each, told)) is not None)
        page = browser.new_page()
        page.set_default_timeout(SECONDS * 1000)
        for what, reason, expected in (("Approve", "", "UPDATE 24"), ("Reject", "not on a Friday", "not on a Friday")):
            with _asking(url, "UPDATE products SET price = price * 0.9") as psql:
                assert psql.stdout is not None
                held = "".join(psql.stdout.readline() for _ in range(3))
                request = re.search(r"apr_[0-9a-f]{32}", held)
                assert request is not None, held
                _open_card(page, room, request[0])
                if what == "Approve":  # the first time
                    page.get_by_label("Your id").fill("bob")
                    page.get_by_label("Password").fill(password)
                    page.get_by_role("button", name="Sign in").click()
                page.get_by_label("Reason").fill(reason)
                page.get_by_role("button", name=what).click()
                assert expected in psql.communicate(timeout=SECONDS)[0]
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, errors


def test_an_interrupted_tour_leaves_nothing(directory: Path) -> None:
    with _start(directory, "--tour") as running:
        assert running.stdout is not None
        told = ""
        while "Your turn" not in told:
            line = running.stdout.readline()
            assert line, told + running.communicate()[1]
            told += line
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=SECONDS)
    assert running.returncode == 130, errors
    assert list(directory.iterdir()) == []


def test_two_sources_of_a_server_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="give one of them"):
        demo.run(pg_bindir="/usr/bin", upstream="host=127.0.0.1", port=0, web_port=0)
