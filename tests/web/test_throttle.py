"""Counting failures: the limits hold whatever the order, time forgives, and memory is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.web.throttle import ADDRESS, PAIR, PERSON, Throttle


def test_a_person_at_an_address() -> None:
    throttle = Throttle()
    for second in range(PAIR.failures):
        assert throttle.attempt("bob", "a", float(second)) == 0.0
    assert throttle.attempt("bob", "a", 10.0) == PAIR.seconds - 10.0
    assert throttle.attempt("bob", "b", 10.0) == 0.0
    assert throttle.attempt("eve", "a", 10.0) == 0.0
    assert throttle.attempt("bob", "a", PAIR.seconds + 0.5) == 0.0, "the first has been forgotten"
    assert throttle.attempt("bob", "a", PAIR.seconds + 0.5) > 0.0, "the others have not"


def test_an_address_that_tries_everybody() -> None:
    throttle = Throttle()
    for number in range(ADDRESS.failures):
        assert throttle.attempt(f"person{number}", "a", 0.0) == 0.0
    assert throttle.attempt("another", "a", 0.0) > 0.0
    assert throttle.attempt("another", "b", 0.0) == 0.0


def test_a_person_tried_from_everywhere() -> None:
    throttle = Throttle()
    for number in range(PERSON.failures):
        assert throttle.attempt("bob", f"address{number}", 0.0) == 0.0
    assert throttle.attempt("bob", "another", 0.0) == PERSON.seconds


def test_success_gives_the_attempt_back() -> None:
    throttle = Throttle()
    for second in range(1000):
        assert throttle.attempt("bob", "a", float(second)) == 0.0
        throttle.succeeded("bob", "a", float(second))
    assert throttle.attempt("bob", "a", 1000.0) == 0.0


def test_a_success_does_not_forgive_guesses_at_others() -> None:
    throttle = Throttle()
    for number in range(ADDRESS.failures - 1):
        throttle.attempt(f"person{number}", "a", 0.0)
    throttle.attempt("eve", "a", 1.0)
    throttle.succeeded("eve", "a", 1.0)
    assert throttle.attempt("eve", "a", 2.0) == 0.0
    assert throttle.attempt("eve", "a", 2.0) > 0.0


def test_what_is_limited_is_not_counted() -> None:
    throttle = Throttle()
    for _ in range(100):
        throttle.attempt("bob", "a", 0.0)
    assert throttle.attempt("bob", "a", PAIR.seconds) == 0.0


def test_memory_is_bounded() -> None:
    throttle = Throttle(keys=100)
    for number in range(1000):
        throttle.attempt(f"person{number}", f"address{number}", 0.0)
    assert len(throttle) <= 100


@given(st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from("ab"), st.floats(0, 50)), max_size=200))
def test_never_more_than_the_limits(attempts: list[tuple[str, str, float]]) -> None:
    throttle, now = Throttle(), 0.0
    let: list[tuple[str, str, float]] = []
    for person, address, later in attempts:
        now += later
        if throttle.attempt(person, address, now) == 0.0:
            let.append((person, address, now))
    for person, address, at in let:
        window = [each for each in let if at - PAIR.seconds < each[2] <= at]
        assert sum(each[:2] == (person, address) for each in window) <= PAIR.failures
        assert sum(each[1] == address for each in window) <= ADDRESS.failures
