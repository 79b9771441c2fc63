"""Statements by the hundred through a running proxy: what must not leak, and what must work.

`test_leaks` runs the leak corpus, `test_scripts` attacks in several steps and sessions, `test_benign` ordinary work.
Cases are data: adding one needs no Python. `world` starts server, twin databases and proxy; `client` speaks the
protocol.
"""
