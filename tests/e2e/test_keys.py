"""Keys in a running proxy: what they make stays the same, changes with them, and never shows where they are."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from pgmaskproxy.keyring.document import Entry, read_document
from tests.e2e.commands import eventually, health, pgmaskproxy, policy
from tests.e2e.waiting import ask
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy
from tests.keyring.made import entry, text

KEYED: Final = policy(
    (
        'pii.ssn:        {columns: ["*.*.ssn"], mask: {kind: redact}, uses: {',
        'pii.ssn:        {columns: ["*.*.ssn"], mask: {kind: token}, uses: {equality: token, ',
    ),
    (
        'pii.notes:      {columns: ["*.*.notes"], mask: {kind: redact}',
        'pii.notes:      {columns: ["*.*.notes"], mask: {kind: hash}',
    ),
    ("mask: {kind: email} ", "mask: {kind: uuid} "),
)
ROW: Final = "SELECT ssn, notes, email FROM customers WHERE notes IS NOT NULL ORDER BY id LIMIT 1"
NAMES: Final = (("masking", 1), ("masking", 2), ("other", 1))
SCRIPT: Final = """#!/bin/sh
# Says too much, as scripts do.
set -x
cat "{kept}" >&2
sleep 0.2
[ ! -e "{place}/fail" ] || exit 3
exec cat "{kept}"
"""


BY_SSN: Final = "SELECT id FROM customers WHERE ssn = %s"


def first_id(connection: psycopg.Connection) -> int:
    found = connection.execute("SELECT id FROM customers WHERE notes IS NOT NULL ORDER BY id LIMIT 1").fetchone()
    assert found is not None
    return int(found[0])


def row(connection: psycopg.Connection) -> tuple[str, str, str]:
    found = connection.execute(ROW).fetchone()
    assert found is not None
    return found


def reloads(proxy: Proxy, outcome: str) -> int:
    found = re.search(
        rf'^pgmaskproxy_policy_reload_total{{outcome="{outcome}"}} (\d+)', health(proxy, "/metrics")[1], re.MULTILINE
    )
    return int(found[1]) if found else 0


def reload(proxy: Proxy, outcome: str = "ok") -> None:
    assert proxy.process is not None
    before = reloads(proxy, outcome)
    proxy.process.send_signal(signal.SIGHUP)
    eventually(lambda: reloads(proxy, outcome) > before, "no reload")


def test_what_a_key_makes(shop18: servers.Database, tmp_path: Path) -> None:
    """The same after a restart and in every session; other with another version, in a session that is open too."""
    keys = tmp_path / "keys" / "masking.keys"
    with proxies.as_process(shop18, tmp_path, policy=KEYED) as proxy, proxy.connect() as one:
        first = row(one)
        assert first[0].startswith("tok_")
        assert first[1].startswith("hsh_")
        assert re.fullmatch(r"[0-9a-f-]{13}-8[0-9a-f]{3}-.*", first[2]), "version 8"
        with proxy.connect() as two:
            assert row(two) == first
        prepared = one.execute(ROW, prepare=True).fetchone()
        answer = pgmaskproxy("key", "rotate", "-c", str(tmp_path / "pgmaskproxy.yaml"))
        assert answer.returncode == 0, answer.stderr
        assert row(one) == first, "not before the reload"
        reload(proxy)
        second = row(one)
        assert all(new != old for new, old in zip(second, first, strict=True))
        assert one.execute(ROW, prepare=True).fetchone() == second != prepared
        assert [each[:4] for each in second[:2]] == ["tok_", "hsh_"]
        found = [one.execute(BY_SSN, [token]).fetchall() for token in (first[0], second[0])]
        assert found[0] == found[1] == [(first_id(one),)], "a token of before is read all the same"
        kept_all = keys.read_text()
        keys.write_text("".join(line for line in kept_all.splitlines(keepends=True) if " 1 " not in line))
        reload(proxy)
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="no token of column"):
            one.execute(BY_SSN, [first[0]])
        assert one.execute(BY_SSN, [second[0]]).fetchall() == found[1]
        keys.write_text(kept_all)
        proxy.check_bytes()
    kept = {"PGMASKPROXY_KEYS__MASKING__FILE": str(keys)}
    (tmp_path / "again").mkdir()
    again = proxies.as_process(shop18, tmp_path / "again", policy=KEYED, environment=kept)
    with again as proxy, proxy.connect() as later:
        assert row(later) == second, "the same key, and so the same answers"


# --- nowhere ---


def forms(secret: bytes) -> Iterator[bytes]:
    """As it could be written, wherever it begins in what is encoded."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield repr(secret)[2:-1].encode()
    for begin in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # Without the characters that have bits of what is beside it.
            yield encode(bytes(begin) + secret)[4 if begin else 0 : -4]


def derived(of: Entry) -> Iterator[bytes]:
    for label in ("pii.ssn", "pii.notes", "pii.email"):
        for purpose, length in (("token", 64), ("hash", 32), ("uuid", 32), ("uuid check", 32)):
            yield of.key.derive(purpose, label, length)


