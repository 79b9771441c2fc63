"""Rows in, masked rows out: the data plane. No state between rows, no IO.

`plan` binds what policy decided and what the server described to one result shape; `kernel` runs
whole read buffers through such a plan; `maskers` are the kinds a policy can name. Compiled by mypyc
where a C compiler was found at installation (setup.py), the same source interpreted where not.
"""
