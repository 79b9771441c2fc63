"""The steps; each names the one before it."""

from __future__ import annotations
