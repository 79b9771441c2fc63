"""What a flow can wait for."""

from __future__ import annotations

from pgmaskproxy.session.flow import Wait


def test_a_wait_is_for_nothing_unless_told() -> None:
    wait = Wait()
    assert (wait.ticket, wait.exchange, wait.unless) == (0, None, None)
    assert not any((wait.drained, wait.message, wait.server, wait.held))
