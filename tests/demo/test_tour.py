"""The tour must fail wherever there is no proxy: here it is pointed straight at the server."""

from __future__ import annotations

import io
from pathlib import Path

from psycopg.conninfo import make_conninfo
from rich.console import Console

from pgmaskproxy.demo.narrator import Narrator
from pgmaskproxy.demo.stage import Passwords
from pgmaskproxy.demo.tap import ByteTap
from pgmaskproxy.demo.tour import Scene, Tour
from tests.harness.servers import Database


def test_without_a_proxy_every_step_that_guards_something_comes_out_wrong(shop18: Database, tmp_path: Path) -> None:
    written = io.StringIO()
    tell = Narrator(Console(file=written))
    with ByteTap(shop18.server.host, shop18.server.port) as tap:
        scene = Scene(
            agent=make_conninfo(shop18.upstream, host="127.0.0.1", port=tap.port),
            admin=shop18.admin,
            web="http://127.0.0.1:1",
            audit=tmp_path,
            passwords=Passwords(),
            tap=tap,
        )
        assert not Tour(scene, tell, automatic=True).play()
    wrong = {problem.partition(":")[0] for problem in tell.wrong}
    assert wrong == {
        "names stay, secrets do not",
        "another name does not help",
        "nor does a view, or a materialized one",
        "nor a partition",
        "binary results and cached statements, too",
        "and COPY",
        "guessing is refused",
        "sorting is refused",
        "computing is refused",
        "converting is refused",
        "packing a row into JSON is refused",
        "comparing with values of its own is refused",
        "copying it to where nothing masks it is refused",
        "to asyncpg as well",
        "a notice says that it is held",
        "the chain of hashes is unbroken",
        "none is there",
    }
    assert "checks came out wrong" in written.getvalue()
    # What was really received is what is searched: the masked columns of above among it.
    assert any("ssn of customers 1" in problem for problem in tell.wrong)
