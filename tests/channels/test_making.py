"""Channels by their kind."""

from __future__ import annotations

import pytest

from pgmaskproxy.channels.making import KINDS, make_channel
from pgmaskproxy.channels.teams import Teams
from pgmaskproxy.channels.teams_legacy import TeamsLegacy
from pgmaskproxy.channels.webhook import Webhook
from pgmaskproxy.errors import ConfigError
from tests.channels.test_webhook import SECRET

URL = "https://hooks.example/x"


async def test_each_kind() -> None:
    made = [make_channel(kind, "c", URL, SECRET if kind == "webhook" else "", groups=("dba",)) for kind in KINDS]
    assert [type(each) for each in made] == [Webhook, Teams, TeamsLegacy]
    for each in made:
        assert (each.name, each.groups) == ("c", frozenset({"dba"}))
        await each.close()
    assert len({each.address for each in made}) == 1


@pytest.mark.parametrize(
    ("kind", "secret"), [("webhook", ""), ("teams", SECRET), ("teams-legacy", SECRET), ("fax", "")]
)
def test_what_does_not_fit_is_refused(kind: str, secret: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_channel(kind, "c", URL, secret)
    assert SECRET not in str(refused.value.problems)
