"""A webhook, signed as Standard Webhooks 1.0.0 says (standardwebhooks specification, "Signature scheme").

The body is `{"type", "timestamp", "data"}`; `webhook-signature` holds, for each secret,
`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import httpx2

from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.channels.channel import Receipt, Sent
from pgmaskproxy.channels.http import fingerprint, may_be_told, receipt_of, user_agent
from pgmaskproxy.errors import ConfigError, Problem

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret starts with


def decode_secret(text: str, owner: str = "a webhook") -> bytes:
    """The key in `whsec_<base64>`: 24 to 64 bytes. Raises ConfigError that names `owner`, never the secret."""
    hint = f"write {SECRET_PREFIX} and the base64 of 24 to 64 random bytes"
    if not text.startswith(SECRET_PREFIX):
        raise ConfigError([Problem(f"{owner}: the secret does not start with {SECRET_PREFIX}", hint=hint)])
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError([Problem(f"{owner}: the secret is not base64", hint=hint)]) from None
    if not 24 <= len(key) <= 64:
        raise ConfigError([Problem(f"{owner}: the secret has {len(key)} bytes", hint=hint)])
    return key


def signature(key: bytes, message_id: str, unix: int, body: bytes) -> str:
    """One `v1,...` signature."""
    signed = b".".join((message_id.encode(), str(unix).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def payload(notification: Notification) -> bytes:
    """The body: the same bytes at every retry."""
    at = datetime.fromtimestamp(notification.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {"type": notification.type, "timestamp": at, "data": dict(notification.data)}
    return json.dumps(message, separators=(",", ":")).encode("ascii")


class Webhook:
    """A `Channel` that POSTs to one address. Several secrets while one is being replaced.

    `seconds` bounds one attempt as a whole phase each of connecting, writing and reading. Raises ConfigError
    for an address that is neither https nor on this machine, and for a bad secret.
    """

    def __init__(
        self,
        name: str,
        url: str,
        secrets: Sequence[str],
        clock: Callable[[], float],
        *,
        groups: Collection[str] = (),
        headers: Mapping[str, str] | None = None,
        seconds: float = 10.0,
    ) -> None:
        problems = []
        if not may_be_told(url):
            problems.append(
                Problem(f"channel {name}: the address must be https", hint="http only to this machine: 127.0.0.1, ::1")
            )
        if not secrets:
            problems.append(Problem(f"channel {name}: a webhook needs a secret", hint="`openssl rand -base64 32`"))
        if problems:
            raise ConfigError(problems)
        self.name = name
        self.groups = frozenset(groups)
        self.address = fingerprint(url)
        self._url = url
        self._keys = tuple(decode_secret(secret, f"channel {name}") for secret in secrets)
        self._clock = clock
        self._client = httpx2.AsyncClient(
            timeout=seconds,
            headers={"user-agent": user_agent(), **(headers or {})},
        )

    async def send(self, notification: Notification) -> Receipt:
        """POST once. 2xx is delivered; 410 and other 4xx are for ever; 408, 425, 429, 5xx and no answer are retried."""
        body, now = payload(notification), int(self._clock())
        headers = {
            "content-type": "application/json",
            "webhook-id": notification.id,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(signature(key, notification.id, now, body) for key in self._keys),
        }
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                return receipt_of(response.status_code, response.headers)
        except httpx2.HTTPError as error:
            return Receipt(Sent.RETRY, type(error).__name__)

    async def greet(self, host: str) -> Receipt:
        """POST a `notification.test`."""
        now = self._clock()
        return await self.send(Notification(f"test_{int(now)}", "notification.test", now, now, {"host": host}))

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.aclose()
