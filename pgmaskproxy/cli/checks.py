"""The checks behind `pgmaskproxy check`: each returns what it found, none stops at the first problem."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import rich_click as click

from pgmaskproxy.audit.verify import verify
from pgmaskproxy.cli.exits import Exit
from pgmaskproxy.cli.key_checks import key_findings
from pgmaskproxy.cli.mask_checks import mask_findings
from pgmaskproxy.cli.notify_checks import notify_findings
from pgmaskproxy.cli.role_checks import role_findings, view_findings
from pgmaskproxy.cli.settings import configured, configured_policy
from pgmaskproxy.cli.tls_checks import tls_findings
from pgmaskproxy.cli.trust_checks import trust_findings
from pgmaskproxy.cli.upstream import NEWEST, OLDEST, Server, probe
from pgmaskproxy.cli.view_checks import compared_findings
from pgmaskproxy.config import Config, read_text
from pgmaskproxy.config_peers import Upstream
from pgmaskproxy.config_types import core_count
from pgmaskproxy.errors import ConfigError, Unavailable
from pgmaskproxy.model import ColumnLabels, ColumnRef, ColumnUse, RelationRef
from pgmaskproxy.policy.doubts import doubts
from pgmaskproxy.policy.principals import Directory, load_principals
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.customs import load_customs
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.knowledge import label
from pgmaskproxy.proxy.pins import PinFile
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog
from pgmaskproxy.sql.views import deciding

LEAST_FREE: Final = 64 << 20
"""Bytes below which a full disk, and with it the refusal of every statement, is near."""

Area = Literal[
    "configuration", "policy", "principals", "tls", "channels", "upstream", "trust", "state", "audit", "keys"
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is right, doubtful or wrong."""

    area: Area
    level: Literal["ok", "warning", "error"]
    message: str
    file: str = ""
    line: int = 0
    hint: str = ""
    code: Exit = Exit.CONFIG
    """What an error makes the command exit with."""

    def as_dict(self) -> dict[str, object]:
        """For `--format json`."""
        found: dict[str, object] = {"area": self.area, "level": self.level, "message": self.message}
        if self.file:
            found["file"] = self.file
        if self.line:
            found["line"] = self.line
        if self.hint:
            found["hint"] = self.hint
        return found


WORST_FIRST: Final = (Exit.CONFIG, Exit.NEGATIVE, Exit.UNAVAILABLE)
COLORS: Final = {"ok": "green", "warning": "yellow", "error": "red"}


def everything(path: Path | None, settings: Sequence[str], *, offline: bool, pin: bool = False) -> list[Finding]:
    """All checks of the configuration at `path`. Without a configuration that loads, only what is wrong with it.

    `pin` pins what is trusted as it is found, and is the only thing that changes anything.
    """
    try:
        config = configured(path, settings)
    except ConfigError as error:
        return of_problems("configuration", error)
    size = f"{len(config.upstream.databases)} databases, {len(config.channels)} channels, {config.workers} workers"
    found = [Finding("configuration", "ok", size.removesuffix(", 1 workers"))]
    cores = core_count()
    if config.workers > cores:
        message = f"{config.workers} workers share {cores} cores"
        found.append(Finding("configuration", "warning", message, hint="workers: auto is as many as there are"))
    policy, about_policy = _policy(config)
    directory, about_people = _people(config)
    found += [*about_policy, *about_people]
    if policy is not None and directory is not None:
        found += people_checks(policy, directory)
    found += [Finding("tls", level, message, hint=hint) for level, message, hint in tls_findings(config, directory)]
    found += [Finding("channels", level, message, hint=hint) for level, message, hint in notify_findings(config)]
    found += key_checks(config, policy, offline=offline)
    if not offline:
        for database in dict.fromkeys(config.upstream.databases.values()):
            try:
                server = probe(config, database)
                found += server_checks(server, database, policy, config.upstream)
                found += trust_checks(config, database, server, pin=pin)
            except ConfigError as error:
                found += of_problems("trust", error)
            except Unavailable as error:
                message = f"{error.message} ({error.detail})" if error.detail else error.message
                found.append(Finding("upstream", "error", message, hint=error.hint, code=Exit.UNAVAILABLE))
    return [*found, *storage_checks(config)]


def exit_code(findings: Sequence[Finding]) -> Exit:
    """What the worst of `findings` makes the command exit with."""
    codes = {each.code for each in findings if each.level == "error"}
    return next((code for code in WORST_FIRST if code in codes), Exit.OK)


