"""The types of settings: a section, and how a size, a time, a path or a list is written in a file or a variable."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from pgmaskproxy.policy.fields import parse_duration


class Section(BaseModel):
    """A mapping in the file: what is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


MOST_WORKERS: Final = 64

_SIZE: Final = re.compile(r"([0-9]{1,12}) ?(B|KiB|MiB|GiB)?")
_UNITS: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _size(value: object) -> object:
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        if match is None:
            raise PydanticCustomError("size", "must be a size like 65536, 256KiB or 64MiB")
        return int(match[1]) * _UNITS[match[2] or "B"]
    return value


def _seconds(value: object) -> object:
    if isinstance(value, str) and not value.isdecimal():
        found = parse_duration(value)
        if found is None:
            raise PydanticCustomError("duration", "must be a time like 30s, 15m or 2h")
        return found
    return value


def _beside(value: Path, info: ValidationInfo) -> Path:
    base = info.context["base"] if info.context else Path()
    return Path(base, value)


def _databases(value: object) -> object:
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name.strip(): name.strip() for name in value}
    return value


def _workers(value: object) -> object:
    if value == "auto":
        return min(core_count(), MOST_WORKERS)
    return value


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _names(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


def _signatures(value: object) -> object:
    return [each.strip() for each in value.split(";")] if isinstance(value, str) else value


Size = Annotated[int, Field(ge=1), BeforeValidator(_size, json_schema_input_type=int | str)]
"""Bytes."""
Seconds = Annotated[float, Field(gt=0, le=30 * 86400), BeforeValidator(_seconds, json_schema_input_type=float | str)]
FilePath = Annotated[Path, AfterValidator(_beside)]
"""Relative to the directory of the configuration file."""
FilePaths = Annotated[
    tuple[FilePath, ...], Field(min_length=1), BeforeValidator(_names, json_schema_input_type=list[str] | str)
]
Names = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_names, json_schema_input_type=list[str] | str)]
Extensions = Annotated[tuple[str, ...], BeforeValidator(_names, json_schema_input_type=list[str] | str)]
Signatures = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[^.()]+\.[^()]+\(.*\)$")], ...],
    BeforeValidator(_signatures, json_schema_input_type=list[str] | str),
]
"""In a variable set apart by `;`."""
Views = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[^()]+\.[^()]+$")], ...],
    BeforeValidator(_names, json_schema_input_type=list[str] | str),
]
Right = Annotated[str, Field(pattern=r"^(superuser|createrole|replication|bypassrls|owner|pg_[a-z_]+)$")]
Rights = Annotated[tuple[Right, ...], BeforeValidator(_names, json_schema_input_type=list[str] | str)]
Databases = Annotated[
    dict[str, str],
    Field(min_length=1),
    BeforeValidator(_databases, json_schema_input_type=dict[str, str] | list[str] | str),
]
Workers = Annotated[
    int,
    Field(ge=1, le=MOST_WORKERS),
    BeforeValidator(_workers, json_schema_input_type=int | Literal["auto"]),
]
"""`auto` is as many as there are cores that this process may use."""
Port = Annotated[int, Field(ge=0, le=65535)]
