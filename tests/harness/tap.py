"""The demo's tap, where tests look for it."""

from __future__ import annotations

from pgmaskproxy.demo.tap import ByteTap

__all__ = ["ByteTap"]
