"""The driver matrix: every task by every driver, through the proxy with masking on, compared with the same directly."""

from __future__ import annotations

import pytest

# Their assertions are a test's own: where one fails, it is to say what it has compared.
pytest.register_assert_rewrite(*(f"tests.drivers.{name}" for name in ("bench", "holding", "reading", "writing")))
