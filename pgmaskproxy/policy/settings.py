"""Which run-time settings a client may touch, at start-up and by SET (DESIGN 3d).

Planner settings turn an index into an ordering oracle, `role` changes who is judged, and
`standard_conforming_strings` changes what the parser must see: so this is a list of what may be
set, and everything else is refused. Manual: "Message Flow" (StartupMessage), "libpq: options",
"Server Configuration".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.model import Refusal, Setting
from pgmaskproxy.policy.wish import MOST, UNMASK, wished

STARTUP: Final[tuple[str, ...]] = (
    "application_name",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "extra_float_digits",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "search_path",
)
"""Settings a start-up packet may carry, besides user, database and `pgmaskproxy.reason`. Not `pgmaskproxy.unmask`: what
every session began with nobody would ask for any more."""

TRANSACTION: Final[tuple[str, ...]] = (
    "transaction_isolation",
    "transaction_read_only",
    "transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "default_transaction_deferrable",
)
"""Transaction control in the shape of settings: SET TRANSACTION and SET SESSION CHARACTERISTICS."""

VIRTUAL: Final[tuple[str, ...]] = ("client_min_messages",)
"""Kept by the session and never sent upstream."""

HARMLESS: Final[tuple[str, ...]] = ("jit",)
"""Settings that no value of can reveal anything: how expressions are compiled, not which rows come or in what order.

asyncpg turns `jit` off before it asks what a composite, enum or array type is made of, and sets it back by a parameter.
"""

DUMPING: Final[tuple[str, ...]] = (
    "synchronize_seqscans",
    "row_security",
    "transaction_timeout",
    "restrict_nonsystem_relation_kind",
)
"""What pg_dump sets before anything else. Where a scan of a large table begins is the other sessions' affair, and in
either case the rows come as they lie; `row_security = off` makes an error of a filter; a timeout ends what is the
client's own; and the last may only restrict."""

RESTORING: Final[Mapping[str, frozenset[str]]] = {
    "standard_conforming_strings": frozenset({"on"}),
    "check_function_bodies": frozenset({"on", "off", "true", "false"}),
    "xmloption": frozenset({"content"}),
    "default_tablespace": frozenset({""}),
    "default_table_access_method": frozenset({"heap"}),
}
"""What pg_restore and a dump in SQL set besides, each to nothing but these: PostgreSQL's own defaults, and whether the
body of a function is looked at when it is made, which says nothing of what it may do when it runs."""

_RESTRICTED: Final = frozenset({"view", "foreign-table"})
"""All that restrict_nonsystem_relation_kind can forbid."""

REASON: Final = "pgmaskproxy.reason"
"""Why a client asks, shown to the approver. With `UNMASK` the only settings of ours that a client may set."""

_PREFIX: Final = "pgmaskproxy."
_SET: Final = (*STARTUP, *TRANSACTION, *VIRTUAL, *HARMLESS, *DUMPING, *RESTORING)
_CANONICAL: Final = {name.lower(): name for name in (*_SET, REASON, UNMASK)}
_STARTUP: Final = frozenset(name.lower() for name in STARTUP) | {REASON}
REPLICATION: Final = "replication"
"""A key of the start-up packet that is no setting: it asks for another protocol."""
_UTF8: Final = frozenset({"utf8", "unicode"})


@dataclass(frozen=True, slots=True)
class Startup:
    """A start-up packet that may pass."""

    user: str
    database: str
    parameters: tuple[tuple[str, str], ...]
    """For upstream, besides the proxy's own: canonical names, each once, sorted; client_encoding is always there."""
    application_name: str = ""
    reason: str = ""
    """`pgmaskproxy.reason`; not in `parameters`."""
    transparent: bool = False
    """It was read under a transparent policy, and goes upstream as it is: `application_name` is not marked either."""


