"""`make guards`: every guard of `tests/guards.toml` switched off in turn, and some test must fail.

A guard is a place whose removal would let a value out, let something privileged run, or lose evidence. A test that
passes without it tests something else.
"""
