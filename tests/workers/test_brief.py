"""What a worker is told: the very settings of its parent, and nothing of it where anybody else would see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgmaskproxy.config import load_config
from pgmaskproxy.errors import InternalError
from pgmaskproxy.proxy.reading import Texts
from pgmaskproxy.workers.brief import Brief, Logging

TEXT = """
apiVersion: pgmaskproxy/v1
kind: Config
upstream: {host: db.internal, user: proxy, password: "a password", databases: {shop: shop_1}, sslrootcert: roots.pem}
listen: {tls: {cert: a.crt, key: a.key, key_password: another}}
channels: {ops: {kind: webhook, url: "https://hooks.example.com/x", secret: whsec_x, groups: [dba]}}
trust: {extensions: [citext], functions: ["public.f(integer, text)"]}
limits: {statement_bytes: 64KiB, login_seconds: 2m}
keys: {masking: {command: [cat, keys]}}
workers: 3
"""


@pytest.fixture
def brief(tmp_path: Path) -> Brief:
    path = tmp_path / "pgmaskproxy.yaml"
    path.write_text(TEXT, encoding="utf-8")
    texts = Texts((("a.yaml", "x: 1\n"),), "people: ä")
    config = load_config(path, {})
    return Brief(2, 6432, 8432, 4, 5, None, 6, b"\0\xff" * 16, config, texts, Logging("json", "debug"))


def test_it_is_the_same_on_the_other_side(brief: Brief) -> None:
    again = Brief.decode(brief.encode())
    assert again == brief
    assert again.config.upstream.password is not None
    assert again.config.upstream.password.get_secret_value() == "a password"
    assert again.texts.digest == brief.texts.digest


def test_nothing_of_it_is_printed(brief: Brief) -> None:
    for secret in ("a password", "another", "whsec_x", "people", "hooks.example.com"):
        assert secret not in repr(brief)


def test_another_version_is_another_program(brief: Brief) -> None:
    said = json.loads(brief.encode())
    said["version"][1] = "0.0.1"
    with pytest.raises(InternalError, match="is of version"):
        Brief.decode(json.dumps(said).encode())
