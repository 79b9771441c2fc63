"""What `check` says of encryption: certificates that load and last, logins that could never be, words in the clear."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pgmaskproxy.cli.role_checks import Said
from pgmaskproxy.config import Config
from pgmaskproxy.config_peers import is_here
from pgmaskproxy.errors import ConfigError
from pgmaskproxy.policy.principals import Directory
from pgmaskproxy.proxy.certificates import Served, upstream_context

SOON: Final = 14 * 86_400.0
"""Seconds before a certificate's end at which somebody should look."""


def tls_findings(config: Config, directory: Directory | None) -> Iterator[Said]:
    """Both sides."""
    yield from _clients(config)
    if directory is not None and (config.listen.tls is None or config.listen.tls.client_ca is None):
        shut_out = sorted(name for name in directory.users if directory.certificate(name) is not None)
        if shut_out:
            yield (
                "error",
                f"{', '.join(shut_out)} log in by certificate, and no client is asked for one",
                "name the roots of clients' certificates: listen.tls.client_ca",
            )
    yield from _server(config)


def _clients(config: Config) -> Iterator[Said]:
    tls, abroad = config.listen.tls, not is_here(config.listen.host)
    if tls is None:
        if abroad:
            yield ("warning", "clients of other machines connect in the clear", "listen.tls: {cert: ..., key: ...}")
        return
    try:
        served = Served(tls)
    except ConfigError as error:
        for problem in error.problems:
            yield ("error", f"{problem.file}: {problem.message}", problem.hint)
        return
    left = served.not_after - time.time()
    day = datetime.fromtimestamp(served.not_after, UTC).date().isoformat()
    if left <= 0:
        yield ("error", f"{tls.cert}: the certificate has ended on {day}", "who verifies it does not connect")
    elif left < SOON:
        yield ("warning", f"{tls.cert}: the certificate ends on {day}", "a new file is used without a restart")
    else:
        bound = "" if served.binding is not None else ", without channel binding (its signature has no hash)"
        yield ("ok", f"clients' TLS: the certificate lasts until {day}{bound}", "")
    if abroad and not tls.require:
        yield ("warning", "clients of other machines may connect in the clear", "listen.tls.require: true")


def _server(config: Config) -> Iterator[Said]:
    upstream = config.upstream
    try:
        upstream_context(upstream)
    except ConfigError as error:
        for problem in error.problems:
            yield ("error", f"{problem.file}: {problem.message}" if problem.file else problem.message, problem.hint)
        return
    if is_here(upstream.host):
        return
    if upstream.tls == "disable":
        yield ("warning", f"{upstream.host} is spoken to in the clear", "upstream.sslmode: verify-full")
    elif upstream.tls == "require" and upstream.channel_binding != "require":
        yield (
            "warning",
            f"{upstream.host} is spoken to encrypted, but it could be anybody",
            "upstream.sslmode: verify-full, or channel_binding: require",
        )
    else:
        yield ("ok", f"the server's TLS: {upstream.tls}", "")
