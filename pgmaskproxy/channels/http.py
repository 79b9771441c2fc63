"""What channels over HTTP have in common: where they may post, and what an answer means."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Final

import httpx2

import pgmaskproxy
from pgmaskproxy.channels.channel import Receipt, Sent

LONGEST_PAUSE: Final = 3600.0
"""Seconds that a receiver may ask to be left alone."""


def user_agent() -> str:
    """What channels call themselves."""
    return f"pgmaskproxy/{pgmaskproxy.__version__}"


def may_be_told(url: str) -> bool:
    """Whether `url` is https, or http to this machine."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return False
    if parsed.scheme == "https":
        return bool(parsed.host)
    if parsed.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(parsed.host).is_loopback
    except ValueError:
        return parsed.host == "localhost"


def fingerprint(url: str) -> str:
    """16 hexadecimal digits; an address that is a capability is too long to be guessed from them."""
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:16]


def receipt_of(status: int, headers: Mapping[str, str]) -> Receipt:
    """2xx is delivered; 408, 425, 429 and 5xx are worth another try; everything else is for ever."""
    detail = f"HTTP {status}"
    if 200 <= status < 300:
        return Receipt(Sent.DELIVERED, detail)
    if status in {408, 425, 429} or status >= 500:
        return Receipt(Sent.RETRY, detail, _seconds(headers.get("retry-after", "")))
    return Receipt(Sent.REFUSED, detail)


def _seconds(retry_after: str) -> float | None:
    """Retry-After in its seconds form (RFC 9110 section 10.2.3); a date is left to the usual back-off."""
    if not retry_after.isascii() or not retry_after.isdigit() or len(retry_after) > 9:
        return None
    return min(float(retry_after), LONGEST_PAUSE)
