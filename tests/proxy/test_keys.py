"""The keys in force: said by name, version and fingerprint, and only when they are others than before."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from pgmaskproxy.keyring.document import NO_DOCUMENT, Document
from pgmaskproxy.logs import configure
from pgmaskproxy.mask.keys import NO_KEYS
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.keys import Keys
from tests.keyring.made import OTHER, entry, shown


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log = io.StringIO()
    configure("json", "debug", log)
    yield log
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_there_are_none_at_first() -> None:
    assert Keys().ring is NO_KEYS
    assert Keys().replace(NO_DOCUMENT, "k") is None


def test_what_changes_is_said_and_recorded_without_a_secret(logged: io.StringIO) -> None:
    metrics = Metrics(process=False)
    keys = Keys(metrics)
    first = keys.replace(Document([entry(), entry("other", 3)]), "/etc/k")
    assert first is not None
    assert first.kind == "keys.in_force"
    assert first.data == {"keys": [str(entry()), str(entry("other", 3))], "gone": []}
    assert keys.ring.versions() == (("masking", 1), ("other", 3))
    assert keys.replace(Document([entry("other", 3), entry()]), "/etc/k") is None, "nothing has changed"
    rotated = Document([entry(), entry(version=2, secret=OTHER)])
    second = keys.replace(rotated, "/etc/k")
    assert second is not None
    assert second.data == {"keys": [str(each) for each in rotated.entries], "gone": [str(entry("other", 3))]}
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [line["key"] for line in lines] == [
        f"{entry()}, {entry('other', 3)}",
        f"{entry()}, {entry(version=2, secret=OTHER)}",
    ]
    assert all(
        (line["event"], line["path"], line.get("dropped")) == ("keys_in_force", "/etc/k", None) for line in lines
    )
    page = metrics.exposition()[0].decode()
    assert 'pgmaskproxy_masking_key_version{name="masking"} 2.0' in page
    assert 'name="other"' not in page, "a key that is gone is not shown"
    assert not shown(logged.getvalue() + page + repr(first) + repr(second) + repr(keys) + repr(keys.ring))


def test_another_secret_under_the_same_name_and_version_is_another_key() -> None:
    keys = Keys()
    keys.replace(Document([entry()]), "k")
    event = keys.replace(Document([entry(secret=OTHER)]), "k")
    assert event is not None
    assert event.data["gone"] == [str(entry())]