def secrets_in(path: Path) -> dict[bytes, str]:
    """What must not be anywhere, and what it is."""
    found = {}
    for key in read_document("K", path.read_text(encoding="ascii")).entries:
        secret = base64.urlsafe_b64decode(key.line().split()[4] + "=")
        for raw in (secret, *derived(key)):
            for form in forms(raw):
                found[form] = f"{key}{'' if raw is secret else ' derived'}: {form[:6]!r}..."
    return found


def processes(root: int) -> dict[int, bytes]:
    """The command lines of a process and of all below it."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(") ")[2].split()[1])
    below, found = {root}, {}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    for process in below:
        with contextlib.suppress(OSError):
            found[process] = Path(f"/proc/{process}/cmdline").read_bytes()
    return found


def test_a_secret_is_nowhere(shop18: servers.Database, tmp_path: Path) -> None:
    """Not in the log at debug, metrics, audit, state, errors, what is sent to anybody, nor the process list."""
    kept = tmp_path / "kept.keys"
    first, second, other = (entry(name, version, os.urandom(32)) for name, version in NAMES)
    kept.write_text(text(first, other))
    kept.chmod(0o600)
    script = tmp_path / "get-keys"
    script.write_text(SCRIPT.format(kept=kept, place=tmp_path))
    script.chmod(0o700)
    environment = {"PGMASKPROXY_KEYS__MASKING__COMMAND": str(script), "PGMASKPROXY_LOG_LEVEL": "debug"}
    said: list[bytes] = []
    with proxies.as_process(shop18, tmp_path, policy=KEYED, environment=environment) as proxy:
        assert proxy.process is not None
        with proxy.connect() as connection:
            token, hashed, _ = row(connection)
            for statement in (
                f"SELECT 1 FROM customers WHERE ssn = '{token}'",
                f"SELECT 1 FROM customers WHERE notes LIKE '{hashed}'",
                "SELECT 1 / 0",
                "SELECT upper(ssn) FROM customers",
                "SELECT pg_sleep('x')",
                "nonsense",
            ):
                with pytest.raises(psycopg.Error) as raised:
                    connection.execute(statement)
                said.append(str(raised.value).encode())
            with pytest.raises(psycopg.Error) as raised:
                connection.execute("SELECT id FROM customers WHERE ssn = %s", [f"{token[:-5]}AAAAA"])
            said.append(str(raised.value).encode())
            waiting = ask(connection, f"DELETE FROM payments /* {token} */")
            request = waiting.request()
            with proxy.person() as person:
                said.append(repr(person.request(request)).encode())
            connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                waiting.result()

        # Rotated while its command runs: then it is in the process list.
        before = reloads(proxy, "ok")
        kept.write_text(text(first, other, second))
        proxy.process.send_signal(signal.SIGHUP)
        seen: dict[int, bytes] = {}

        def reloaded() -> bool:
            assert proxy.process is not None
            seen.update(processes(proxy.process.pid))
            return reloads(proxy, "ok") > before

        eventually(reloaded, "no reload")
        assert any(b"get-keys" in line for line in seen.values()), "its command was seen"
        assert len(seen) > 1
        said += seen.values()

        (tmp_path / "fail").touch()
        reload(proxy, "failed")
        (tmp_path / "fail").unlink()
        whole = kept.read_text()
        for damaged in (
            whole.replace(" 1 ", " one ", 1),
            whole.replace("keyring v1", "keyring v9"),
            whole[:-2],
            whole * 300,
        ):
            kept.write_text(damaged)
            reload(proxy, "failed")
            if damaged.startswith("pg") and len(damaged) < len(whole):
                for call in (("check", "--format", "json"), ("key", "list")):
                    answer = pgmaskproxy(*call, "-c", str(tmp_path / "pgmaskproxy.yaml"), **environment)
                    assert answer.returncode == 78
                    said.append((answer.stdout + answer.stderr).encode())
        kept.write_text(whole)
        with proxy.connect() as connection:
            assert row(connection)[0] not in {token, ""}
        said += [health(proxy, path)[1].encode() for path in ("/metrics", "/healthz", "/readyz")]
        said.append(Path(f"/proc/{proxy.process.pid}/environ").read_bytes())
        said.append(proxy.tap.to_client)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != kept and path.parent.name != "keys"]
    assert {"log", "state.db", "proxy.jsonl"} <= {path.name for path in written}
    said += [path.read_bytes() for path in written]
    log = (tmp_path / "log").read_text()
    assert "keys_in_force" in log
    everything = b"\0".join(said)
    assert len(everything) > 50_000
    secrets = secrets_in(kept)
    assert len(secrets) > 300
    assert [what for form, what in secrets.items() if form in everything] == []
    # That this looks for the right thing: where it may be, it is found.
    assert [what for form, what in secrets.items() if form in kept.read_bytes()]
