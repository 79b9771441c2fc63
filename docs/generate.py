"""Write docs/configuration.md from the settings' own descriptions: `make docs`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from pgmaskproxy.config import Channel, Config
from pgmaskproxy.config_keys import KeySource
from pgmaskproxy.config_peers import ListenTls

NESTED: dict[tuple[str, str], type[BaseModel]] = {("listen", "tls"): ListenTls, ("keys", "masking"): KeySource}
"""Sections within sections: a table of their own."""

PAGE = Path(__file__).with_name("configuration.md")

HEAD = """# Configuration

`pgmaskproxy.yaml` is looked for as `--config`, `$PGMASKPROXY_CONFIG`, `./pgmaskproxy.yaml`,
`$XDG_CONFIG_HOME/pgmaskproxy/config.yaml` and `/etc/pgmaskproxy/config.yaml`, in this order. A flag beats the
environment, which beats the file, which beats the default. Every setting has a variable: `PGMASKPROXY_` and its
path with `__` between the parts, and the same with `_FILE` at the end for a file that holds the value. In the file,
`${file:/run/secrets/x}` and `${env:X}` stand for a value kept elsewhere. Paths are relative to the file.
`pgmaskproxy check` reports everything that is wrong, at once, with file and line.

```yaml
apiVersion: pgmaskproxy/v1
kind: Config
upstream: {host: db.internal, user: pgmaskproxy, password: "${file:/run/secrets/upstream}", databases: [shop]}
policies: [policies/default.yaml]
principals: principals.yaml
```

<!-- Below this line the page is made by `make docs` from pgmaskproxy/config.py. -->
"""

SIZES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    lines += ["## Top level", "", *_table("", Config, sections=False)]
    for name, model in _sections():
        lines += ["", f"## {name}", "", inspect.cleandoc(model.__doc__ or ""), "", *_table(name, model, sections=True)]
    return "\n".join(lines) + "\n"


def settings() -> list[str]:
    """Every setting by its dotted path."""
    return [*(name for name in Config.model_fields if name not in dict(_sections()))] + [
        f"{section}.{name}"
        for section, model in _sections()
        for name in model.model_fields
        if (section, name) not in NESTED
    ]


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation
        yield from ((".".join(path), model) for path, model in NESTED.items() if path[0] == name)
    yield "channels.NAME", Channel


def _table(prefix: str, model: type[BaseModel], *, sections: bool) -> list[str]:
    skipped = set() if sections else {*dict(_sections()), "channels"}
    rows = ["| setting | default | what |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if name in skipped or (prefix, name) in NESTED:
            continue
        path = f"{prefix}.{name}" if prefix else name
        description = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{path}` | {_default(name, field.is_required(), field.default)} | {description} |")
    return rows


def _default(name: str, required: bool, value: Any) -> str:
    if name in {"state", "directory"}:
        return "below the state directory"
    if name == "cwd":
        return "the file's directory"
    if required or value is PydanticUndefined:
        return "required"
    if value is None or isinstance(value, SecretStr):
        return "none"
    if name.endswith("_bytes"):
        for unit, size in SIZES:
            if value % size == 0:
                return f"`{value // size}{unit}`"
    if isinstance(value, float):
        return f"`{value:g}s`"
    if isinstance(value, tuple):
        return " ".join(f"`{item}`" for item in value) or "none"
    return f"`{value}`"


def main() -> int:
    """Write the page; with `--check`, say whether it is as it would be written."""
    if "--check" in sys.argv:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
