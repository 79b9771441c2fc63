"""What is installed says what it is; and setup.py leaves a working installation whatever the compiler does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pgmaskproxy import __version__, build_info

SETUP = Path(__file__).parent.parent / "setup.py"


def test_the_description_says_version_and_build() -> None:
    words = "compiled" if build_info.compiled() else "interpreted"
    assert build_info.description() == f"pgmaskproxy {__version__} ({words})"


def test_this_run_tests_the_build_it_is_meant_to() -> None:
    expected = os.environ.get("PGMASKPROXY_EXPECT")
    assert expected in {None, "compiled", "interpreted"}
    if expected is not None:
        assert build_info.compiled() == (expected == "compiled")


def test_all_that_setup_compiles_exists() -> None:
    for path in compiled_paths():
        assert (SETUP.parent / path).is_file(), path


def test_what_setup_compiles_needs_nothing_that_is_not_there_yet(tmp_path: Path) -> None:
    """In a build's own environment there are the tools and no dependency: mypyc's checks must do without."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty")], check=True)
    options = re.findall(
        r'"(--(?:config-file=|strict|follow-imports=silent|ignore-missing-imports))"', SETUP.read_text()
    )
    assert "--ignore-missing-imports" in options
    command = [sys.executable, "-m", "mypy", *options, "--cache-dir", str(tmp_path / "cache")]
    command += ["--python-executable", str(tmp_path / "empty" / "bin" / "python"), *compiled_paths()]
    run = subprocess.run(command, cwd=SETUP.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def compiled_paths() -> list[str]:
    return re.findall(r'^    "(pgmaskproxy/[a-z_/]+\.py)",$', SETUP.read_text(), re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The real setup.py over a package of the same names that compiles in a moment."""
    for path in compiled_paths():
        module = tmp_path / path
        module.parent.mkdir(parents=True, exist_ok=True)
        for directory in (module.parent, module.parent.parent):
            (directory / "__init__.py").touch()
        module.write_text("ANSWER: int = 42\n")
    (tmp_path / "setup.cfg").write_text("[options]\npackages = find:\n")
    (tmp_path / "setup.py").write_bytes(SETUP.read_bytes())
    return tmp_path


def build(project: Path, environ: Mapping[str, str]) -> tuple[list[str], str]:
    """Names of the libraries that were built, and what the build said. The result can be imported."""
    library = project / "out"
    command = [sys.executable, "setup.py", "build", "--build-lib", str(library)]
    # Without what chooses the package under test, or its build.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PGMASKPROXY"))}
    run = subprocess.run(command, cwd=project, env={**clean, **environ}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    answer = "from pgmaskproxy.mask.kernel import ANSWER; print(ANSWER)"
    command = [sys.executable, "-c", answer]
    imported = subprocess.run(command, cwd=library, env=clean, capture_output=True, text=True, check=False)
    assert imported.stdout == "42\n", imported.stderr
    return sorted(path.name for path in library.rglob("*.so")), run.stdout + run.stderr


def test_compiled_where_there_is_a_compiler(project: Path) -> None:
    libraries, said = build(project, {})
    assert len(libraries) == len(compiled_paths()) + 1
    assert "installing interpreted" not in said


def test_interpreted_when_told(project: Path) -> None:
    libraries, said = build(project, {"PGMASKPROXY_INTERPRETED": "1", "CC": "/nonexistent"})
    assert libraries == []
    assert "installing interpreted" not in said


def test_interpreted_without_a_compiler(project: Path) -> None:
    libraries, said = build(project, {"CC": "/nonexistent"})
    assert libraries == []
    assert "installing interpreted" in said
    # Nor is anything left that a later build would package.
    assert not (project / "build").exists()


def test_interpreted_where_the_source_does_not_compile(project: Path) -> None:
    (project / "pgmaskproxy/mask/plan.py").write_text("ANSWER: int = 'forty-two'\n")
    libraries, said = build(project, {})
    assert libraries == []
    assert "installing interpreted" in said


def test_half_a_build_is_taken_back(project: Path) -> None:
    """The modules' own stubs link, the library behind them does not, or the other way round."""
    linker = project / "linker"
    linker.write_text('#!/bin/sh\ncase "$*" in *wire/startup*) exit 1;; esac\nexec cc -shared "$@"\n')
    linker.chmod(0o755)
    libraries, said = build(project, {"LDSHARED": str(linker)})
    assert libraries == []
    assert "installing interpreted" in said
