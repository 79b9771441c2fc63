"""`pgmaskproxy key`: the keys that keyed masks are made with. No secret is shown unless it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import rich_click as click

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import config_option, emit, format_option, note, option, table
from pgmaskproxy.cli.settings import configured
from pgmaskproxy.config import find_config
from pgmaskproxy.keyring.document import NO_DOCUMENT, Document, Entry, is_name, read_document
from pgmaskproxy.keyring.file import change_file, read_file
from pgmaskproxy.keyring.making import added, first, following
from pgmaskproxy.keyring.source import Source, Text
from pgmaskproxy.mask.keys import DEFAULT_KEY

STDOUT = "the document on stdout"


def _name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not is_name(value):
        raise click.BadParameter("1 to 32 of a-z, 0-9, _ and -, a letter first")
    return value


def _options(function: Callable[..., None]) -> Callable[..., None]:
    """What making a key needs to know, whichever."""
    for decorate in (
        format_option,
        config_option,
        option(
            "--stdout",
            is_flag=True,
            help="Print the whole document with the new key, secrets and all, and change nothing: for a vault.",
        ),
        option(
            "--file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The file of keys; else the configuration's, which is masking.keys in keys.directory unless it says.",
        ),
        option("--name", default=DEFAULT_KEY, callback=_name, help="The key's name, as a mask's `key` names it."),
    ):
        function = decorate(function)
    return function


@click.group("key")
def key() -> None:
    """Make, rotate and list the keys of masks.

    Masks of the kinds hash, token and uuid are made with a key. Whoever has it can undo every token; whoever loses it
    cannot, so keep a copy where you keep passwords. docs/keys.md says more.

    \b
    pgmaskproxy key generate
    pgmaskproxy key list
    pgmaskproxy key rotate
    """


@key.command("generate")
@_options
def generate(name: str, file: Path | None, *, stdout: bool, config_path: Path | None, style: str) -> None:
    """Make the first version of a key, in a file that nobody else can read.

    A name that there is already is refused: `rotate` makes the next version. Give a label's mask a key of its own by
    `key: NAME`, and the two never have to be rotated together.

    \b
    pgmaskproxy key generate
    pgmaskproxy key generate --name analytics
    pgmaskproxy key generate --file /etc/pgmaskproxy/masking.keys
    pgmaskproxy key generate --stdout | vault kv put secret/pgmaskproxy keys=-
    """
    _make(name, file, first, stdout=stdout, config_path=config_path, style=style)


@key.command("rotate")
@_options
def rotate(name: str, file: Path | None, *, stdout: bool, config_path: Path | None, style: str) -> None:
    """Make the next version of a key.

    From the next reload on it makes every new token, hash and uuid, which so differ from those of before; tokens of
    before are still read, as long as their version is there. Where keys come from a variable or a command, `--stdout`
    prints the document to be put there; never redirect it into the file that it was read from.

    \b
    pgmaskproxy key rotate && systemctl reload pgmaskproxy
    pgmaskproxy key rotate --name analytics
    pgmaskproxy key rotate --stdout | vault kv put secret/pgmaskproxy keys=-
    """
    _make(name, file, following, stdout=stdout, config_path=config_path, style=style)
    note(
        f'New tokens, hashes and uuids of "{name}" differ from those of before, in joins and groups too. Tokens of '
        "before are still read while their version is kept; hashes and uuids of before are matched by nothing."
    )


@key.command("list")
@option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="The file of keys; else as the configuration says."
)
@config_option
@format_option
def list_(file: Path | None, config_path: Path | None, style: str) -> None:
    """Names, versions, dates and fingerprints; never a secret.

    A fingerprint tells whether two machines have the same key, and gives nothing of it away.

    \b
    pgmaskproxy key list
    pgmaskproxy key list --file /etc/pgmaskproxy/masking.keys --format json
    """
    source = None if file is not None else Source(configured(config_path).keys)
    text = Text(str(file), read_file(file)) if file is not None else source.read(os.environ) if source else None
    document = NO_DOCUMENT if text is None else read_document(text.place, text.text)
    rows = [
        (each.name, str(each.version), each.created, each.fingerprint, _does(document, each))
        for each in document.entries
    ]
    data = {
        "source": str(source or file),
        "keys": [_facts(each) | {"newest": _newest(document, each)} for each in document.entries],
    }
    heads = ("name", "version", "created", "fingerprint", "")
    emit(style, data, table(heads, rows) if rows else "")
    if not rows and style == "text":
        note(f"there are no keys ({source}); `pgmaskproxy key generate` makes one")


def _make(
    name: str,
    file: Path | None,
    make: Callable[[Document, str], Entry],
    *,
    stdout: bool,
    config_path: Path | None,
    style: str,
) -> None:
    made: list[Entry] = []

    def change(place: str, before: str) -> str:
        document = read_document(place, before) if before.strip() else NO_DOCUMENT
        entry = make(document, name)
        after = added(place, before, entry)
        made.append(entry)
        return after

    path, present = _place(file, config_path, stdout=stdout)
    if stdout:
        after = change(present.place, present.text)
        data = _facts(made[0]) | {"file": None, "document": after}
        emit(style, data, after.rstrip("\n"))
        note(f"key {made[0]}: nothing was changed. Put the document where the keys come from, then reload the proxy.")
        return
    assert path is not None
    if make is following:
        read_file(path)  # says what is wrong before a directory is made for it
    change_file(path, lambda before: change(str(path), before))
    emit(style, _facts(made[0]) | {"file": str(path)}, f"key {made[0]} is in {path}")
    if style == "text":
        note("`pgmaskproxy serve` reads it when it starts, and at SIGHUP. Keep a copy where you keep passwords.")


def _place(file: Path | None, config_path: Path | None, *, stdout: bool) -> tuple[Path | None, Text]:
    """The file to be changed, and what is there; with `stdout` only what is there counts."""
    if file is not None:
        there = stdout and (file.exists() or file.is_symlink())
        return file, Text(str(file), read_file(file) if there else "")
    if stdout and config_path is None and find_config(os.environ) is None:
        return None, Text(STDOUT, "")  # before there is any configuration
    source = Source(configured(config_path).keys)
    if stdout:
        return None, _present(source)
    if source.file is None:
        raise Failure(
            Exit.USAGE,
            f"the keys come from {source}, which this cannot change",
            next_step="--stdout prints the document with the new key: put it there, then reload the proxy",
        )
    return source.file, Text(str(source.file), "")


def _present(source: Source) -> Text:
    """What is there, nothing where there is nothing yet."""
    said = source.keys.masking
    if said is not None and said.env is not None and not os.environ.get(said.env):
        return Text(STDOUT, "")
    if said is not None and said.file is not None and not said.file.exists() and not said.file.is_symlink():
        return Text(STDOUT, "")
    return source.read(os.environ) or Text(STDOUT, "")


def _facts(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "version": entry.version,
        "created": entry.created,
        "fingerprint": entry.fingerprint,
    }


def _newest(document: Document, entry: Entry) -> bool:
    return document.newest(entry.name) is entry


def _does(document: Document, entry: Entry) -> str:
    return "makes and reads" if _newest(document, entry) else "reads what it made"
