"""Tokens in Bind: what goes upstream, what people see, and when it is looked at again."""

from __future__ import annotations

import pytest

from pgmaskproxy.mask.keys import Key, Keyring
from pgmaskproxy.mask.token import Tokens
from pgmaskproxy.session.events import UseKeys
from tests.session.test_attesting import BEFORE
from tests.session.transcript import Play, compare

KEYS = Keyring([Key("masking", 1, b"k" * 32)])
TOKEN = Tokens(KEYS, "ssn", "masking").seal(b"123-45-6789")
OTHER = Tokens(KEYS, "pii.email", "masking").seal(b"123-45-6789")
SQL = "SELECT name FROM customers WHERE ssn = $1"
PARSED = f"""
    >> Parse "s" "{SQL}" / Sync
    !! read masks=- inputs=token,only
    <= Tree "T1" / ParseComplete / ReadyForQuery I
"""
REFUSED = f"""
    -- RecordRefusal #1 {{state}} "{SQL}"
    => Parse "~refused" "refused by pgmaskproxy" / Sync
"""


def play(script: str, *, before: str = BEFORE + PARSED) -> None:
    told = Play()
    told.session.receive(UseKeys(KEYS))
    told.play(before)
    compare(script, told.play(script))


def test_the_value_goes_upstream_in_bind_and_nowhere_else() -> None:
    play(f"""
        >> Bind "" "s" "{TOKEN}" / Describe P "" / Execute "" / Sync
        ?? Attest "{SQL}" "T1"
        !! attested read masks=- inputs=token,only
        => Bind "" "s" "123-45-6789" / Describe P "" / Flush
        <= BindComplete / RowDescription name=1.2
        << BindComplete / RowDescription name=1.2
        ?? RecordExecution #1 "{SQL}" shows -
        !! recorded
        => Execute "" / Sync
    """)


def test_without_a_tree_of_the_servers_no_value_does() -> None:
    play(
        f"""
        >> Parse "" "{SQL}" / Bind "" "" "{TOKEN}" / Sync
        ?? Judge "{SQL}"
        !! read masks=- inputs=token,only
        => Parse "" "{SQL}"
        -- RecordRefusal #1 42501 "{SQL}"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=BEFORE.replace("!! connected required", "!! connected"),
    )


@pytest.mark.parametrize(("given", "state"), [(OTHER, "22023"), ("123-45-6789", "42501"), ("***", "42501")])
def test_what_is_no_token_of_the_column_does_not_go_upstream_at_all(given: str, state: str) -> None:
    play(
        f"""
        >> Bind "" "s" "{given}" / Sync
        ?? Attest "{SQL}" "T1"
        !! attested read masks=- inputs=token,only
    """
        + REFUSED.format(state=state)
    )


def test_people_are_shown_the_token() -> None:
    play(f"""
        >> Bind "" "s" "{TOKEN}" / Execute "" / Sync
        ?? Attest "{SQL}" "T1"
        !! attested read masks=- inputs=token,only hold
        => Describe S "s" / Flush
        <= ParameterDescription 25 / RowDescription name=1.2
        => Sync
        <= ReadyForQuery I
        ?? Hold #1 "{SQL}" $1="{TOKEN}" columns=name reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        => Bind "" "s" "123-45-6789" / Flush
        <= BindComplete
        << BindComplete
        => Describe P "" / Flush
        <= RowDescription name=1.2
        ?? Release #1 apr_1 "{SQL}" shows -
        !! released
        ?? RecordExecution #1 "{SQL}" shows - request=apr_1
        !! recorded
        => Execute "" / Sync
    """)


def test_nobody_is_asked_about_a_forged_token() -> None:
    play(
        f"""
        >> Bind "" "s" "{OTHER}" / Sync
        ?? Attest "{SQL}" "T1"
        !! attested read masks=- inputs=token,only hold
    """
        + REFUSED.format(state="22023")
    )


ANEW = f"""
        >> Bind "" "s" "{TOKEN}" / Describe P "" / Execute "" / Sync
        ?? Attest "{SQL}" "T1"
        !! attested read masks=- inputs=token,only
        => Bind "" "s" "123-45-6789" / Describe P "" / Flush
        <= Tree "T2" / BindComplete / RowDescription name=1.2
        << BindComplete / RowDescription name=1.2
        ?? Attest "{SQL}" "T2" anew
"""


def test_another_meaning_of_its_parameters_by_then_ends_it() -> None:
    play(f"""{ANEW}
        !! attested read masks=- inputs=only
        -- RecordRefusal #1 0A000 "{SQL}"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
    """)


def test_the_same_meaning_does_not() -> None:
    play(f"""{ANEW}
        !! attested read masks=- inputs=token,only
        ?? RecordExecution #1 "{SQL}" shows -
        !! recorded
        => Execute "" / Sync
    """)


def test_what_goes_early_is_read_by_the_same_rules() -> None:
    early = f"""
        >> Bind "" "s" "{TOKEN}" / Describe P "" / Execute "" / Sync
        !! attested independent read masks=- inputs=token,only
        <= BindComplete / RowDescription name=1.2
        !! recorded
        <= CommandComplete "SELECT 0" / ReadyForQuery I
    """
    play(
        f"""
        >> Bind "" "s" "{TOKEN}" / Describe P "" / Execute "" / Sync
        => Bind "" "s" "123-45-6789" / Describe P ""
        ?? RecordExecution #2 "{SQL}" shows -
        !! recorded
        => Execute "" / Sync
        """,
        before=BEFORE + PARSED + early,
    )
    play(
        f"""
        >> Bind "" "s" "a guess" / Sync
        -- RecordRefusal #2 42501 "{SQL}"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=BEFORE + PARSED + early,
    )


@pytest.mark.parametrize("parse", ["read", "read unproven"])
def test_a_masked_value_as_a_literal_is_refused_as_early_as_it_is_known(parse: str) -> None:
    if parse == "read":
        play(
            f"""
            >> Parse "" "{SQL}" / Sync
            ?? Judge "{SQL}"
            !! read masks=- inputs=***
            -- RecordRefusal #1 22023 "{SQL}"
            => Parse "~refused" "refused by pgmaskproxy" / Sync
            """,
            before=BEFORE,
        )
        return
    play(
        f"""
        >> Parse "" "{SQL}" / Bind "" "" / Describe P "" / Execute "" / Sync
        ?? Judge "{SQL}"
        !! read masks=- unproven
        => Parse "" "{SQL}" / Flush
        <= Tree "T1" / ParseComplete
        << ParseComplete
        ?? Attest "{SQL}" "T1"
        !! attested read masks=- inputs=***
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / RowDescription name=1.2
        << BindComplete / RowDescription name=1.2
        -- RecordRefusal #1 22023 "{SQL}"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=BEFORE,
    )


@pytest.mark.parametrize("hold", ["", " hold"])
def test_the_same_in_a_simple_query_and_nobody_is_asked(hold: str) -> None:
    play(
        f"""
        >> Query "DELETE FROM a; DELETE FROM b"
        ?? Judge several "DELETE FROM a; DELETE FROM b"
        !! delete{hold} inputs=*** ; begin
        -- RecordRefusal #1 22023 "DELETE FROM a"
        => Parse "~refused" "refused by pgmaskproxy"{"" if hold else ' / Close P "" / Close S ""'} / Sync
        """,
        before=BEFORE,
    )