def findings_text(findings: Sequence[Finding]) -> str:
    """One line each, hints below, and the sum."""
    lines = []
    for each in findings:
        place = f"{each.file}:{each.line}: " if each.line else f"{each.file}: " if each.file else ""
        level = click.style(each.level.ljust(7), fg=COLORS[each.level])
        lines.append(f"{level}  {each.area.ljust(13)}  {place}{each.message}")
        if each.hint and each.level != "ok":
            lines.append(f"{' ' * 24}{each.hint}")
    errors = sum(each.level == "error" for each in findings)
    warnings = sum(each.level == "warning" for each in findings)
    lines.append(f"{errors} errors, {warnings} warnings")
    return "\n".join(lines)


def of_problems(area: Area, error: ConfigError) -> list[Finding]:
    """A finding per problem."""
    return [Finding(area, "error", each.message, each.file, each.line, each.hint) for each in error.problems]


def people_checks(policy: Policy, directory: Directory) -> Iterator[Finding]:
    """Holds that nobody can decide, people who cannot sign in, and logins that could make a code book."""
    logins = [principal for name in sorted(directory.users) if (principal := directory.principal(name)) is not None]
    for doubt in doubts(policy, logins):
        yield Finding("policy", "warning", doubt.message, doubt.ref.file, doubt.ref.line, doubt.hint)
    asking = [(f'rule "{rule.id}"', rule.terms, rule.ref) for rule in policy.rules]
    asking += [(f'label "{label.id}"', label.terms, label.ref) for label in policy.labels.values()]
    for who_asks, terms, ref in asking:
        for term in terms:
            able = {each.id for group in term.groups for each in directory.people.values() if group in each.groups}
            if len(able) < max(1, term.quorum):
                who = " or ".join(term.groups)
                yield Finding(
                    "principals",
                    "warning",
                    f"{who_asks} waits for {max(1, term.quorum)} of {who}, and {len(able)} people are in it",
                    ref.file,
                    ref.line,
                    "nobody could ever release what it holds",
                )
    mute = sorted(person.id for person in directory.people.values() if not person.password_hash)
    if mute:
        yield Finding(
            "principals",
            "warning",
            f"no password: {', '.join(mute)} cannot sign in to decide",
            hint="`pgmaskproxy user add --person`",
        )


def server_checks(server: Server, database: str, policy: Policy | None, upstream: Upstream) -> Iterator[Finding]:
    """The server's version, the role's rights, and whether the policy's labels are anywhere in it."""
    major = server.version // 10_000
    supported = OLDEST <= major <= NEWEST
    yield Finding(
        "upstream",
        "ok" if supported else "error",
        f"{database}: PostgreSQL {server.version_text} as role {server.role}"
        + ("" if supported else f": only {OLDEST} to {NEWEST} are supported"),
    )
    labelling: Mapping[ColumnRef, ColumnLabels] = {}
    views: Mapping[str, Sequence[ColumnRef]] = {}
    compared: Mapping[RelationRef, tuple[ColumnUse, ...]] = {}
    if policy is not None:
        deep = DeepThread("check")
        try:
            labelling, compared = deep.call(lambda: _labelled(policy, server.catalog))
            views = deep.call(lambda: _deciding_views(server.catalog, labelling))
        finally:
            deep.close()
    for level, message, hint in role_findings(server, frozenset(labelling), upstream):
        yield Finding("upstream", level, f"{database}: {message}", hint=hint)
    for level, message, hint in view_findings(views):
        yield Finding("upstream", level, f"{database}: {message}", hint=hint)
    if policy is None:
        return
    for level, message, hint in compared_findings(compared):
        yield Finding("policy", level, f"{database}: {message}", hint=hint)
    for message, hint, ref in mask_findings(policy, server.catalog, labelling):
        yield Finding("policy", "warning", f"{database}: {message}", ref.file, ref.line, hint)
    used = {name for labels in labelling.values() for name in labels.labels}
    yield Finding("policy", "ok", f"{database}: {len(labelling)} labelled columns")
    for name in sorted(set(policy.labels) - used):
        ref = policy.labels[name].ref
        yield Finding(
            "policy",
            "warning",
            f'label "{name}" is on no column of {database}',
            ref.file,
            ref.line,
            "a pattern that matches nothing protects nothing",
        )


def _labelled(
    policy: Policy, catalog: Catalog
) -> tuple[Mapping[ColumnRef, ColumnLabels], Mapping[RelationRef, tuple[ColumnUse, ...]]]:
    """The labels, and what views do with them. Works through definitions: on a deep thread."""
    known = label(policy, catalog)
    return known.labelling, known.definitions.named()


