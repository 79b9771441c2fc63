"""Workers end, alone or all together; policies change; nobody goes on with what was before, and nothing stays held."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.audit.verify import verify
from tests.e2e.commands import active, backend, eventually, health, policy
from tests.e2e.crews import TWO, all_gone, chain, connected_to, metric, runs, worker_pid
from tests.e2e.waiting import SECONDS, ask
from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

HELD = "DELETE FROM payments"
SSN = "SELECT name, ssn FROM customers WHERE id = 1"


@pytest.fixture
def working(shop18: Database, tmp_path: Path) -> Iterator[Proxy]:
    """`pgmaskproxy serve` with two workers."""
    with proxies.as_process(shop18, tmp_path, environment=TWO) as running:
        yield running
        running.check_bytes()


def verified(proxy: Proxy) -> None:
    """Every chain is whole."""
    report = verify([proxy.config.audit.directory])
    assert report.ok, report.problems
    assert {chain.writer for chain in report.chains} == {"proxy", "proxy-1", "proxy-2"}


def state_of(proxy: Proxy, request: str) -> str:
    with proxy.person() as bob:
        return str(bob.request(request).body["state"])


def restarts(proxy: Proxy, reason: str) -> float:
    return metric(proxy, f'worker_restarts_total{{reason="{reason}"}}')


def test_one_is_killed(working: Proxy) -> None:
    """Only its own sessions end; what they held is withdrawn; another takes its place and goes on with its chain."""
    with ExitStack() as stack:
        killed, other = (connected_to(working, number, stack) for number in (1, 2))
        waiting, kept = ask(killed, HELD), ask(other, HELD)
        request, kept_request = waiting.request(), kept.request()
        first = worker_pid(working, 1)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            waiting.result()
        eventually(lambda: state_of(working, request) == "withdrawn", "its request is still open")
        eventually(lambda: metric(working, "workers") == 2, "nobody takes its place")
        assert restarts(working, "exited") == 1
        assert worker_pid(working, 1) != first
        assert state_of(working, kept_request) == "pending"
        with working.person() as bob:
            assert bob.approve(kept_request).status == 200
        assert kept.result() == ("DELETE 500", None)
        again = connected_to(working, 1, stack)
        assert again.execute(SSN).fetchone() == ("Bram Abbott", "***")
        ended = chain(working, "proxy", "worker.ended")
        assert [(each["data"]["worker"], each["data"]["pid"]) for each in ended] == [(1, first)]
    verified(working)


def test_a_policy_is_everybodys_or_nobodys(working: Proxy) -> None:
    file = working.directory / "policies" / "default.yaml"
    assert working.process is not None

    def reload(text: str, outcome: str, count: int) -> None:
        assert working.process is not None
        file.write_text(text, encoding="utf-8")
        working.process.send_signal(signal.SIGHUP)
        line = f'policy_reload_total{{outcome="{outcome}"}}'
        eventually(lambda: metric(working, line) == count, "no reload")

    with ExitStack() as stack:
        connections = [connected_to(working, number, stack) for number in (1, 2)]
        for _ in range(2):
            for connection in connections:
                assert connection.execute(SSN, prepare=True).fetchone() == ("Bram Abbott", "***")
        more = policy(("  pii.ssn: ", '  pii.name: {columns: ["*.*.name"], mask: {kind: redact}}\n  pii.ssn: '))
        reload(more, "ok", 1)
        for connection in connections:
            assert connection.execute(SSN, prepare=True).fetchone() == ("***", "***")
        reload("not yaml: [", "failed", 1)
        # Nor does one that begins now read what is wrong, nor what nobody has been told to take.
        file.write_text(policy(), encoding="utf-8")
        pid = worker_pid(working, 1)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: worker_pid(working, 1) != pid and metric(working, "workers") == 2, "nobody takes its place")
        for number in (1, 2):
            assert connected_to(working, number, stack).execute(SSN).fetchone() == ("***", "***")
        versions = {each["data"]["policy_version"] for each in chain(working, "proxy", "policy.reloaded")}
        assert len(versions) == 1

        # One that stands still, and so cannot take what all others take, does not go on: another takes its place.
        pid = worker_pid(working, 2)
        os.kill(pid, signal.SIGSTOP)
        reload(policy(), "ok", 2)
        eventually(lambda: worker_pid(working, 2) != pid and metric(working, "workers") == 2, "it goes on")
        assert not runs(pid)
        assert restarts(working, "silent") == 1
        for number in (1, 2):
            assert connected_to(working, number, stack).execute(SSN).fetchone() == ("Bram Abbott", "***")
    verified(working)


def test_sigterm_drains_all(working: Proxy) -> None:
    assert working.process is not None
    pids = [worker_pid(working, number) for number in (1, 2)]
    with ExitStack() as stack:
        idle, busy = (connected_to(working, number, stack) for number in (1, 2))
        within = connected_to(working, 1, stack)
        within.execute("BEGIN")
        process = backend(busy)
        running = ask(busy, "SELECT count(*) FROM generate_series(1, 10000000)")
        eventually(lambda: active(working, process), "it does not run")
        working.process.send_signal(signal.SIGTERM)
        eventually(lambda: health(working, "/readyz")[0] == 503, "it is ready for more")
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            working.connect(port=working.port)
        assert within.execute("UPDATE products SET stock = -13 WHERE id = 1").statusmessage == "UPDATE 1"
        within.execute("COMMIT")
        assert running.result() == ("SELECT 1", [(10000000,)])
        assert working.process.wait(SECONDS) == 0
    all_gone(pids)
    kinds = [each["kind"] for each in chain(working, "proxy")]
    assert kinds[-3:] == ["worker.ended", "worker.ended", "server.stopped"]
    assert "Traceback" not in (working.directory / "log").read_text(encoding="utf-8")
    verified(working)


def test_none_outlives_a_parent_that_is_killed(working: Proxy) -> None:
    """The next start finds what they had held, and is not kept from beginning by what is left of them."""
    assert working.process is not None
    pids = [worker_pid(working, number) for number in (1, 2)]
    with ExitStack() as stack:
        waiting = [ask(connected_to(working, number, stack), HELD) for number in (1, 2)]
        requests = [each.request() for each in waiting]
        working.process.kill()
        working.process.wait()
        config, log = working.directory / "pgmaskproxy.yaml", working.directory / "log"
        with proxies.served(config, log, working.metrics_port, TWO):
            for each in waiting:
                with pytest.raises(psycopg.OperationalError):
                    each.result()
            all_gone(pids)
            assert [state_of(working, each) for each in requests] == ["withdrawn", "withdrawn"]
            connected_to(working, 1, stack)
            connected_to(working, 2, stack)
    with psycopg.connect(working.database.admin) as admin:
        assert admin.execute("SELECT count(*) FROM shop.payments").fetchone() == (500,)
    verified(working)
