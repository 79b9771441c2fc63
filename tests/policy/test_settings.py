from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.model import Refusal, Setting
from pgmaskproxy.policy.settings import (
    STARTUP,
    Startup,
    canonical_name,
    check_startup,
    is_utf8,
    parse_options,
    setting_allowed,
)


def start(*pairs: tuple[str, str]) -> Startup | Refusal:
    return check_startup([(key.encode(), value.encode()) for key, value in (("user", "bot"), *pairs)])


def passed(*pairs: tuple[str, str]) -> Startup:
    found = start(*pairs)
    assert isinstance(found, Startup), found
    return found


def refused(*pairs: tuple[str, str]) -> Refusal:
    found = start(*pairs)
    assert isinstance(found, Refusal), found
    return found


def test_what_drivers_send_passes() -> None:
    found = passed(
        ("database", "shop"),
        ("client_encoding", "'utf-8'"),
        ("DateStyle", "ISO"),
        ("TimeZone", "Europe/Berlin"),
        ("extra_float_digits", "2"),
        ("application_name", "psql"),
        ("search_path", "shop"),
    )
    assert found.database == "shop"
    assert found.application_name == "psql"
    assert found.parameters == (
        ("DateStyle", "ISO"),
        ("TimeZone", "Europe/Berlin"),
        ("application_name", "psql"),
        ("client_encoding", "UTF8"),
        ("extra_float_digits", "2"),
        ("search_path", "shop"),
    )


def test_the_database_is_the_users_name_when_none_is_given() -> None:
    assert passed() == Startup("bot", "bot", (("client_encoding", "UTF8"),))


@pytest.mark.parametrize(
    "key",
    [
        "replication",
        "role",
        "session_authorization",
        "debug_print_plan",
        "enable_seqscan",
        "log_statement",
        "client_min_messages",
        "standard_conforming_strings",
        "session_preload_libraries",
        "jit",
        "x",
        "",
        "transaction_read_only",
    ],
)
def test_any_other_key_is_refused_by_name(key: str) -> None:
    found = refused((key, "on"))
    assert found.sqlstate == "22023"
    assert f'"{key}"' in found.message
    assert "search_path" in found.hint
    assert refused(("options", f"-c {key}=on")).sqlstate == "22023"


@pytest.mark.parametrize("name", [*STARTUP, *(name.upper() for name in STARTUP)])
def test_the_list_passes_in_any_case_and_in_options(name: str) -> None:
    value = "UTF8" if name.lower() == "client_encoding" else "ISO"
    wanted = passed((name, value)).parameters
    assert passed(("options", f"-c {name}={value}")).parameters == wanted
    assert canonical_name(name) in dict(wanted)


@pytest.mark.parametrize("encoding", ["UTF8", "utf-8", "Utf_8", "unicode", "'UTF8'"])
def test_any_spelling_of_utf8(encoding: str) -> None:
    assert is_utf8(encoding)
    assert setting_allowed(Setting("client_encoding", encoding)) is None


@pytest.mark.parametrize("encoding", ["SJIS", "LATIN1", "", "utf16", "SQL_ASCII", "utf\uff18"])
def test_other_encodings_are_refused(encoding: str) -> None:
    assert refused(("client_encoding", encoding)).sqlstate == "22023"
    assert setting_allowed(Setting("client_encoding", encoding)) is not None


@pytest.mark.parametrize("digits", ["-1", " -15", "-0x1"])
def test_the_server_rounds_nothing_before_a_mask_does(digits: str) -> None:
    assert refused(("extra_float_digits", digits)).sqlstate == "22023"
    assert refused(("options", f"-c extra_float_digits={digits.strip()}")).sqlstate == "22023"
    refusal = setting_allowed(Setting("extra_float_digits", digits))
    assert refusal is not None
    assert "round in the statement" in refusal.hint
    assert setting_allowed(Setting("extra_float_digits", "3")) is None