def check_startup(parameters: Iterable[tuple[bytes, bytes]], *, transparent: bool = False) -> Startup | Refusal:
    """What of a StartupMessage's parameters goes upstream, or why it is refused.

    Under a `transparent` policy any setting does, but for what `setting_pinned` refuses; replication never.

    Refusals: 22023 naming the key, 42704 for another `pgmaskproxy.*`, 22021 for text that is not
    UTF-8, 28000 without a user name. Protocol extensions (`_pq_.*`) are the handshake's to negotiate and are skipped.
    """
    found: dict[str, str] = {}
    given: dict[str, str] = {}
    for raw_key, raw_value in parameters:
        try:
            key, value = raw_key.decode("utf-8"), raw_value.decode("utf-8")
        except UnicodeDecodeError:
            return Refusal("22021", 'invalid byte sequence for encoding "UTF8" in the start-up packet')
        if key.startswith("_pq_."):
            continue
        if key in given and given[key] != value:
            return _unacceptable(key, "it is given twice")
        given[key] = value
    user = given.pop("user", "")
    if not user:
        return Refusal("28000", "no PostgreSQL user name specified in startup packet")
    database = given.pop("database", "") or user
    switches = parse_options(given.pop("options", ""))
    if isinstance(switches, Refusal):
        return switches
    # As in PostgreSQL (process_startup_options) a key of the packet beats the same name in `options`.
    for key, value in (*switches, *given.items()):
        name = key.lower()
        free = transparent and name not in {REPLICATION, "client_encoding"} and not name.startswith(_PREFIX)
        refusal = None if free else _check(key, value, _STARTUP, "22023", "parameter")
        if refusal is not None:
            return refusal
        found[_CANONICAL.get(name, key)] = value
    found["client_encoding"] = "UTF8"
    reason = found.pop(REASON, "")
    return Startup(user, database, tuple(sorted(found.items())), found.get("application_name", ""), reason, transparent)


def setting_allowed(setting: Setting) -> Refusal | None:
    """None when SET, RESET or set_config may touch `setting`; else the refusal, naming the setting and the list."""
    name = setting.name.lower()
    if not setting.constant and name not in HARMLESS:
        return Refusal(
            "42501",
            f'setting "{setting.name}" must be given a constant',
            hint="Write the value as a literal: what a parameter or an expression would set cannot be judged.",
            facts=(("why", "setting"), ("setting", setting.name)),
        )
    if setting.value is None and name in {"all", "*"}:
        return None  # RESET ALL: back to the start-up values, and those are pinned
    return _check(setting.name, setting.value, frozenset(_CANONICAL), "42501", "setting")


def setting_pinned(setting: Setting) -> Refusal | None:
    """What even a transparent policy does not let be set: an encoding that the session does not work in, and what is
    the proxy's own."""
    name = setting.name.lower()
    if name != "client_encoding" and not name.startswith(_PREFIX):
        return None
    if name == "client_encoding" and (setting.value is None or not setting.constant):
        # RESET: what the session began with, and that is UTF8. By a parameter or an expression: the server says what
        # it was, and another one ends the session.
        return None
    return setting_allowed(setting)


def canonical_name(name: str) -> str:
    """`name` as this module spells it; a name not on the list comes back as it is."""
    return _CANONICAL.get(name.lower(), name)


def parse_options(text: str) -> tuple[tuple[str, str], ...] | Refusal:
    r"""The settings in a start-up packet's `options`: `-c name=value`, `-cname=value`, `--name=value`.

    Split at white space, with `\` quoting the next character (pg_split_opts in postinit.c); any
    other switch is refused with 22023. In a name after `--` a `-` means `_` (ParseLongOption in guc.c).
    """
    words = _split(text)
    found: list[tuple[str, str]] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word.startswith("--") and word != "--":
            assignment = word[2:]
        elif word == "-c":
            if index == len(words):
                return _unacceptable("options", "-c needs name=value")
            assignment = words[index]
            index += 1
        elif word.startswith("-c"):
            assignment = word[2:]
        else:
            return _unacceptable("options", f'"{word}" is neither -c name=value nor --name=value')
        name, equals, value = assignment.partition("=")
        name = name.replace("-", "_")
        if not equals or not name:
            return _unacceptable("options", f'"{assignment}" is not name=value')
        found.append((name, value))
    return tuple(found)


