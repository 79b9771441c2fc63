"""Two servers, a proxy before each, and a client of both.

`beyond`, here and elsewhere, brings in what is known to tell the two sides apart and is not promised (or not yet):
views that compare a labelled column themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pgmaskproxy.demo.server import EmbeddedServer
from tests.fuzz import loading
from tests.fuzz.client import Answer, Client, Script, Simple
from tests.fuzz.rows import SIDES
from tests.fuzz.shapes import DATABASES
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.servers import Database

HERE: Final = Path(__file__).parent
MASKED: Final = HERE / "policy.yaml"
CLEAR: Final = HERE / "clear.yaml"
ROLLBACK: Final = Script("cleanup", "", (Simple("ROLLBACK"),))


@dataclass
class Pair:
    """One client of both sides."""

    clients: tuple[dict[str, Client], dict[str, Client]]
    """By side, then by database."""
    admins: tuple[list[str], list[str]]
    """By side: the superuser's conninfo of each database."""
    directories: tuple[bytes, bytes]
    """By side: where the proxy's files are."""

    def same(self, answers: tuple[Answer, Answer]) -> bool:
        """Whether a client would see no difference."""
        left, right = (
            answer.normalised(directory) for answer, directory in zip(answers, self.directories, strict=True)
        )
        return left == right

    def play(self, script: Script) -> tuple[Answer, Answer]:
        """The same script to both at once; no transaction stays open."""
        answers = self._play(script)
        if any(not answer.closed and answer.status != ord("I") for answer in answers):
            ends = self._play(Script(script.family, script.database, ROLLBACK.steps))
            for answer, end in zip(answers, ends, strict=True):
                answer.frames += end.frames
                answer.closed |= end.closed
        return answers

    def _play(self, script: Script) -> tuple[Answer, Answer]:
        left, right = (side[script.database] for side in self.clients)
        left.send(script)
        right.send(script)
        return left.receive(script.answers), right.receive(script.answers)

    def reconnect(self) -> None:
        """Every connection anew: after a difference the two sides' sessions may differ too."""
        for side in self.clients:
            for client in side.values():
                client.close()

    def vacuum(self) -> None:
        """Free what rolled-back statements left, on both sides alike."""
        for conninfos in zip(*self.admins, strict=True):
            loading.vacuum(conninfos)


@contextmanager
def loaded(bindir: Path | None) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """Two servers with both databases, equal but for what is labelled."""
    with ExitStack() as stack:
        made = []
        for side in SIDES:
            server = servers.start(bindir, **loading.SETTINGS)
            stack.callback(server.stop)
            loading.create(server, side)
            made.append(server)
        for database in DATABASES:
            loading.vacuum([server.conninfo(database) for server in made])
            assert loading.layout(made[0], database) == loading.layout(made[1], database)
        yield made[0], made[1]


@contextmanager
def pair(
    both: tuple[EmbeddedServer, EmbeddedServer], directory: Path, attestation: str, policy: Path = MASKED
) -> Iterator[Pair]:
    """A proxy before each, as a process of its own. `attestation` is the setting's value, "" its default."""
    environment = {"PGMASKPROXY_UPSTREAM__DATABASES": ",".join(DATABASES)}
    if attestation:
        environment["PGMASKPROXY_UPSTREAM__ATTESTATION"] = attestation
    with ExitStack() as stack:
        clients = []
        for side, server in zip(SIDES, both, strict=True):
            place = directory / side
            place.mkdir(parents=True)
            proxy = stack.enter_context(
                proxies.as_process(
                    Database(server, "shop"), place, policy=policy.read_text("utf-8"), environment=environment
                )
            )
            found = {
                database: Client(proxy.conninfo(dbname=database, port=proxy.port, application_name="fuzz"))
                for database in DATABASES
            }
            for client in found.values():
                stack.callback(client.close)
            clients.append(found)
        admins = tuple([server.conninfo(database) for database in DATABASES] for server in both)
        yield Pair(
            (clients[0], clients[1]), (admins[0], admins[1]), (bytes(directory / SIDES[0]), bytes(directory / SIDES[1]))
        )