@pytest.mark.parametrize("style", ["German", "SQL, DMY", "Postgres", "MDY"])
def test_other_date_styles_are_refused(style: str) -> None:
    assert "DateStyle" in refused(("datestyle", style)).message


def test_ours_is_the_reason_and_nothing_else() -> None:
    found = passed(("pgmaskproxy.reason", "INC-1"), ("options", "-c search_path=a"))
    assert found.reason == "INC-1"
    assert "INC-1" not in str(found.parameters)
    assert passed(("options", r"-c pgmaskproxy.reason=two\ words")).reason == "two words"
    assert refused(("pgmaskproxy.principal", "root")).sqlstate == "42704"
    assert refused(("options", "-c pgmaskproxy.session_id=x")).sqlstate == "42704"


def test_no_session_begins_with_columns_to_be_unmasked() -> None:
    for found in (
        refused(("pgmaskproxy.unmask", "customers.ssn")),
        refused(("options", "-c pgmaskproxy.unmask=customers.ssn")),
        refused(("options", "--PGMaskProxy.Unmask=customers.ssn")),
    ):
        assert found.sqlstate == "42704"
        assert "SET LOCAL pgmaskproxy.unmask" in found.hint


def test_what_is_asked_to_be_unmasked_is_a_list_of_columns() -> None:
    for value in ("customers.ssn", 'shop."Customers".ssn, a.b', "", None):
        assert setting_allowed(Setting("pgmaskproxy.unmask", value)) is None
    wrong = setting_allowed(Setting("pgmaskproxy.unmask", "ssn"))
    assert wrong is not None
    assert (wrong.sqlstate, "schema.table.column" in wrong.hint) == ("22023", True)
    computed = setting_allowed(Setting("pgmaskproxy.unmask", None, constant=False))
    assert computed is not None
    assert computed.sqlstate == "42501"


def test_a_missing_user_bad_text_and_contradictions() -> None:
    no_user = check_startup([(b"database", b"x")])
    assert isinstance(no_user, Refusal)
    assert no_user.sqlstate == "28000"
    bad = check_startup([(b"user", b"\xff")])
    assert isinstance(bad, Refusal)
    assert bad.sqlstate == "22021"
    assert refused(("user", "root")).sqlstate == "22023"
    assert passed(("user", "bot")).user == "bot"


def test_protocol_extensions_are_the_handshakes() -> None:
    assert passed(("_pq_.something", "1")) == passed()


def test_a_key_of_the_packet_beats_options() -> None:
    assert dict(passed(("TimeZone", "UTC"), ("options", "-c timezone=CET")).parameters)["TimeZone"] == "UTC"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ()),
        ("-c a=b", (("a", "b"),)),
        ("-ca=b  --c-d=e", (("a", "b"), ("c_d", "e"))),
        (r"-c a=x\ y\\z", (("a", r"x y\z"),)),
        ("-c a=", (("a", ""),)),
        ("-c a=b=c", (("a", "b=c"),)),
        ("\t-c\na=b\r", (("a", "b"),)),
        (r"-c a=\ ", (("a", " "),)),
    ],
)
def test_options_are_read_as_postgresql_reads_them(text: str, wanted: tuple[tuple[str, str], ...]) -> None:
    assert parse_options(text) == wanted


@pytest.mark.parametrize(
    "text", ["-c", "-c a", "-B 5", "-d 3", "x", "--", "-", "-c =b", "--=b", "-e", "-W 1", "-c a=b extra"]
)
def test_other_switches_are_refused(text: str) -> None:
    found = parse_options(text)
    assert isinstance(found, Refusal)
    assert found.sqlstate == "22023"


@given(
    st.lists(
        st.tuples(
            st.from_regex("[a-z_]{1,8}", fullmatch=True),
            st.text(st.characters(exclude_characters="\x00", codec="utf-8")),
        )
    )
)
def test_escaped_options_come_back(pairs: list[tuple[str, str]]) -> None:
    def escaped(value: str) -> str:
        return "".join("\\" + char if char in " \t\n\v\f\r\\" else char for char in value)

    assert parse_options(" ".join(f"-c {name}={escaped(value)}" for name, value in pairs)) == tuple(pairs)


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20))))
def test_any_packet_is_answered(parameters: list[tuple[bytes, bytes]]) -> None:
    found = check_startup(parameters)
    assert isinstance(found, Refusal) or {name for name, _ in found.parameters} <= set(STARTUP)


