"""How values are written in the file and in a variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pgmaskproxy import config_types as types


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (types.Size, "256KiB", 262_144),
        (types.Size, 7, 7),
        (types.Seconds, "2h", 7200.0),
        (types.Seconds, "30", 30.0),
        (types.Names, "a,b", ("a", "b")),
        (types.Extensions, "", ("",)),
        (types.Extensions, [], ()),
        (types.Signatures, "a.f(integer, text);b.g()", ("a.f(integer, text)", "b.g()")),
        (types.Signatures, ["a.f(numeric(10,2))"], ("a.f(numeric(10,2))",)),
        (types.Databases, "shop, logs", {"shop": "shop", "logs": "logs"}),
        (types.Databases, {"a": "b"}, {"a": "b"}),
        (types.FilePath, "x", Path("x")),
        (types.Port, 0, 0),
        (types.Workers, "3", 3),
        (types.Workers, "auto", len(os.sched_getaffinity(0))),
    ],
)
def test_what_is_written(kind: Any, written: object, value: object) -> None:
    assert TypeAdapter(kind).validate_python(written) == value


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (types.Size, "256KB"),
        (types.Size, 0),
        (types.Seconds, "soon"),
        (types.Seconds, 0),
        (types.Names, []),
        (types.Signatures, ["f(int)"]),
        (types.Signatures, ["shop.f"]),
        (types.Signatures, ["shop.f(integer"]),
        (types.Databases, []),
        (types.Port, 65_536),
        (types.Workers, 0),
        (types.Workers, 65),
        (types.Workers, "many"),
        (types.Rights, ["root"]),
    ],
)
def test_what_is_not(kind: Any, written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(written)
