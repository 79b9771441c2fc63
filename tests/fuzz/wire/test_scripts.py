"""Any script of messages: what comes through the proxy is what the server says, message for message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings

from pgmaskproxy.demo.server import EmbeddedServer
from tests.fuzz.wire import stage
from tests.fuzz.wire.scripts import SCRIPTS, Batch

EXAMPLES: Final = int(os.environ.get("WIRE_EXAMPLES", "60"))


@pytest.fixture(scope="module")
def pair(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stage.Pair]:
    with stage.pair(server, tmp_path_factory.mktemp("wire")) as found:
        yield found


@given(script=SCRIPTS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None, print_blob=True)
def test_any_script_is_answered_as_by_the_server(pair: stage.Pair, script: list[Batch]) -> None:
    proxied, direct = pair.play(script)
    assert proxied == direct