def _split(text: str) -> list[str]:
    words: list[str] = []
    current: list[str] | None = None
    escaped = False
    for char in text:
        if escaped:
            current = [*(current or []), char]
            escaped = False
        elif char == "\\":
            current = current or []
            escaped = True
        elif char in " \t\n\v\f\r":
            if current is not None:
                words.append("".join(current))
            current = None
        else:
            if current is None:
                current = []
            current.append(char)
    if current is not None:
        words.append("".join(current))
    return words


def _check(name: str, value: str | None, allowed: frozenset[str], sqlstate: str, noun: str) -> Refusal | None:
    key = name.lower()
    if key.startswith(_PREFIX) and key not in allowed:
        ours = " and ".join(f'"{each}"' for each in (REASON, UNMASK) if each in allowed)
        later = f" Ask for columns in the session, by SET LOCAL {UNMASK}." if key == UNMASK else ""
        return Refusal(
            "42704",
            f'unrecognized configuration parameter "{name}"',
            hint=f"Of ours there is {ours}.{later}",
            facts=_facts(noun, name),
        )
    if key not in allowed:
        return _off_list(name, sqlstate, noun)
    if key in RESTORING and (value is None or value.lower() not in RESTORING[key]):
        return _off_list(name, sqlstate, noun)
    if value is None:
        return None
    if key == UNMASK and wished(value) is None:
        return Refusal(
            "22023",
            f'{noun} "{UNMASK}" must be a list of columns',
            hint=f"Like 'customers.ssn' or 'public.customers.ssn, public.customers.email': table.column or"
            f" schema.table.column, as SQL would write them; at most {MOST}.",
            facts=_facts(noun, name),
        )
    if key == "client_encoding" and not is_utf8(value):
        return Refusal(
            "22023",
            f'{noun} "client_encoding" must be UTF8, not "{value}"',
            hint="Set the client's encoding to UTF8; another one would hide from the parser what the server sees.",
            facts=_facts(noun, name),
        )
    if key == "restrict_nonsystem_relation_kind" and {part.strip().lower() for part in value.split(",")} != _RESTRICTED:
        return Refusal(
            "22023", f'{noun} "{name}" must be "view, foreign-table", not "{value}"', facts=_facts(noun, name)
        )
    if key == "extra_float_digits" and value.strip().startswith("-"):
        return Refusal(
            "22023",
            f'{noun} "extra_float_digits" must not be negative: "{value}"',
            hint="Fewer digits are a rounding of the server's, before any mask: round in the statement.",
            facts=_facts(noun, name),
        )
    if key == "datestyle" and "iso" not in {part.strip().lower() for part in value.split(",")}:
        return Refusal(
            "22023",
            f'{noun} "DateStyle" must be ISO, not "{value}"',
            hint='Use "ISO, MDY" or "ISO, DMY".',
            facts=_facts(noun, name),
        )
    return None


def is_utf8(encoding: str) -> bool:
    """Whether `encoding` is a spelling of UTF8, as PostgreSQL compares them: letters and digits, case ignored."""
    return "".join(char for char in encoding.lower() if char.isascii() and char.isalnum()) in _UTF8


def _unacceptable(key: str, why: str) -> Refusal:
    return Refusal("22023", f'unacceptable startup parameter "{key}": {why}', facts=_facts("parameter", key))


def _facts(noun: str, name: str) -> tuple[tuple[str, str], ...]:
    return (("why", "setting" if noun == "setting" else "startup_parameter"), (noun, name))


def _off_list(name: str, sqlstate: str, noun: str) -> Refusal:
    listed = STARTUP if sqlstate == "22023" else _SET
    message = (
        f'unacceptable startup parameter "{name}"' if sqlstate == "22023" else f'permission denied to set "{name}"'
    )
    ours = REASON if sqlstate == "22023" else f"{REASON}, {UNMASK}"
    hint = f"A client may set {', '.join(listed)} and {ours}."
    if sqlstate != "22023" and name.lower() in RESTORING:
        hint = (
            f"A client may set it to {' or '.join(repr(each) for each in sorted(RESTORING[name.lower()]))} only. {hint}"
        )
    return Refusal(
        sqlstate,
        message,
        hint=hint,
        facts=_facts(noun, name),
    )
