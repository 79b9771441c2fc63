"""Open requests by principal: counted up to the limit, and given back."""

from __future__ import annotations

from pgmaskproxy.proxy.held import Held


async def test_each_principal_has_its_own_limit() -> None:
    held = Held()
    assert [await held.take("a", 2) for _ in range(3)] == [True, True, False]
    assert await held.take("b", 2)
    assert (held.of("a"), held.of("b"), len(held)) == (2, 1, 3)
    held.give_back("a")
    assert await held.take("a", 2)
    for name in ("a", "a", "b"):
        held.give_back(name)
    assert (held.of("a"), len(held)) == (0, 0)
