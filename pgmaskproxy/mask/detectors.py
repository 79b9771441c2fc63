"""What identifies a person or opens a door, found in free text: where it is, and whether its check digits are right.

Patterns have bounds everywhere, so that no text takes them long; each has something that must be in a text before it
is tried at all. What has check digits (cards, IBANs) is found only where they are right: other long numbers stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, final

from mypy_extensions import i64

from pgmaskproxy.mask.survey import ASSIGNED, AT, COUNTRY, FIRST_WORD, Survey, longest_number, notices

_DIGIT_BEFORE: Final = r"(?<![0-9.,-])(?<![0-9] )"
_DIGIT_BEHIND: Final = r"(?![0-9-]|[.,][0-9])"


def luhn(digits: str) -> bool:
    """Whether a number's last digit is its check digit (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * 2 if place % 2 else int(digit)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def iban(text: str) -> bool:
    """Whether an account number's check digits are right (ISO 13616, ISO 7064 MOD 97-10)."""
    bare = text.replace(" ", "").upper()
    if not 15 <= len(bare) <= 34:
        return False
    return int("".join([str(int(character, 36)) for character in bare[4:] + bare[:4]])) % 97 == 1


def _card(text: str) -> bool:
    digits = re.sub(r"[ -]", "", text)
    return len(set(digits)) > 1 and luhn(digits)


def _phone(text: str) -> bool:
    return 7 <= sum(character.isdigit() for character in text) <= 15


def _any(_text: str) -> bool:
    return True


_PREFIXES: Final = (
    *("eyj", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "aiza"),
    *("sk-", "pk-", "rk-", "sk_", "pk_", "rk_"),
)
"""What keys begin with."""
_WORDS: Final = ("pass", "pwd", "secret", "token", "key", "api", "access")
"""What stands before one."""
SURVEY: Final = Survey([_PREFIXES, _WORDS, ["-----begin"]])
_PREFIX: Final = FIRST_WORD
_WORD: Final = FIRST_WORD << 1
_PEM: Final = FIRST_WORD << 2


class Detector:
    """Something that is looked for. `name` stands for it in a text. It is tried where a text has a number of so many
    `digits` and all of the `hints` (`mask/survey`)."""

    def __init__(
        self, name: str, pattern: str, *, hints: i64 = 0, digits: i64 = 0, sure: Callable[[str], bool] = _any
    ) -> None:
        self.name: Final = name
        self.pattern: Final = re.compile(pattern)
        self.hints: Final[i64] = hints
        self.digits: Final[i64] = digits
        self.sure: Final = sure
        self.shown: Final = f"[{name}]"

    def may_be_in(self, surveyed: i64) -> bool:
        """Whether a text of which the survey says that is worth trying."""
        return longest_number(surveyed) >= self.digits and notices(surveyed) & self.hints == self.hints

    def replace(self, text: str) -> str:
        """`text` with what it finds replaced by `shown`."""
        return self.pattern.sub(self._instead, text)

    def _instead(self, found: re.Match[str]) -> str:
        return self.shown if self.sure(found[0]) else found[0]


@final
class PrivateKey(Detector):
    """A private key in PEM (RFC 7468), up to its end line or, where it is cut off, to the end of the text."""

    def __init__(self) -> None:
        super().__init__("key", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----", hints=_PEM)
        self.end: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")

    def replace(self, text: str) -> str:
        """From line to line, once through the text."""
        kept: list[str] = []
        at = 0
        begin = self.pattern.search(text)
        while begin is not None:
            kept += [text[at : begin.start()], self.shown]
            end = self.end.search(text, begin.end())
            at = len(text) if end is None else end.end()
            begin = self.pattern.search(text, at)
        return "".join(kept) + text[at:]


DETECTORS: Final[tuple[Detector, ...]] = (
    PrivateKey(),
    Detector(
        "key",
        r"(?<![\w-])(?:[\w-]{0,40}?-)?eyJ[\w-]{5,2000}+\.[\w-]{5,8000}+\.[\w-]{0,2000}"
        r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
        r"|\b(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,255}|xox[abeprs]-[\w-]{10,255})"
        r"|\b[rsp]k[-_](?:live|test|proj|ant)[-_][\w-]{10,255}|\bsk-[\w-]{20,255}|\bAIza[\w-]{30,60}",
        hints=_PREFIX,
    ),
    Detector(
        "key",
        r"(?i:\b(?:password|passwd|pwd|passphrase|secret|token|api[_ -]?key|access[_ -]?key)\b[\"']?\s{0,3}[:=]\s{0,3}"
        r"[\"']?[^\s\"',;]{3,255})",
        hints=_WORD | ASSIGNED,
    ),
    Detector("email", r"(?<![\w.%+'-])[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,63}", hints=AT),
    Detector(
        "iban",
        r"[A-Za-z]{2}[0-9]{2}(?<![\w@.+-].{4})(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b",
        hints=COUNTRY,
        digits=5,
        sure=iban,
    ),
    Detector("card", _DIGIT_BEFORE + r"[0-9](?:[ -]?[0-9]){11,18}" + _DIGIT_BEHIND, digits=12, sure=_card),
    Detector("ssn", _DIGIT_BEFORE + r"[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}" + _DIGIT_BEHIND, digits=9),
    Detector(
        "phone",
        r"(?<![\w+])\+[0-9](?:[ ()./-]{0,2}[0-9]){6,14}(?![0-9-])"
        r"|(?<![\w+.,-])(?:\([0-9]{2,5}\) ?|0[0-9]{1,4}[ /-])[0-9](?:[ /-]?[0-9]){4,10}(?![0-9-]|[.,:][0-9])"
        r"|(?<![\w+.,-])[0-9]{3}[-. ][0-9]{3}[-. ][0-9]{4}(?![0-9-]|[.,:][0-9])",
        digits=7,
        sure=_phone,
    ),
)
"""In the order in which they are tried: a key may hold anything, and an IBAN's digits may look like a telephone's."""


def may_find(raw: bytes) -> bool:
    """Whether there may be anything in a text, by its UTF-8: where nothing is noticed it is not even decoded."""
    surveyed = SURVEY.of(raw)
    for detector in DETECTORS:  # noqa: SIM110 - a loop is compiled, a generator is one
        if detector.may_be_in(surveyed):
            return True
    return False


def scrubbed(text: str) -> str:
    """`text` with all that is found replaced."""
    surveyed = SURVEY.of(text.encode("utf-8", errors="replace"))
    for detector in DETECTORS:
        if detector.may_be_in(surveyed):
            text = detector.replace(text)
    return text
