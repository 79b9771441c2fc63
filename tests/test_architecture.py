"""The habits of DESIGN.md, checked by reading the sources: who may import whom, what is pure, how files are laid out.

Nothing is imported here, so a module that cannot be imported is checked all the same.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pgmaskproxy"
LONGEST = 500

EVERYTHING = ("*",)
APPROVAL_SHELL = ("pgmaskproxy.approval.broker",)
AUDIT_SHELL = ("pgmaskproxy.audit.log",)

# DESIGN.md, "Who may import whom". What begins with a key may import what begins with one of its values, its own
# package, the standard library and `errors` and `model`; the longest key counts.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "pgmaskproxy": (),
    "pgmaskproxy.__init__": (),
    "pgmaskproxy.errors": (),
    "pgmaskproxy.model": ("pgmaskproxy.model_parts", "pgmaskproxy.model_masks"),
    "pgmaskproxy.model_masks": (),
    "pgmaskproxy.model_parts": (),
    "pgmaskproxy.ids": (),
    "pgmaskproxy.ports": (),
    "pgmaskproxy.writers": ("pgmaskproxy.config_types",),
    "pgmaskproxy.build_info": ("pgmaskproxy.mask",),
    "pgmaskproxy.logs": ("structlog",),
    "pgmaskproxy.metrics": ("prometheus_client", "pgmaskproxy.build_info", "pgmaskproxy.tallies"),
    "pgmaskproxy.tallies": (),
    "pgmaskproxy.wire": ("librt", "mypy_extensions"),
    "pgmaskproxy.sql": ("postgast", "sqlglot"),
    "pgmaskproxy.policy": ("yaml",),
    "pgmaskproxy.mask": ("librt", "mypy_extensions", "cryptography", "pgmaskproxy.wire"),
    "pgmaskproxy.audit": ("rfc8785",),
    "pgmaskproxy.approval": ("rfc8785",),
    "pgmaskproxy.approval.broker": ("pgmaskproxy.audit", "pgmaskproxy.store.protocol", "pgmaskproxy.ids"),
    "pgmaskproxy.session": ("pgmaskproxy.wire", "pgmaskproxy.mask"),
    "pgmaskproxy.store": ("sqlalchemy", "alembic", "pgmaskproxy.approval", "pgmaskproxy.audit"),
    "pgmaskproxy.channels": ("httpx2", "microsoft_teams", "pgmaskproxy.approval", "pgmaskproxy.store.protocol"),
    "pgmaskproxy.config_types": ("pydantic", "pydantic_core", "pgmaskproxy.policy"),
    "pgmaskproxy.config_keys": ("pydantic", "pydantic_core", "pgmaskproxy.config_types"),
    "pgmaskproxy.config_peers": ("pydantic", "pydantic_core", "pgmaskproxy.config_types"),
    "pgmaskproxy.config": (
        *("pydantic", "pydantic_core", "yaml", "pgmaskproxy.policy"),
        *("pgmaskproxy.config_types", "pgmaskproxy.config_peers", "pgmaskproxy.config_keys"),
    ),
    "pgmaskproxy.keyring": ("pgmaskproxy.mask.keys", "pgmaskproxy.config_keys"),
    "pgmaskproxy.proxy": EVERYTHING,
    "pgmaskproxy.web": EVERYTHING,
    "pgmaskproxy.app": EVERYTHING,
    "pgmaskproxy.front": EVERYTHING,
    "pgmaskproxy.workers": EVERYTHING,
    "pgmaskproxy.cli": EVERYTHING,
    "pgmaskproxy.demo": EVERYTHING,
    "pgmaskproxy.__main__": EVERYTHING,
}
NEVER: dict[str, tuple[str, ...]] = {
    "pgmaskproxy.proxy": tuple(f"pgmaskproxy.{name}" for name in ("web", "cli", "demo", "app", "front", "workers")),
    "pgmaskproxy.web": tuple(
        f"pgmaskproxy.{name}"
        for name in ("proxy", "session", "sql", "wire", "mask", "cli", "demo", "app", "front", "workers")
    ),
    "pgmaskproxy.front": tuple(
        f"pgmaskproxy.{name}" for name in ("proxy", "session", "sql", "wire", "mask", "cli", "demo", "app", "workers")
    ),
    "pgmaskproxy.workers": ("pgmaskproxy.cli", "pgmaskproxy.demo", "pgmaskproxy.app"),
    "pgmaskproxy.app": ("pgmaskproxy.cli", "pgmaskproxy.demo"),
}
ONLY_IN = {
    "sqlglot": "pgmaskproxy.sql",
    "postgast": "pgmaskproxy.sql",
    "rfc8785": "pgmaskproxy.a",
    "yaml": "pgmaskproxy",
}

PURE = tuple(
    f"pgmaskproxy.{name}"
    for name in ("errors", "model", "wire", "sql", "policy", "mask", "session", "audit", "approval")
)
IMPURE_MODULES = frozenset(
    {
        *("asyncio", "concurrent", "logging", "multiprocessing", "os", "queue", "random", "secrets", "select"),
        *("selectors", "signal", "socket", "socketserver", "ssl", "subprocess", "tempfile", "threading", "time"),
    }
)

# What is tested by story instead of module by module, and where: the mirrored name is welcome, but not asked for.
TESTED_ELSEWHERE: dict[str, str] = {
    "pgmaskproxy.session": "session",  # transcripts: what comes in, what goes out
    "pgmaskproxy.proxy": "e2e",  # the shell, by real drivers on real servers
    "pgmaskproxy.app": "e2e",
    "pgmaskproxy.front": "e2e",
    "pgmaskproxy.workers": "e2e",
}
# Tests that are about no single module, by the beginning of their path below tests/.
ABOUT_MORE = (
    "conformance/",
    "bench/",
    "corpus/",
    "conformance/",
    "deploy/",
    "drivers/",
    "e2e/",
    "fuzz/",
    "guards/",
    "harness/",
    "oracle/",
    "session/",
    "test_architecture.py",
    "test_packaging.py",
    "test_policies.py",
)


@dataclass(frozen=True)
class Module:
    """One source file of the package."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def imports(self) -> frozenset[str]:
        """What it imports, dotted, at any depth of its code; for type checking only counts too."""
        found: set[str] = set()
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}:{node.lineno}: a relative import (in {package})"
                assert node.module is not None
                found.update(_imported(node.module, alias.name) for alias in node.names)
        return frozenset(found)


