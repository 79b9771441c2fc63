"""What a channel is, and that the one there is keeps to it."""

from __future__ import annotations

import inspect

from pgmaskproxy.channels.channel import Channel, Receipt, Sent
from pgmaskproxy.channels.webhook import Webhook


def test_a_webhook_is_a_channel() -> None:
    for name in ("send", "close"):
        assert inspect.signature(getattr(Webhook, name)) == inspect.signature(getattr(Channel, name))


def test_outcomes_are_fit_for_a_metrics_label() -> None:
    assert {sent.value for sent in Sent} == {"accepted", "delivered", "retry", "refused", "gone", "expired"}
    assert Receipt(Sent.RETRY) == Receipt(Sent.RETRY, "", None)
