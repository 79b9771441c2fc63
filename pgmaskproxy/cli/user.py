"""`pgmaskproxy user`: entries of principals.yaml, made with passwords that are nowhere else."""

from __future__ import annotations

import secrets
from pathlib import Path

import rich_click as click
from argon2 import PasswordHasher

from pgmaskproxy.cli import secret
from pgmaskproxy.cli.approvals import signed_in
from pgmaskproxy.cli.client import Client
from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import config_option, emit, format_option, note, option
from pgmaskproxy.cli.principals_file import Entry, add_entry, section_text
from pgmaskproxy.cli.settings import configured
from pgmaskproxy.wire.scram import make_verifier

SALT_BYTES = 16
ITERATIONS = 4096
"""PostgreSQL's default. A generated password needs no more, a chosen one is worth `--iterations 600000`."""


@click.group("user")
def user() -> None:
    """Add people and logins to principals.yaml, make verifiers and tokens."""


def _new_password(stdin: bool, generate: bool, prompt: str) -> tuple[str, bool]:
    """The password, and whether it was generated (then it must be shown)."""
    if stdin and generate:
        raise click.UsageError("--password-stdin and --generate exclude each other")
    if generate:
        return secret.generate(), True
    if stdin:
        return secret.from_stdin(), False
    return secret.ask(prompt, confirm=True, instead="use --generate or --password-stdin"), False


@user.command("add")
@click.argument("name", required=False)
@option("--person", help="Add a person with this id, who can approve and own, instead of a login.")
@option("--owner", help="Of a login: the person who answers for it, and never approves for it.")
@option("--kind", type=click.Choice(["agent", "human", "service"]), default="agent", help="Of a login.")
@option("--group", "groups", multiple=True, help="A group it is in; may be repeated.")
@option("--email", help="Of a person.")
@option("--database", help="Of a person: the login that is theirs.")
@option("--slack", help="Of a person: the Slack member id.")
@option("--teams", help="Of a person: the Teams user id.")
@option("--password-stdin", is_flag=True, help="Read the password from stdin; else ask.")
@option("--generate", is_flag=True, help="Make a password and print it once, on stderr.")
@option("--iterations", type=click.IntRange(4096, 9_999_999), default=ITERATIONS, help="Of the SCRAM verifier.")
@option("--write", is_flag=True, help="Write it into principals.yaml instead of printing it.")
@option(
    "--principals",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file for --write; else the configuration's.",
)
@config_option
@format_option
def add(
    *,
    name: str | None,
    person: str | None,
    owner: str | None,
    kind: str,
    groups: tuple[str, ...],
    email: str | None,
    database: str | None,
    slack: str | None,
    teams: str | None,
    password_stdin: bool,
    generate: bool,
    iterations: int,
    write: bool,
    principals: Path | None,
    config_path: Path | None,
    style: str,
) -> None:
    """Add a login (NAME --owner P) or a person (--person ID).

    Prints the YAML to paste into principals.yaml, or writes it there with --write. Only the SCRAM
    verifier or the argon2id hash is kept; the password is not.
    """
    if (name is None) == (person is None):
        raise click.UsageError("give either NAME, for a login, or --person ID")
    identities = {
        key: value
        for key, value in (("email", email), ("database", database), ("slack", slack), ("teams", teams))
        if value is not None
    }
    if name is not None:
        if identities:
            raise click.UsageError(f"--{next(iter(identities))} belongs to a person: give it with --person")
        if kind == "agent" and owner is None:
            raise click.UsageError("an agent needs --owner: the person who answers for it, and never approves for it")
        _check_name(name)
    elif owner is not None:
        raise click.UsageError("--owner belongs to a login, not to a person")
    target = None
    if write:
        target = principals if principals is not None else configured(config_path).principals
    password, generated = _new_password(password_stdin, generate, f"Password of {name or person}")
    section, entry = (
        ("users", _login(name, kind, owner, groups, password=password, iterations=iterations))
        if name is not None
        else ("people", _person(person or "", groups, identities, password))
    )
    if target is not None:
        add_entry(Path(target), section, entry)
        note(f"{name or person} is in {target}; `pgmaskproxy serve` reads it at SIGHUP")
    data: dict[str, object] = {"section": section, "entry": dict(entry), "file": str(target) if target else None}
    if generated:
        data["password"] = password
        if style == "text":
            note(f"password of {name or person} (shown this once): {password}")
    emit(style, data, "" if target is not None else section_text(section, entry).rstrip("\n"))


def _login(
    name: str, kind: str, owner: str | None, groups: tuple[str, ...], *, password: str, iterations: int
) -> Entry:
    entry: dict[str, str | tuple[str, ...]] = {"name": name, "kind": kind}
    if owner is not None:
        entry["owner"] = owner
    if groups:
        entry["groups"] = groups
    return entry | {"verifier": str(make_verifier(password, secrets.token_bytes(SALT_BYTES), iterations))}


def _person(person: str, groups: tuple[str, ...], identities: dict[str, str], password: str) -> Entry:
    entry: dict[str, str | tuple[str, ...] | dict[str, str]] = {"id": person}
    if groups:
        entry["groups"] = groups
    if identities:
        entry["identities"] = identities
    return entry | {"password": PasswordHasher().hash(password)}


def _check_name(name: str) -> None:
    if not name or len(name.encode()) > 63 or not name.isprintable():
        raise Failure(Exit.USAGE, "a login's name is 1 to 63 bytes of printable text", where=repr(name))


@user.command("scram-verifier")
@option("--password-stdin", is_flag=True, help="Read the password from stdin; else ask.")
@option("--generate", is_flag=True, help="Make a password and print it once, on stderr.")
@option("--iterations", type=click.IntRange(4096, 9_999_999), default=ITERATIONS)
@format_option
def scram_verifier(password_stdin: bool, generate: bool, iterations: int, style: str) -> None:
    """Print the SCRAM-SHA-256 verifier of a password, as PostgreSQL stores it."""
    password, generated = _new_password(password_stdin, generate, "Password")
    verifier = str(make_verifier(password, secrets.token_bytes(SALT_BYTES), iterations))
    data = {"verifier": verifier} | ({"password": password} if generated else {})
    if generated and style == "text":
        note(f"password (shown this once): {password}")
    emit(style, data, verifier)


@user.command("token")
@option("--note", "purpose", default="", help="What it is for.")
@option("--hours", type=click.FloatRange(0.02, 720), default=12.0, help="How long it is valid; at most 30 days.")
@signed_in
@format_option
def token(purpose: str, hours: float, style: str, client: Client) -> None:
    """Make a person's token for the REST interface and `approvals`; it is shown this once."""
    made = client.post("/api/v1/tokens", {"note": purpose, "expires_in": int(hours * 3600)})
    if style == "text":
        note(f"token of {made['person']} until {made['expires']}; keep it in PGMASKPROXY_TOKEN")
    emit(style, made, made["token"])
