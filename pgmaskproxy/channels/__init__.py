"""Telling people: one file a kind of channel, one Protocol, one outbox."""

from __future__ import annotations
