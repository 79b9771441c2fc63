"""Two databases, equal but for what is labelled: the one behind a proxy has secrets, the other has their masks.

So the server's own answers about the second are, byte for byte, what the proxy has to say about the first.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.session import scrub
from pgmaskproxy.wire.describe import describe
from pgmaskproxy.wire.framing import BACKEND_LIMITS, Frame, FrameBuffer
from pgmaskproxy.wire.frontend import CopyFail, Query, Sync
from tests.fuzz.client import fields
from tests.fuzz.wire.scripts import Batch
from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database, fresh_shop

SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.004
MASK: Final = "***"
POLICY: Final = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: wire
labels:
  pii.secret: {columns: ["*.item.secret", "*.still.secret"], mask: {kind: redact}}
rules:
  - {id: all, effects: [READ, WRITE], relations: ["*.*"], decide: allow}
"""
TABLES: Final = """
CREATE TABLE shop.item (id int PRIMARY KEY, name text NOT NULL, secret text, size numeric(8,2));
INSERT INTO shop.item SELECT n, 'item ' || n, 'secret number ' || n, n * 1.5 FROM generate_series(1, 6) AS g(n);
INSERT INTO shop.item VALUES (7, 'without', NULL, NULL);
CREATE TABLE shop.still AS SELECT * FROM shop.item ORDER BY id;
CREATE TABLE shop.kept (n serial PRIMARY KEY, t text);
CREATE TABLE shop.late (n int REFERENCES shop.item DEFERRABLE INITIALLY DEFERRED);
INSERT INTO shop.late VALUES (1);
"""
RESET: Final = """
DELETE FROM shop.kept; DELETE FROM shop.late; SELECT setval('shop.kept_n_seq', 1, false);
UPDATE shop.item SET name = 'item ' || id WHERE id < 7
"""
ENDS: Final = (CopyFail(b"the end").encode(), Sync().encode(), Query(b"ROLLBACK").encode())
WITHHELD: Final = "(its text is withheld)"
"""Said in the place of an error's text: severity and SQLSTATE are the server's own."""
BROKEN: Final = "E FATAL 08P01 "
MARKER: Final = b"the end of the script"
END: Final = b"".join(ENDS) + Query(b"SELECT '" + MARKER + b"'").encode()


@dataclass(frozen=True, slots=True)
class Pair:
    """Where the same script is played twice."""

    proxied: str
    direct: str
    admins: tuple[str, str]

    def play(self, script: Sequence[Batch]) -> tuple[list[str], list[str]]:
        """What each side says, message by message, up to the marker or the end of the connection."""
        for admin in self.admins:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(RESET)
        return reconciled(_spoken(played(self.proxied, script)), _spoken(played(self.direct, script)))


def _spoken(said: list[str]) -> list[str]:
    """Without what depends on whether a question of the proxy's own shares the batch's implicit transaction, which it
    does only while another test's definitions are in doubt."""
    return [each for each in said if not each.startswith("N WARNING 25P01 SET LOCAL can only be used")]


def reconciled(proxied: list[str], direct: list[str]) -> tuple[list[str], list[str]]:
    """Both, but for the three things that are known to differ."""
    for at, theirs in enumerate(direct):
        if at == len(proxied):
            break
        if proxied[at].endswith(WITHHELD) and theirs.startswith(proxied[at].removesuffix(WITHHELD)):
            direct[at] = proxied[at]
        following = proxied[at + 1 : at + 2]
        if "\tRowDescription" in proxied[at] and theirs.startswith("E ") and following[0].startswith("E "):
            # What returns rows and is no plain SELECT runs before a simple Query's client is told of its columns.
            del proxied[at]
            return reconciled(proxied, direct)
        if proxied[at].startswith(BROKEN) and following == ["closed"] and "ERROR 08P01" in theirs:
            # The server says an error of the statement's first, and then that it cannot go on.
            proxied[at:], direct[at : at + 2] = [BROKEN, "closed"], [BROKEN]
    return proxied, direct


def played(conninfo: str, script: Sequence[Batch]) -> list[str]:
    """One login, one script; what came back."""
    driver = psycopg.connect(conninfo, autocommit=True)
    with socket.socket(fileno=driver.pgconn.socket) as borrowed:
        borrowed.settimeout(SECONDS)
        try:
            for batch in script:
                if batch.pause:
                    time.sleep(PAUSE_SECONDS)
                for piece in batch.pieces():
                    borrowed.sendall(piece)
            borrowed.sendall(END)
        except ConnectionError:
            pass  # it was ended half-way: what it said is there to be read
        try:
            return list(_answers(borrowed))
        finally:
            borrowed.detach()
            driver.close()


def _answers(connection: socket.socket) -> Iterator[str]:
    buffer, ending = FrameBuffer(BACKEND_LIMITS), False
    while True:
        frame = buffer.next()
        if frame is None:
            try:
                data = connection.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                yield "closed"
                return
            buffer.feed(data)
            continue
        ending = ending or (frame.type == ord("D") and MARKER in frame.body)
        yield said(frame)
        if ending and frame.type == ord("Z"):
            return


def said(frame: Frame) -> str:
    """A frame in PQtrace's words; of errors and notices what a client acts on."""
    if frame.type in (ord("E"), ord("N")):
        found = fields(frame)
        if found.get(b"D") in (scrub.WITHHELD, scrub.REST_WITHHELD):
            return " ".join([chr(frame.type), found[b"V"].decode(), found[b"C"].decode(), WITHHELD])
        told = (found.get(code, b"").decode() for code in (b"V", b"C", b"M", b"P"))
        return " ".join([chr(frame.type), *told])
    return describe("B", frame).removeprefix("B\t")


@contextmanager
def pair(server: EmbeddedServer, directory: Path) -> Iterator[Pair]:
    """A proxy before a database with secrets, and a database with masks in their place, of the same OIDs."""
    with ExitStack() as stack:
        secret = stack.enter_context(fresh_shop(server))
        with psycopg.connect(secret.admin, autocommit=True) as admin:
            admin.execute(TABLES)
            admin.execute(
                sql.SQL("GRANT ALL ON shop.item, shop.still, shop.kept, shop.late, shop.kept_n_seq TO {}").format(
                    sql.Identifier(secret.role)
                )
            )
        masks = Database(server, f"{secret.name}_masks")
        with psycopg.connect(server.conninfo(), autocommit=True) as admin:
            names = sql.Identifier(masks.name), sql.Identifier(secret.name)
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
            admin.execute(sql.SQL("ALTER DATABASE {} SET search_path = shop, public").format(names[0]))
            stack.callback(_drop, server, masks.name)
        with psycopg.connect(masks.admin, autocommit=True) as admin:
            admin.execute("UPDATE shop.item SET secret = %s WHERE secret IS NOT NULL", [MASK])
            admin.execute("TRUNCATE shop.still; INSERT INTO shop.still SELECT * FROM shop.item ORDER BY id")
        proxy: Proxy = stack.enter_context(proxies.in_process(secret, directory, policy=POLICY))
        yield Pair(proxy.conninfo(port=proxy.port), masks.upstream, (secret.admin, masks.admin))


def _drop(server: EmbeddedServer, name: str) -> None:
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
