"""The kinds of mask a policy can name, and what each makes of one value.

A masker sees the bytes of one text value that is not NULL, UTF-8 as the session's pinned
client_encoding has it, and gives the bytes that are shown. What cannot be masked as asked (not
UTF-8, too short, not an address) is shown as nothing but the fill, never as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from pgmaskproxy.model import Mask

STRENGTH: Final = ("null", "redact", "email", "partial")
"""The kinds, strongest first. `null` hides even the type's text, `redact` everything but that the value is not
NULL, `email` shows one letter and the domain, `partial` whatever the policy says."""

FILL_COUNT: Final = 3
"""How many fill characters stand for what is hidden, so that they do not tell its length."""

_REDACTED: Final = "***"
_MAX_SHOWN: Final = 64
_MAX_TEXT: Final = 64
_DOMAIN_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
_MAX_DOMAIN: Final = 253


@dataclass(frozen=True)
class ParamSpec:
    """One parameter of a kind of mask: what it is by default, and what it may be."""

    type: type[str] | type[int] | type[bool]
    default: str | int | bool
    doc: str
    choices: tuple[str, ...] = ()
    least: int = 0
    """Of an int; of a str the least number of characters."""
    greatest: int = _MAX_TEXT
    """Of an int; of a str the greatest number of characters."""

    def problem(self, value: object) -> str:
        """What is wrong with `value`, to be put behind the parameter's name; '' when nothing is."""
        if self.type is bool:
            return "" if isinstance(value, bool) else "must be true or false"
        if self.type is int:
            if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.greatest:
                return ""
            return f"must be a whole number from {self.least} to {self.greatest}"
        if not isinstance(value, str):
            return "must be a string"
        if self.choices:
            return "" if value in self.choices else "must be " + " or ".join(self.choices)
        if not self.least <= len(value) <= self.greatest:
            count = str(self.least) if self.least == self.greatest else f"{self.least} to {self.greatest}"
            return f"must have {count} character" + ("" if count == "1" else "s")
        # What a client prints: no terminal controls, and nothing that UTF-8 or a text value cannot carry.
        return "" if value.isprintable() else "must be printable"


_KINDS: Final[Mapping[str, Mapping[str, ParamSpec]]] = MappingProxyType(
    {
        "null": MappingProxyType({}),
        "redact": MappingProxyType(
            {"text": ParamSpec(str, _REDACTED, "What is shown in place of every value that is not NULL.")}
        ),
        "partial": MappingProxyType(
            {
                "first": ParamSpec(int, 0, "How many characters are shown at the start.", greatest=_MAX_SHOWN),
                "last": ParamSpec(int, 0, "How many characters are shown at the end.", greatest=_MAX_SHOWN),
                "fill": ParamSpec(str, "*", "The character that stands for what is hidden.", least=1, greatest=1),
                "keep_length": ParamSpec(bool, False, "One fill character for each hidden one: gives away the length."),
                "min_hidden": ParamSpec(
                    int, 4, "A value that would have fewer characters hidden is hidden whole.", least=1
                ),
            }
        ),
        "email": MappingProxyType(
            {"domain": ParamSpec(str, "keep", "Whether the domain is shown.", choices=("keep", "hide"))}
        ),
    }
)


def kinds() -> Mapping[str, Mapping[str, ParamSpec]]:
    """Kind of mask -> its parameters by name. What a policy may say; the loader is given this mapping."""
    return _KINDS


def strength(kind: str) -> int:
    """The rank of `kind`, 0 the strongest. A kind not known ranks with `null`: that is how it is shown."""
    return STRENGTH.index(kind) if kind in STRENGTH else 0


class Masker:
    """A mask made ready for rows. This one shows NULL, and so does every kind that is not known.

    `fixed` says that every value is shown as `value`; then `mask` need not be called.
    """

    def __init__(self, *, fixed: bool = True, value: bytes | None = None) -> None:
        self.fixed: Final = fixed
        self.value: Final = value

    def mask(self, value: bytes) -> bytes | None:
        """What is shown of `value`, which is not NULL: bytes of text, or None for NULL."""
        return self.value


@final
class Partial(Masker):
    """A number of characters at each end, the rest hidden. Spaces around the value neither count nor are shown."""

    def __init__(self, first: int, last: int, fill: str, *, keep_length: bool, min_hidden: int) -> None:
        super().__init__(fixed=False)
        self.first: Final = first
        self.last: Final = last
        self.fill: Final = fill
        self.keep_length: Final = keep_length
        self.min_hidden: Final = min_hidden

    def mask(self, value: bytes) -> bytes | None:
        """`value` by character of UTF-8, which is never split."""
        try:
            # character(n) is padded with blanks: were they counted, a short value would be shown whole.
            text = value.decode("utf-8").strip()
        except UnicodeDecodeError:
            return (self.fill * FILL_COUNT).encode("utf-8")
        count = len(text)
        hidden = count - self.first - self.last
        first = self.first
        last = self.last
        if hidden < self.min_hidden:
            hidden = count
            first = 0
            last = 0
        middle = self.fill * (hidden if self.keep_length else FILL_COUNT)
        return (text[:first] + middle + text[count - last :]).encode("utf-8")


@final
class Email(Masker):
    """The first letter of the local part, and the domain unless it is hidden too.

    Giving away the domain is the point of this kind, and its danger: a domain of one person's own
    names that person. Only what looks like a host name is shown, so that other text with an @ in it is not.
    """

    def __init__(self, *, keep_domain: bool) -> None:
        super().__init__(fixed=False)
        self.keep_domain: Final = keep_domain

    def mask(self, value: bytes) -> bytes | None:
        """`j***@example.com`; `***@example.com` where the first letter is all there is."""
        try:
            text = value.decode("utf-8").strip()
        except UnicodeDecodeError:
            return _REDACTED.encode("utf-8")
        at = text.rfind("@")
        if at < 0:
            return _REDACTED.encode("utf-8")
        domain = text[at + 1 :]
        shown = text[:1] if at > 1 else ""
        if not self.keep_domain or not _host_name(domain):
            domain = _REDACTED
        return (shown + _REDACTED + "@" + domain).encode("utf-8")


def _host_name(domain: str) -> bool:
    return (
        0 < len(domain) <= _MAX_DOMAIN
        and "." in domain
        and not domain[-1].isdigit()  # an address or a number, not a name
        and all(character in _DOMAIN_CHARACTERS for character in domain)
    )


def masker(mask: Mask) -> Masker:
    """The masker for `mask`, with the defaults where it says nothing.

    Anything not right about it (a kind, a parameter or a value that `kinds` does not have) shows
    NULL: the policy's loader refuses it with an error, and here it is too late for one.
    """
    specs = _KINDS.get(mask.kind)
    if specs is None:
        return Masker()
    values: dict[str, str | int | bool] = {name: spec.default for name, spec in specs.items()}
    for name, value in mask.params:
        if name not in specs or specs[name].problem(value):
            return Masker()
        values[name] = value
    if mask.kind == "redact":
        return Masker(value=str(values["text"]).encode("utf-8"))
    if mask.kind == "partial":
        return Partial(
            int(values["first"]),
            int(values["last"]),
            str(values["fill"]),
            keep_length=bool(values["keep_length"]),
            min_hidden=int(values["min_hidden"]),
        )
    if mask.kind == "email":
        return Email(keep_domain=values["domain"] == "keep")
    return Masker()
