"""What is made of a profiler's stacks."""

from __future__ import annotations

import pytest

from bench.profiles import function, symbols, top

STACKS = """main (app.py:10);run (pgmaskproxy/session/session.py:20);decode (pgmaskproxy/wire/frames.py:5) 30
main (app.py:10);run (pgmaskproxy/session/session.py:21);decode (pgmaskproxy/wire/frames.py:9) 50
main (app.py:10);run (pgmaskproxy/session/session.py:22) 10
main (app.py:10);uv__io_poll (linux.c:12);0x7fb484e4524a (libc.so.6) 900
main (app.py:10);run (pgmaskproxy/session/session.py:22);Py_DECREF (object.h:5);dict_dealloc (libpython3.11.so) 10
run (threading.py:982);PyThread_acquire_lock_timed (libpython3.11.so.1.0);0x7fb484ea3f16 (libc.so.6) 300
not a stack
"""


def test_waiting_is_left_out_and_lines_of_one_function_are_added() -> None:
    found = top(STACKS.splitlines())
    assert [(line.function, line.own, line.whole) for line in found] == [
        ("decode (wire/frames.py)", 0.8, 0.8),
        ("run (session/session.py)", 0.2, 1.0),
    ]
    assert top([]) == []


def test_a_call_to_the_system_says_for_whom() -> None:
    (line,) = top(
        ["main (app.py:10);write_all (pgmaskproxy/audit/log.py:9);__libc_write (c.so);x (y.so);write (c.so) 5"]
    )
    assert line.function == "write, for write_all (audit/log.py)"


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("events___ServerData_new (__native_pgmaskproxy.c:154655)", "events.ServerData_new (compiled)"),
        ("CPyDef_session___Session___receive", "session.Session.receive (compiled)"),
        ("CPyDef_frames___split (pgmaskproxy/wire/frames.cpython-311.so)", "frames.split (compiled)"),
        ("read (/usr/lib/python3.11/asyncio/streams.py:12)", "read (asyncio/streams.py)"),
        ("__GI___libc_send (libc.so.6)", "send (system call)"),
        ("Py_DECREF (object.h:537)", ""),
        ("0x7fb484e4524a (libc.so.6)", ""),
    ],
)
def test_names_are_short(frame: str, name: str) -> None:
    assert function(frame) == name


def test_perf_says_symbols() -> None:
    said = "    31.25%  [.] appendStringInfo\n    20.00%  [k] __send\n\n"
    assert [line.as_list() for line in symbols(said)] == [
        ["appendStringInfo", 0.3125, 0.3125],
        ["__send (kernel)", 0.2, 0.2],
    ]
