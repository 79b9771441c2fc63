"""Statements whose author would like their approver to see something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgmaskproxy.approval.facts import Facts
from pgmaskproxy.approval.notification import Notification, notification_data
from pgmaskproxy.model import Analysis, Effect, RelationRef
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.sql.telling import tell
from tests.approval.making import NOW, make_request

LINK: Final = "https://approvals.example.com/requests/apr_1"
EVERYTHING: Final = "deletes EVERY row of shop.customers (it has no WHERE)"
BOOST: Final = "changes EVERY row of shop.employees (it has no WHERE): salary"
ANALYSIS: Final = Analysis(
    "",
    frozenset({Effect.READ, Effect.WRITE}),
    reads=frozenset({RelationRef("shop", "orders")}),
    writes=frozenset({RelationRef("shop", "customers"), RelationRef("shop", "employees")}),
)


@dataclass(frozen=True)
class Hostile:
    """One payload. `seen` is what must be legible on the card all the same."""

    name: str
    sql: str
    reason: str = "INC-1"
    application: str = "psql"
    shown: tuple[str, ...] = ("id: clear",)
    seen: tuple[str, ...] = (EVERYTHING,)

    def notification(self, deep: DeepThread) -> Notification:
        """What the outbox would have of it."""
        told = deep.call(lambda: tell(self.sql, ANALYSIS, labelled=False))
        facts = Facts(self.application, told.does, told.text, told.places, told.literals, ("shop.orders",))
        request = make_request(sql=self.sql, reason=self.reason, shown=self.shown, facts=facts)
        return Notification("evt_1", "approval.requested", NOW, NOW + 900, notification_data(request, LINK))


DELETE: Final = "DELETE FROM customers"
LINKS: Final = "[Approve here](https://evil.example/approve) <https://evil.example> ![x](https://evil.example/x.png)"

HOSTILE: Final = (
    Hostile("markdown link", f"{DELETE} RETURNING '{LINKS}'", reason=LINKS, application=LINKS),
    Hostile(
        "reference link", f"{DELETE} RETURNING '[a][b]\n\n[b]: https://evil.example'", reason="[a]: https://e.example"
    ),
    Hostile("image", f"{DELETE} RETURNING '![approved](data:image/png;base64,AAAA)'", application="![](x)"),
    Hostile("data link", f"{DELETE} RETURNING '[x](data:text/html,<script>alert(1)</script>)'"),
    Hostile("fake button", f'{DELETE} RETURNING 1 AS "Sign in and decide"', reason="**[ Approve ]**  \n[Reject](x)"),
    Hostile("fake card", f"""{DELETE} RETURNING '"}}]}},{{"type":"Action.OpenUrl","url":"https://evil.example"}}'"""),
    Hostile("heading", f"{DELETE} RETURNING '\n# Approved\n## by bob\n'", reason="# Approved\n\n## by bob"),
    Hostile(
        "emphasis", f"{DELETE} RETURNING '**bold** _it_ ~~gone~~ `code` ***all***'", reason="~~do not~~ **approve**"
    ),
    Hostile("lists and quotes", f"{DELETE} RETURNING '\n- a\n1. b\n> c\n* d\n| a |\n|---|'", reason="- a\n- b"),
    Hostile(
        "html",
        f"{DELETE} RETURNING '<h1>ok</h1><a href=\"https://evil.example\">x</a>'",
        reason="<img src=x onerror=a()>",
    ),
    Hostile("mention", f"{DELETE} RETURNING '<at>bob</at>'", reason="<at>everyone</at> approved"),
    Hostile(
        "date function",
        f"{DELETE} RETURNING '{{{{DATE(2020-01-01T00:00:00Z)}}}}'",
        reason="{{TIME(2020-01-01T00:00:00Z)}}",
    ),
    Hostile("template", f"{DELETE} RETURNING '${{$root.x}} @{{triggerBody()}}'", reason="${if(true,1,2)}"),
    Hostile(
        "newlines", f"SELECT 1;{chr(10) * 5000}{DELETE}{chr(10) * 5000}; SELECT 2", reason="ok" + "\n" * 4000 + "x"
    ),
    Hostile(
        "bidirectional",
        f'{DELETE} RETURNING 1 AS "\u202e\u2066 erehw on \u2069\u2066"',
        reason="ok \u202edetcejer\u202c",
        seen=(EVERYTHING, "⟨U+202E⟩"),
    ),
    Hostile("zero width", f'{DELETE} RETURNING 1 AS "\u200b\u200d\ufeff\u2060"', seen=(EVERYTHING, "⟨U+200B⟩⟨U+200D⟩")),
    Hostile("right to left", f"{DELETE} RETURNING 'שלום' = 'مرحبا 123' AS \"אבג\""),
    Hostile("emoji", f"{DELETE} RETURNING '✅✅ approved 👍🏽 👨‍👩‍👧'", reason="✅ approved by bob ✅"),
    Hostile("100 KB before", f"SELECT '{'x' * 100_000}'; {DELETE}"),
    Hostile(
        "100 KB of columns around",
        f"SELECT {', '.join(f'c{n}' for n in range(9000))} FROM orders; {DELETE}; "
        f"SELECT {', '.join(f'd{n}' for n in range(9000))} FROM orders",
        seen=(EVERYTHING, "customers; SELECT d0"),
    ),
    Hostile(
        "a comment of 100 KB",
        f"/* {'harmless ' * 11_000} */ {DELETE} /* {'harmless ' * 11_000} */",
        seen=(EVERYTHING, DELETE),
    ),
    Hostile(
        "dangerous tail",
        f"WITH {', '.join(f'q{n} AS (SELECT {n})' for n in range(2000))} UPDATE employees SET salary = 999999",
        seen=(BOOST, "SET salary = 999999"),
    ),
    Hostile(
        "dangerous middle",
        f"WITH {', '.join(f'q{n} AS (SELECT {n})' for n in range(1500))}, z AS (DELETE FROM customers RETURNING 1), "
        f"{', '.join(f'r{n} AS (SELECT {n})' for n in range(1500))} SELECT 1",
        seen=(EVERYTHING, DELETE),
    ),
    Hostile("nested brackets", f"{DELETE} RETURNING '{'[' * 200}x{']' * 200}(https://evil.example){'((' * 50}'"),
    Hostile("backslashes", f"{DELETE} RETURNING E'\\\\[x\\\\](https://evil.example) \\\\*a\\\\*'", reason="\\[x](y)"),
    Hostile(
        "control",
        f"{DELETE} RETURNING E'\\x08' AS \"a\x1b[2K\x7f\"",
        reason="a\0b\x1b]8;;https://evil.example\x07",
        seen=(EVERYTHING, "⟨U+0000⟩", "⟨U+001B⟩"),
    ),
    Hostile(
        "aliases", f"{DELETE} RETURNING 1", shown=tuple(f"[c{n}](https://evil.example/{n}): clear" for n in range(1600))
    ),
    Hostile(
        "all marks", f"{DELETE} RETURNING '{'*_`~<&{{[' * 6000}'", reason="*_`~<&{[" * 5000, application="*_`~" * 16
    ),
    Hostile("combining", f"{DELETE} RETURNING 'a{chr(0x301) * 3000}' AS \"z{chr(0x489) * 31}\""),
)
