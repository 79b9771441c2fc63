"""Two databases that differ only in their secrets give an agent the same bytes (THREATS, the strongest oracle)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.fuzz import stage
from tests.fuzz.campaign import Campaign
from tests.fuzz.families import FAMILIES, script
from tests.harness import servers

FIXED: Final = 20_260_000
"""The first of the seeds that are the same every time."""
KNOWN: Final = 500
FRESH: Final = 300
WITHIN: Final = 60
"""So many scripts show that nothing is masked."""


@pytest.fixture(scope="module", params=["18", "15"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """Two servers with the two sides, of every supported version in turn."""
    if request.param == "15" and not (servers.DEBIAN_15 / "postgres").is_file():
        pytest.skip("Debian's postgresql-15 is not installed (apt-get install postgresql-15)")
    with stage.loaded(servers.DEBIAN_15 if request.param == "15" else None) as found:
        yield found


@pytest.mark.parametrize("attestation", ["", "off"], ids=["attested", "off"])
def test_an_agent_cannot_tell_the_two_sides_apart(
    both: tuple[EmbeddedServer, EmbeddedServer], tmp_path: Path, attestation: str
) -> None:
    """The same seeds every time, and fresh ones: `make fuzz ARGS='--seed N --count 1'` plays one again."""
    fresh = secrets.randbelow(1 << 40)
    with stage.pair(both, tmp_path, attestation) as pair:
        campaign = Campaign(pair)
        differences = [
            str(found)
            for first, count in ((FIXED, KNOWN), (fresh, FRESH))
            for found in campaign.run(range(first, first + count))
        ]
    said = f"fresh seeds from {fresh}\n{campaign.report()}"
    assert not differences, "\n\n".join([*differences[:5], said])
    # What is refused is equal too easily.
    assert campaign.share("masked", "rows") > 0.3, said
    assert campaign.share("masked") > 0.15, said
    assert campaign.share("given up") < 0.01, said


def test_without_labels_the_differences_are_found(both: tuple[EmbeddedServer, EmbeddedServer], tmp_path: Path) -> None:
    with stage.pair(both, tmp_path, "", stage.CLEAR) as pair:
        campaign = Campaign(pair)
        for family in ("read", "order", "errors", "writes", "copy", "cursors", "prepared"):
            assert next(campaign.run(range(FIXED, FIXED + WITHIN), family), None) is not None, family


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_writes_the_same_script_every_time(family: str) -> None:
    scripts = [script(seed, family) for seed in range(50)]
    assert scripts == [script(seed, family) for seed in range(50)]
    assert len({str(one.steps) for one in scripts}) > 10