@pytest.mark.parametrize(
    "name",
    [
        "search_path",
        "SEARCH_PATH",
        "client_min_messages",
        "transaction_isolation",
        "default_transaction_read_only",
        "pgmaskproxy.reason",
        "statement_timeout",
    ],
)
def test_set_has_its_list(name: str) -> None:
    assert setting_allowed(Setting(name, "x")) is None
    assert setting_allowed(Setting(name, None)) is None


@pytest.mark.parametrize(
    "name",
    [
        "role",
        "session_authorization",
        "enable_seqscan",
        "random_page_cost",
        "geqo",
        "jit_above_cost",
        "log_min_messages",
        "debug_print_rewritten",
        "session_replication_role",
        "my.own",
    ],
)
def test_set_of_anything_else_is_refused_with_the_list(name: str) -> None:
    for value in ("on", None):
        found = setting_allowed(Setting(name, value))
        assert found is not None
        assert found.sqlstate == "42501"
        assert name in found.message
        assert "search_path" in found.hint


def test_asyncpg_may_turn_jit_off_and_back_on_by_a_parameter() -> None:
    assert setting_allowed(Setting("jit", "off")) is None
    assert setting_allowed(Setting("jit", None, constant=False)) is None


def test_reset_all_passes_and_what_is_not_constant_does_not() -> None:
    assert setting_allowed(Setting("all", None)) is None
    assert setting_allowed(Setting("all", "x")) is not None
    found = setting_allowed(Setting("search_path", None, constant=False))
    assert found is not None
    assert found.sqlstate == "42501"
    ours = setting_allowed(Setting("pgmaskproxy.principal", "x"))
    assert ours is not None
    assert ours.sqlstate == "42704"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("synchronize_seqscans", "off"),
        ("row_security", "off"),
        ("transaction_timeout", "0"),
        ("restrict_nonsystem_relation_kind", "view, foreign-table"),
        ("restrict_nonsystem_relation_kind", "foreign-table,view"),
        ("restrict_nonsystem_relation_kind", None),
    ],
)
def test_what_pg_dump_sets(name: str, value: str | None) -> None:
    assert setting_allowed(Setting(name, value)) is None
    assert setting_allowed(Setting(name, value, constant=False)) is not None
    assert refused((name, "off")).sqlstate == "22023"


@pytest.mark.parametrize("value", ["", "view", "foreign-table"])
def test_a_restriction_is_not_lifted(value: str) -> None:
    found = setting_allowed(Setting("restrict_nonsystem_relation_kind", value))
    assert found is not None
    assert found.sqlstate == "22023"


RESTORED = [
    ("standard_conforming_strings", "on"),
    ("check_function_bodies", "false"),
    ("xmloption", "content"),
    ("default_tablespace", ""),
    ("default_table_access_method", "heap"),
]


@pytest.mark.parametrize(("name", "value"), RESTORED)
def test_what_pg_restore_sets(name: str, value: str) -> None:
    assert setting_allowed(Setting(name, value)) is None
    assert setting_allowed(Setting(name, value, constant=False)) is not None
    assert refused((name, value)).sqlstate == "22023"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("standard_conforming_strings", None),
        ("standard_conforming_strings", "off"),
        ("Standard_Conforming_Strings", "0"),
        ("check_function_bodies", "perhaps"),
        ("xmloption", "document"),
        ("default_tablespace", "elsewhere"),
        ("default_table_access_method", "columnar"),
    ],
)
def test_to_nothing_else(name: str, value: str | None) -> None:
    found = setting_allowed(Setting(name, value))
    assert found is not None
    assert found.sqlstate == "42501"
    assert name in found.message
    assert " only. A client may set " in found.hint
