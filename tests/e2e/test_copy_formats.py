"""COPY TO STDOUT in every format and through every driver: masked, and else exactly what the server sends."""

from __future__ import annotations

import pytest

from tests.e2e.copying import FORMATS, READERS, SOURCES, copied, masked
from tests.e2e.drivers import direct
from tests.harness.proxy import Proxy


@pytest.mark.parametrize("form", FORMATS)
def test_out_is_masked_and_else_exactly_the_servers(shared_proxy: Proxy, form: str) -> None:
    statements = [f"COPY {source} TO STDOUT{FORMATS[form]}" for source in SOURCES]
    truth = copied(direct(shared_proxy), statements)
    seen = copied(shared_proxy.conninfo(), statements)
    wrong = {}
    for statement, masks, true, found in zip(statements, SOURCES.values(), truth, seen, strict=True):
        expected = masked(READERS[form](true), masks, form)
        if READERS[form](found) != expected or (not masks and found != true):
            wrong[statement] = found[:200], true[:200]
    assert not wrong
