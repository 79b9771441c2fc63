"""Compiles the data plane with mypyc where that is possible; everything else is in pyproject.toml.

The same source runs interpreted, only slower: so a missing compiler, or a compile that fails, warns
and installs without. `PGMASKPROXY_INTERPRETED=1` does not even try. `pgmaskproxy --version` says
which it became.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

# What runs per row or per message: a new line is all that another module takes. They become one library,
# so they call each other directly; all of them are compiled, or none is. An interpreted class cannot
# inherit from a compiled one: a module with a Message belongs here with the others.
COMPILED = [
    "pgmaskproxy/audit/canonical.py",
    "pgmaskproxy/audit/line.py",
    "pgmaskproxy/audit/log.py",
    "pgmaskproxy/ids.py",
    "pgmaskproxy/mask/array.py",
    "pgmaskproxy/mask/calendar.py",
    "pgmaskproxy/mask/canary.py",
    "pgmaskproxy/mask/card.py",
    "pgmaskproxy/mask/composite.py",
    "pgmaskproxy/mask/copy.py",
    "pgmaskproxy/mask/copybinary.py",
    "pgmaskproxy/mask/copycsv.py",
    "pgmaskproxy/mask/copyfields.py",
    "pgmaskproxy/mask/copyplain.py",
    "pgmaskproxy/mask/copytext.py",
    "pgmaskproxy/mask/custom.py",
    "pgmaskproxy/mask/detectors.py",
    "pgmaskproxy/mask/digits.py",
    "pgmaskproxy/mask/email.py",
    "pgmaskproxy/mask/fixed.py",
    "pgmaskproxy/mask/frames.py",
    "pgmaskproxy/mask/generalize.py",
    "pgmaskproxy/mask/given.py",
    "pgmaskproxy/mask/jsonpath.py",
    "pgmaskproxy/mask/jsontext.py",
    "pgmaskproxy/mask/kernel.py",
    "pgmaskproxy/mask/keyed.py",
    "pgmaskproxy/mask/keys.py",
    "pgmaskproxy/mask/kinds.py",
    "pgmaskproxy/mask/masker.py",
    "pgmaskproxy/mask/maskers.py",
    "pgmaskproxy/mask/money.py",
    "pgmaskproxy/mask/network.py",
    "pgmaskproxy/mask/numbers.py",
    "pgmaskproxy/mask/partial.py",
    "pgmaskproxy/mask/phone.py",
    "pgmaskproxy/mask/plan.py",
    "pgmaskproxy/mask/scrub.py",
    "pgmaskproxy/mask/siv.py",
    "pgmaskproxy/mask/survey.py",
    "pgmaskproxy/mask/token.py",
    "pgmaskproxy/mask/typed.py",
    "pgmaskproxy/mask/types.py",
    "pgmaskproxy/policy/coverage.py",
    "pgmaskproxy/policy/engine.py",
    "pgmaskproxy/policy/facts.py",
    "pgmaskproxy/policy/inputs.py",
    "pgmaskproxy/policy/outputs.py",
    "pgmaskproxy/policy/quoting.py",
    "pgmaskproxy/policy/revealing.py",
    "pgmaskproxy/policy/uses.py",
    "pgmaskproxy/proxy/connection.py",
    "pgmaskproxy/proxy/entrance.py",
    "pgmaskproxy/proxy/journal.py",
    "pgmaskproxy/proxy/outgoing.py",
    "pgmaskproxy/proxy/phrases.py",
    "pgmaskproxy/proxy/questions.py",
    "pgmaskproxy/proxy/records.py",
    "pgmaskproxy/proxy/stream.py",
    "pgmaskproxy/proxy/upstream.py",
    "pgmaskproxy/session/answers.py",
    "pgmaskproxy/session/asking.py",
    "pgmaskproxy/session/attesting.py",
    "pgmaskproxy/session/decoding.py",
    "pgmaskproxy/session/early.py",
    "pgmaskproxy/session/events.py",
    "pgmaskproxy/session/execution.py",
    "pgmaskproxy/session/extended.py",
    "pgmaskproxy/session/flow.py",
    "pgmaskproxy/session/functioncall.py",
    "pgmaskproxy/session/grant.py",
    "pgmaskproxy/session/handshake.py",
    "pgmaskproxy/session/holding.py",
    "pgmaskproxy/session/inputs.py",
    "pgmaskproxy/session/link.py",
    "pgmaskproxy/session/messages.py",
    "pgmaskproxy/session/naming.py",
    "pgmaskproxy/session/news.py",
    "pgmaskproxy/session/pipeline.py",
    "pgmaskproxy/session/query.py",
    "pgmaskproxy/session/repeat.py",
    "pgmaskproxy/session/repeated.py",
    "pgmaskproxy/session/results.py",
    "pgmaskproxy/session/scrub.py",
    "pgmaskproxy/session/session.py",
    "pgmaskproxy/session/shapes.py",
    "pgmaskproxy/session/simple.py",
    "pgmaskproxy/session/statements.py",
    "pgmaskproxy/session/texts.py",
    "pgmaskproxy/session/traffic.py",
    "pgmaskproxy/session/trees.py",
    "pgmaskproxy/session/upstream.py",
    "pgmaskproxy/session/values.py",
    "pgmaskproxy/session/wish.py",
    "pgmaskproxy/sql/agree.py",
    "pgmaskproxy/sql/attest/attestation.py",
    "pgmaskproxy/sql/attest/calls.py",
    "pgmaskproxy/sql/attest/comparands.py",
    "pgmaskproxy/sql/attest/counts.py",
    "pgmaskproxy/sql/attest/expressions.py",
    "pgmaskproxy/sql/attest/flows.py",
    "pgmaskproxy/sql/attest/inputs.py",
    "pgmaskproxy/sql/attest/labelling.py",
    "pgmaskproxy/sql/attest/notice.py",
    "pgmaskproxy/sql/attest/proven.py",
    "pgmaskproxy/sql/attest/queries.py",
    "pgmaskproxy/sql/attest/reader.py",
    "pgmaskproxy/sql/attest/scope.py",
    "pgmaskproxy/sql/attest/shape.py",
    "pgmaskproxy/sql/attest/sources.py",
    "pgmaskproxy/sql/attest/taint.py",
    "pgmaskproxy/sql/attest/total.py",
    "pgmaskproxy/sql/attest/writes.py",
    "pgmaskproxy/sql/changes.py",
    "pgmaskproxy/sql/classify.py",
    "pgmaskproxy/sql/comparing.py",
    "pgmaskproxy/sql/copying.py",
    "pgmaskproxy/sql/copyoptions.py",
    "pgmaskproxy/sql/expressions.py",
    "pgmaskproxy/sql/facts.py",
    "pgmaskproxy/sql/familiar.py",
    "pgmaskproxy/sql/grammar.py",
    "pgmaskproxy/sql/implied.py",
    "pgmaskproxy/sql/inner.py",
    "pgmaskproxy/sql/lineage.py",
    "pgmaskproxy/sql/names.py",
    "pgmaskproxy/sql/origins.py",
    "pgmaskproxy/sql/reader.py",
    "pgmaskproxy/sql/safety.py",
    "pgmaskproxy/sql/scope.py",
    "pgmaskproxy/sql/set_config.py",
    "pgmaskproxy/sql/skeleton.py",
    "pgmaskproxy/sql/small.py",
    "pgmaskproxy/sql/sources.py",
    "pgmaskproxy/sql/total.py",
    "pgmaskproxy/sql/tree.py",
    "pgmaskproxy/sql/writes.py",
    "pgmaskproxy/tallies.py",
    "pgmaskproxy/wire/authentication.py",
    "pgmaskproxy/wire/backend.py",
    "pgmaskproxy/wire/copy.py",
    "pgmaskproxy/wire/framing.py",
    "pgmaskproxy/wire/frontend.py",
    "pgmaskproxy/wire/limits.py",
    "pgmaskproxy/wire/message.py",
    "pgmaskproxy/wire/reader.py",
    "pgmaskproxy/wire/report.py",
    "pgmaskproxy/wire/rows.py",
    "pgmaskproxy/wire/startup.py",
    "pgmaskproxy/wire/writer.py",
]

# SystemExit is how mypyc reports an error, in the source or in itself.
FAILURES = (BaseError, CCompilerError, ImportError, OSError, SystemExit)


class BuildCompiled(build_ext):
    """Replaces the placeholder extension by mypyc's: when it is built, not whenever it is asked about."""

    def run(self) -> None:
        # An editable install runs the source as it is edited: a compiled copy would hide every change.
        if self.inplace or getattr(self, "editable_mode", False):
            self.extensions = []
            return
        try:
            self.distribution.ext_modules = compiled_extensions(self.build_temp)
            self.distribution.reinitialize_command(self)
            self.ensure_finalized()
            super().run()
        except FAILURES as error:
            self.warn(f"installing interpreted, because the data plane could not be compiled: {error}")
            self.remove_outputs()
            self.extensions = []

    def build_extensions(self) -> None:
        """As many C files at a time as there are cores."""
        one_by_one = self.compiler.compile

        def side_by_side(sources: list[str], **settings: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                return [made for each in pool.map(lambda one: one_by_one([one], **settings), sources) for made in each]

        self.compiler.compile = side_by_side
        super().build_extensions()

    def remove_outputs(self) -> None:
        """Half a build is worse than none: a module whose library is missing cannot be imported."""
        for extension in self.extensions:
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)


