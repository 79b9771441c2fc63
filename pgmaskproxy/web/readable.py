"""Untrusted text for a person's eyes; see `approval.visible`, which channels use, too."""

from __future__ import annotations

from pgmaskproxy.approval.visible import HIDDEN_CATEGORIES, hidden_characters, one_line, visible

__all__ = ["HIDDEN_CATEGORIES", "hidden_characters", "one_line", "visible"]
