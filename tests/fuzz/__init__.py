"""Non-interference: two databases that differ only in their secrets, and one client that must not see which is which.

`stage` makes them and puts a proxy before each; `families` writes the scripts of a seed, of `queries`, `writes` and
`words`; `client` sends them to both; `campaign` compares what comes back. `python -m tests.fuzz` is `make fuzz`.
"""