def _deciding_views(catalog: Catalog, labelling: Mapping[ColumnRef, ColumnLabels]) -> Mapping[str, list[ColumnRef]]:
    """Views that choose or order their rows by labelled columns, and those columns."""
    names = catalog.column_refs()
    found: dict[str, list[ColumnRef]] = {}
    for view in catalog.relations:
        if view.kind in {"v", "m"} and view.schema not in SYSTEM_SCHEMAS:
            columns = [names[key] for key in deciding(catalog, view) if key in names and names[key] in labelling]
            if columns:
                found[str(view.ref)] = columns
    return found


def key_checks(config: Config, policy: Policy | None, *, offline: bool) -> Iterator[Finding]:
    """Where the keys come from, and whether every mask has its own."""
    try:
        for level, each in key_findings(config, policy, os.environ, offline=offline):
            yield Finding("keys", level, each.message, each.file, each.line, each.hint)
    except Unavailable as error:
        yield Finding("keys", "error", error.message, hint=error.hint, code=Exit.UNAVAILABLE)


def trust_checks(config: Config, database: str, server: Server, *, pin: bool) -> Iterator[Finding]:
    """What is trusted in the database, held to its pins. Raises ConfigError for a damaged file."""
    pins = PinFile.of(config)
    try:
        for level, message, hint in trust_findings(pins, database, server.catalog, pin=pin):
            yield Finding("trust", level, f"{database}: {message}", hint=hint)
    except OSError as error:
        message = f"pins cannot be written: {error.strerror}"
        yield Finding("trust", "error", message, str(pins.path), code=Exit.UNAVAILABLE)


def storage_checks(config: Config) -> Iterator[Finding]:
    """State and audit log: there or makeable, writable, whole."""
    state = Path(config.state.removeprefix("sqlite:///"))
    yield from _writable("state", state)
    if state.is_file():
        yield _sound(state)
    directory = config.audit.directory
    yield from _writable("audit", directory / "x")
    yield from _chains(directory)


def _policy(config: Config) -> tuple[Policy | None, list[Finding]]:
    try:
        policy = configured_policy(config)
    except ConfigError as error:
        return None, of_problems("policy", error)
    said = f"{len(policy.rules)} rules, {len(policy.labels)} labels, version {policy.version[:12]}"
    if policy.transparent is not None:
        ref = policy.transparent
        message = "it is transparent: nothing is masked, refused or held"
        return policy, [Finding("policy", "warning", message, ref.file, ref.line, "meant for trying drivers only")]
    _, missing = load_customs(policy)
    return policy, [Finding("policy", "ok", said), *of_problems("policy", ConfigError(missing))]


def _people(config: Config) -> tuple[Directory | None, list[Finding]]:
    file = config.principals
    try:
        directory = load_principals(str(file), read_text(file))
    except ConfigError as error:
        return None, of_problems("principals", error)
    return directory, [Finding("principals", "ok", f"{len(directory.people)} people, {len(directory.users)} logins")]


def _writable(area: Area, file: Path) -> Iterator[Finding]:
    place = file if file.exists() else file.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with place.open("r+b") if place.is_file() and place == file else tempfile.TemporaryFile(dir=place):
            pass  # opened, and nothing changed: asking for permission alone is no answer on a read-only disk
    except OSError as error:
        message = f"cannot be written: {place}: {error.strerror}"
        yield Finding(area, "error", message, hint="who runs `serve` must own it", code=Exit.UNAVAILABLE)
        return
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    if free < LEAST_FREE:
        yield Finding(area, "warning", f"only {free >> 20} MiB are free at {place}")
    else:
        yield Finding(area, "ok", f"{file if area == 'state' else file.parent} can be written")


def _sound(state: Path) -> Finding:
    try:
        with closing(sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        answer = str(error)
    if answer == "ok":
        return Finding("state", "ok", "the state database is sound")
    return Finding("state", "error", f"the state database is damaged: {answer}", str(state), code=Exit.UNAVAILABLE)


def _chains(directory: Path) -> Iterator[Finding]:
    if not directory.is_dir() or not any(directory.glob("*.jsonl")):
        yield Finding("audit", "ok", "no audit log yet")
        return
    try:
        report = verify([directory])
    except OSError as error:
        yield Finding("audit", "error", f"cannot be read: {error}", str(directory), code=Exit.UNAVAILABLE)
        return
    for each in report.problems:
        level: Literal["warning", "error"] = "warning" if each.torn else "error"
        hint = "the next start sets it aside" if each.torn else "keep the file as it is; `audit verify` says more"
        message = f"record {each.seq}: {each.wrong}"
        yield Finding("audit", level, message, each.file, each.line, hint, Exit.NEGATIVE)
    if report.ok:
        yield Finding("audit", "ok", f"{report.records} records in {len(report.chains)} chains verify")