def _imported(module: str, name: str) -> str:
    """`from a.b import c` is the module a.b.c where there is such a file, else a.b."""
    path = ROOT.joinpath(*module.split("."), name)
    return f"{module}.{name}" if path.with_suffix(".py").is_file() or path.is_dir() else module


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name == "pgmaskproxy":
            name = "pgmaskproxy.__init__"
        found.append(Module(name, path, ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return tuple(found)


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def _rule(name: str) -> tuple[str, ...]:
    return MAY_IMPORT[max((key for key in MAY_IMPORT if _within(name, key)), key=len)]


def _is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def _subpackage(name: str) -> str:
    return ".".join(name.split(".")[:2])


def test_there_is_something_to_check() -> None:
    assert len(modules()) > 20
    assert any("pgmaskproxy.errors" in module.imports for module in modules())


def test_every_package_has_its_rule() -> None:
    known = {_subpackage(key) for key in MAY_IMPORT}
    assert {_subpackage(module.name) for module in modules()} <= known


def test_nobody_imports_what_the_design_does_not_allow() -> None:
    wrong = []
    for module in modules():
        allowed = (*_rule(module.name), _subpackage(module.name), "pgmaskproxy.errors", "pgmaskproxy.model")
        for imported in module.imports:
            if _is_standard(imported) or allowed[0] == "*" or imported == "pgmaskproxy":
                continue
            if not any(_within(imported, prefix) for prefix in allowed):
                wrong.append(f"{module.name} imports {imported}")
        for prefix in (forbidden for key, all_ in NEVER.items() if _within(module.name, key) for forbidden in all_):
            wrong += [f"{module.name} imports {name}" for name in module.imports if _within(name, prefix)]
    assert not wrong, "\n".join(wrong)


def test_libraries_stay_behind_their_one_importer() -> None:
    wrong = [
        f"{module.name} imports {library}"
        for module in modules()
        for library, home in ONLY_IN.items()
        if any(_within(name, library) for name in module.imports) and not module.name.startswith(home)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_shell_is_not_imported_by_the_core() -> None:
    """`approval` and `audit` are pure but for the named modules, which the pure ones must not import."""
    shell = (*APPROVAL_SHELL, *AUDIT_SHELL)
    wrong = [
        f"{module.name} imports {name}"
        for module in modules()
        if module.name.startswith(PURE) and module.name not in (*shell, "pgmaskproxy.approval", "pgmaskproxy.audit")
        for name in module.imports
        if name in shell
    ]
    assert not wrong, "\n".join(wrong)


def test_pure_packages_know_no_time_no_randomness_and_no_io() -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in modules()
        if any(_within(module.name, package) for package in PURE) and module.name not in (*APPROVAL_SHELL, *AUDIT_SHELL)
        for name in module.imports
        if name.partition(".")[0] in IMPURE_MODULES
    ]
    assert not wrong, "\n".join(wrong)


def test_pure_packages_keep_no_state() -> None:
    """No `global`, and no module-level name bound to an empty container: a registry, a cache or a singleton."""
    wrong = []
    for module in modules():
        wrong += [
            f"{module.name}:{node.lineno}: global" for node in ast.walk(module.tree) if isinstance(node, ast.Global)
        ]
        for statement in module.tree.body:
            value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
            empty = (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)
            if empty or (isinstance(value, ast.Call) and ast.unparse(value) in {"set()", "dict()", "list()"}):
                wrong.append(f"{module.name}:{statement.lineno}: {ast.unparse(statement)}")
    assert not wrong, "\n".join(wrong)


def _python_files() -> Iterator[Path]:
    for place in ("pgmaskproxy", "tests", "bench", "docs"):
        yield from sorted((ROOT / place).rglob("*.py"))
    yield ROOT / "setup.py"


def test_no_file_is_longer_than_the_wall() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in _python_files()
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_module_says_what_it_is_for() -> None:
    wrong = [f"{module.name} has no docstring" for module in modules() if not ast.get_docstring(module.tree)]
    wrong += [
        f"{module.name} does not import annotations from __future__"
        for module in modules()
        if len(module.tree.body) > 1 and "from __future__ import annotations" not in module.path.read_text("utf-8")
    ]
    assert not wrong, "\n".join(wrong)


def _mirrored(path: Path) -> Path:
    inside = path.relative_to(PACKAGE)
    return ROOT / "tests" / inside.parent / f"test_{inside.name}"


def test_every_module_has_its_test_where_one_looks_for_it() -> None:
    missing = []
    for module in modules():
        if module.path.name in {"__init__.py", "__main__.py"} or "migrations" in module.path.parts:
            continue
        elsewhere = [place for prefix, place in TESTED_ELSEWHERE.items() if _within(module.name, prefix)]
        if not elsewhere and not _mirrored(module.path).is_file():
            missing.append(str(_mirrored(module.path).relative_to(ROOT)))
    missing += [
        f"tests/{place}" for place in TESTED_ELSEWHERE.values() if not [*(ROOT / "tests" / place).glob("test_*.py")]
    ]
    assert not missing, "\n".join(missing)


def test_every_test_mirrors_a_module() -> None:
    """tests/a/test_b.py is about pgmaskproxy/a/b.py, and so is tests/a/test_b_under_load.py."""
    sources = {_mirrored(module.path).with_suffix("") for module in modules()}
    lost = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        inside = path.relative_to(ROOT / "tests")
        parts = path.stem.split("_")
        about = {path.with_name("_".join(parts[:end])) for end in range(2, len(parts) + 1)}
        if about.isdisjoint(sources) and not str(inside).startswith(ABOUT_MORE):
            lost.append(str(inside))
    assert not lost, "\n".join(lost)


def test_test_packages_are_packages() -> None:
    directories = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(path) for path in directories if not (path / "__init__.py").is_file()] == []


def _tracked() -> list[Path]:
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if git.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in git.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_text_names_a_registrys_host_or_a_path_of_one_machine() -> None:
    hosts = (
        "py pi.org",
        "python hosted.org",
        "crates .io",
        "npm js.org",
        "npm js.com",
        "golang .org",
        "deb.debian .org",
    )
    paths = ("/wor k/", "/tm p/x/", "/roo t/", "/hom e/")
    pattern = re.compile("|".join(re.escape(text.replace(" ", "")) for text in (*hosts, *paths)).encode())
    found = []
    for path in _tracked():
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert not found, "\n".join(found)


def test_every_setting_is_documented_as_it_is() -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"docs/configuration.md is out of date: `make docs` writes it. {ended.stderr}"


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md", "LICENSE", "docs/dependencies.md"])
def test_the_documents_a_stranger_looks_for_are_there(document: str) -> None:
    assert (ROOT / document).stat().st_size > 500


def test_every_dependency_is_explained() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r'^\s*"([A-Za-z0-9_-]+)(?:\[[a-z]+\])?(?:[><=~! ].*)?",?$', text, re.MULTILINE))
    explained = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    ruff_codes = {name for name in declared if name.isupper() or re.fullmatch(r"[A-Z]+\d+", name)}
    names = declared - ruff_codes - {"pgmaskproxy", "tests"}
    assert {"psycopg", "sqlglot", "postgast"} <= names
    assert sorted(name for name in names if f"`{name}`" not in explained) == []


def test_relative_links_of_the_documents_lead_somewhere() -> None:
    broken = []
    for page in (path for path in _tracked() if path.suffix == ".md"):
        targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        broken += [f"{page.relative_to(ROOT)}: {target}" for target in targets if not (page.parent / target).exists()]
    assert not broken, "\n".join(broken)