def compiled_extensions(directory: str) -> list[Extension]:
    """mypyc's extensions for `COMPILED`, their C written below `directory`."""
    from mypyc.build import mypycify  # noqa: PLC0415 - it may be missing

    options = ["--config-file=", "--strict", "--follow-imports=silent", f"--cache-dir={directory}/mypy"]
    # A build comes before what the package depends on is there: what is imported of it must not be looked for.
    options.append("--ignore-missing-imports")
    # A C file for each module: one for all of them takes a compiler three times as long, and only one core.
    extensions: list[Extension] = mypycify(
        [*options, *COMPILED], target_dir=directory, group_name="pgmaskproxy", multi_file=True
    )
    if sys.platform != "win32":
        for extension in extensions:
            # mypyc asks for -Werror: a newer compiler's new warning about generated code is no reason to run slower.
            extension.extra_compile_args.append("-Wno-error")
    return extensions


def main() -> None:
    """Build in a directory that is thrown away: what an earlier build left there would be packaged with this one."""
    base = tempfile.mkdtemp(prefix="pgmaskproxy-build-")
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    wanted = os.environ.get("PGMASKPROXY_INTERPRETED", "") in {"", "0"} and sys.implementation.name == "cpython"
    setup(
        ext_modules=[Extension("pgmaskproxy.mask.kernel", COMPILED)] if wanted else [],
        cmdclass={"build_ext": BuildCompiled},
        options={"build": {"build_base": base}},
    )


if __name__ == "__main__":  # as it is for setuptools' build backend
    main()
