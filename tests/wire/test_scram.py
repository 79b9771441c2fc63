from __future__ import annotations

import base64
import hashlib
import re

import pytest
import scramp
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import AuthenticationFailed, InternalError
from pgmaskproxy.wire.scram import (
    MAX_ITERATIONS,
    ClientExchange,
    Password,
    ScramVerifier,
    ServerExchange,
    make_verifier,
    mock_verifier,
)

SALT = bytes(range(16))
VERIFIER = make_verifier("pencil", SALT)
CLIENT_NONCE = b"rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SECRET = bytes(32)
CHANNEL = bytes(range(32))
"""tls-server-end-point's: a certificate's SHA-256."""


def log_in(verifier: ScramVerifier, client: ClientExchange) -> None:
    server = ServerExchange(verifier, SERVER_NONCE)
    client.verify(server.final(client.final(server.first(client.first()))))


def test_rfc_7677() -> None:
    client = ClientExchange(b"user", Password("pencil"), CLIENT_NONCE)
    assert client.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    server = ServerExchange(make_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")), SERVER_NONCE)
    server_first = server.first(client.first())
    assert server_first == (b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    final = client.final(server_first)
    assert final == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    server_final = server.final(final)
    assert server_final == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    client.verify(server_final)


# --- the verifier


def test_a_verifier_is_text_and_back() -> None:
    text = str(VERIFIER)
    assert text.startswith("SCRAM-SHA-256$4096:AAECAwQFBgcICQoLDA0ODw==$")
    assert str(ScramVerifier.parse(text)) == text


def test_a_verifier_is_what_scramp_computes() -> None:
    salt, stored_key, server_key, iterations = scramp.ScramMechanism().make_auth_info("pencil", 4096, SALT)
    assert (VERIFIER.salt, VERIFIER.stored_key, VERIFIER.server_key, VERIFIER.iterations) == (
        salt,
        stored_key,
        server_key,
        iterations,
    )


KEY = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "md5c4ca4238a0b923820dcc509a6f75849b",
        "pencil",
        f"SCRAM-SHA-1$4096:AAAA${KEY}:{KEY}",
        f"SCRAM-SHA-256$0:AAAA${KEY}:{KEY}",
        f"SCRAM-SHA-256$-1:AAAA${KEY}:{KEY}",
        f"SCRAM-SHA-256$ 4096:AAAA${KEY}:{KEY}",
        f"SCRAM-SHA-256$99999999999:AAAA${KEY}:{KEY}",
        f"SCRAM-SHA-256$4096:${KEY}:{KEY}",
        f"SCRAM-SHA-256$4096:AAA${KEY}:{KEY}",
        f"SCRAM-SHA-256$4096:AB==${KEY}:{KEY}",  # bits that no byte holds
        f"SCRAM-SHA-256$4096:AAAA${KEY}",
        f"SCRAM-SHA-256$4096:AAAA${KEY}:{KEY}:{KEY}",
        f"SCRAM-SHA-256$4096:AAAA${KEY}:{KEY}$",
        f"SCRAM-SHA-256$4096:AAAA${KEY}:AAAA",
        f"SCRAM-SHA-256$4096:AAAA$AAAA:{KEY}",
        f"SCRAM-SHA-256$4096:AA\u00e4A${KEY}:{KEY}",
        f"SCRAM-SHA-256$4096:AAAA${KEY}:{KEY}\n",
    ],
)
def test_what_is_no_verifier(text: str) -> None:
    with pytest.raises(ValueError, match="not a SCRAM-SHA-256 verifier") as caught:
        ScramVerifier.parse(text)
    assert not text or text not in str(caught.value)


@given(st.text())
def test_any_text_is_a_verifier_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a SCRAM-SHA-256 verifier"):
        ScramVerifier.parse(text)


def test_a_verifier_is_never_shown() -> None:
    assert repr(VERIFIER) == "<ScramVerifier>"


def test_a_verifier_needs_a_salt() -> None:
    with pytest.raises(InternalError):
        make_verifier("pencil", b"")
    with pytest.raises(InternalError):
        make_verifier("pencil", SALT, 0)


# --- scramp in the other role


@pytest.mark.parametrize("password", ["pencil", "I\u00adX", "p\u00e4ssw\u00f6rd", "a,b=c", " "])
def test_scramp_as_client(password: str) -> None:
    client = scramp.ScramClient(["SCRAM-SHA-256"], "alice", password)
    server = ServerExchange(make_verifier(password, SALT), SERVER_NONCE)
    client.set_server_first(server.first(client.get_client_first().encode()).decode())
    client.set_server_final(server.final(client.get_client_final().encode()).decode())


def test_scramp_as_client_with_a_wrong_password() -> None:
    client = scramp.ScramClient(["SCRAM-SHA-256"], "alice", "Pencil")
    server = ServerExchange(VERIFIER, SERVER_NONCE)
    client.set_server_first(server.first(client.get_client_first().encode()).decode())
    with pytest.raises(AuthenticationFailed):
        server.final(client.get_client_final().encode())


def scramp_server(password: str) -> scramp.core.ScramServer:
    mechanism = scramp.ScramMechanism()
    info = mechanism.make_auth_info(password, 4096, SALT)
    return mechanism.make_server(lambda user: info)


@pytest.mark.parametrize("user", ["alice", "a=b,c", "j\u00fcrgen"])
@pytest.mark.parametrize("password", ["pencil", "p\u00e4ssw\u00f6rd"])
def test_scramp_as_server(user: str, password: str) -> None:
    server = scramp_server(password)
    client = ClientExchange(user.encode(), Password(password), CLIENT_NONCE)
    server.set_client_first(client.first().decode())
    server.set_client_final(client.final(server.get_server_first().encode()).decode())
    client.verify(server.get_server_final().encode())


def test_scramp_as_server_refuses_a_wrong_password() -> None:
    server = scramp_server("pencil")
    client = ClientExchange(b"alice", Password("Pencil"), CLIENT_NONCE)
    server.set_client_first(client.first().decode())
    with pytest.raises(scramp.ScramException):
        server.set_client_final(client.final(server.get_server_first().encode()).decode())
    with pytest.raises(AuthenticationFailed, match="password authentication failed"):
        client.verify(server.get_server_final().encode())


# --- the server's side


@pytest.mark.parametrize(
    "client_first",
    [
        b"n,,n=,r=" + CLIENT_NONCE,  # libpq
        b"y,,n=,r=" + CLIENT_NONCE,  # libpq that could bind a channel, where the server offers no -PLUS
        b"n,,n=alice,r=" + CLIENT_NONCE,  # asyncpg
        b"n,,n=*,r=" + CLIENT_NONCE,  # node-pg
        b"n,,n=*,r=a=b=='\"!#$%&()*+-./:;<>?@[]^_`{|}~",  # pgjdbc: any printable character
        b"n,,n=a=2Cb=3Dc,r=" + CLIENT_NONCE,
        b"n,,n=\xff,r=" + CLIENT_NONCE,  # the name is not looked at
        b"n,,n=,r=" + CLIENT_NONCE + b",x=extension",
    ],
)
def test_clients_as_they_come(client_first: bytes) -> None:
    server = ServerExchange(VERIFIER, SERVER_NONCE)
    server_first = server.first(client_first)
    nonce = client_first.partition(b",r=")[2].partition(b",x=")[0]
    assert server_first == b"r=" + nonce + SERVER_NONCE + b",s=AAECAwQFBgcICQoLDA0ODw==,i=4096"
    header = client_first[:3]
    final = oracle_final(header, client_first[3:], server_first)
    assert server.final(final).startswith(b"v=")


def oracle_final(header: bytes, bare: bytes, server_first: bytes, nonce: bytes = b"", extension: bytes = b"") -> bytes:
    """The client-final-message by scramp's arithmetic, for a client-first-message that scramp would not send."""
    nonce = nonce or server_first.partition(b",s=")[0][2:]
    without_proof = b"c=" + base64.b64encode(header) + b",r=" + nonce + extension
    message = b",".join((bare, server_first, without_proof)).decode("latin-1")
    hf = scramp.core.MECHS["SCRAM-SHA-256"].hf
    salted = scramp.core.hi(hf, b"pencil", SALT, 4096)
    client_key, stored_key, _ = scramp.core._c_key_stored_key_s_key(hf, salted)
    signature = scramp.core.hmac(hf, stored_key, message.encode("latin-1"))
    return without_proof + b",p=" + base64.b64encode(scramp.core.xor(client_key, signature))


@pytest.mark.parametrize(
    ("client_first", "reason"),
    [
        (b"", "no GS2 header"),
        (b"n,", "no GS2 header"),
        (b"n,,", "no user name"),
        (b"x,,n=,r=abc", "channel-binding flag"),
        (b",,n=,r=abc", "channel-binding flag"),
        (b"nn,,n=,r=abc", "channel-binding flag"),
        (b"p=tls-server-end-point,,n=,r=abc", "without -PLUS"),
        (b"n,a=root,n=,r=abc", "authorization identity"),
        (b"n,,m=ext,n=,r=abc", "no user name"),
        (b"n,,n=", "no user name and nonce"),
        (b"n,,r=abc,n=", "no user name and nonce"),
        (b"n,,n=,r=", "nonce"),
        (b"n,,n=,r=a\x7fb", "nonce"),
        (b"n,,n=,r=a b", "nonce"),
        (b"n,,n=,r=a\xe4b", "nonce"),
        (b"n,,n=\0,r=abc", "no GS2 header"),
        (b"n,,n=,r=abc,", "not an attribute"),
        (b"n,,n=,r=abc,1=x", "not an attribute"),
        (b"n,,n=,r=abc,xx", "not an attribute"),
    ],
)
def test_malformed_client_first(client_first: bytes, reason: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        ServerExchange(VERIFIER, SERVER_NONCE).first(client_first)
    assert reason in caught.value.reason
    assert caught.value.message == "password authentication failed"


def test_a_stripped_plus_is_a_downgrade() -> None:
    client_first = b"y,,n=,r=" + CLIENT_NONCE
    ServerExchange(VERIFIER, SERVER_NONCE).first(client_first)
    with pytest.raises(AuthenticationFailed, match="password authentication failed") as caught:
        ServerExchange(VERIFIER, SERVER_NONCE, binding=CHANNEL).first(client_first)
    assert "stripped" in caught.value.reason
    ServerExchange(VERIFIER, SERVER_NONCE, binding=CHANNEL).first(b"n,,n=,r=" + CLIENT_NONCE)


def exchange() -> tuple[ServerExchange, bytes]:
    """A server exchange that waits for the right client-final-message, and that message."""
    client = ClientExchange(b"", Password("pencil"), CLIENT_NONCE)
    server = ServerExchange(VERIFIER, SERVER_NONCE)
    return server, client.final(server.first(client.first()))


RIGHT = exchange()[1]


def test_no_other_client_final_is_accepted() -> None:
    exchange()[0].final(RIGHT)
    for place in range(len(RIGHT)):
        server = exchange_server()
        with pytest.raises(AuthenticationFailed):
            server.final(RIGHT[:place] + bytes([RIGHT[place] ^ 1]) + RIGHT[place + 1 :])
        server = exchange_server()
        with pytest.raises(AuthenticationFailed):
            server.final(RIGHT[:place])


def exchange_server() -> ServerExchange:
    server = ServerExchange(VERIFIER, SERVER_NONCE)
    server.first(ClientExchange(b"", Password("pencil"), CLIENT_NONCE).first())
    return server


@pytest.mark.parametrize(
    "changed",
    [
        RIGHT.replace(b"c=biws", b"c=eSws"),  # y,, where n,, was sent
        RIGHT.replace(b"c=biws", b"c=biw="),
        RIGHT.replace(b"c=biws,", b""),
        RIGHT.replace(b",p=", b",x=1,p="),  # well-formed, and not what the proof is over
        RIGHT.replace(b",p=", b",p"),
        RIGHT + b",x=1",
        RIGHT + b"=",
        RIGHT + b"\n",
        RIGHT.replace(SERVER_NONCE, SERVER_NONCE[::-1]),
        RIGHT.replace(CLIENT_NONCE, b""),
        RIGHT.partition(b",p=")[0] + b",p=",
        RIGHT.partition(b",p=")[0] + b",p=" + base64.b64encode(bytes(31)),
        RIGHT.partition(b",p=")[0] + b",p=" + base64.b64encode(bytes(33)),
    ],
)
def test_wrong_client_final(changed: bytes) -> None:
    assert changed != RIGHT
    with pytest.raises(AuthenticationFailed):
        exchange_server().final(changed)


def test_a_proof_over_another_exchange_is_refused() -> None:
    """Each of these proofs is right for what the client says; what it says is not what was agreed."""
    bare = b"n=,r=" + CLIENT_NONCE
    for header, client_sees, extension in (
        (b"n,,", b"", b""),
        (b"y,,", b"", b""),  # whoever is in between made n of y
        (b"n,a=root,", b"", b""),
        (b"n,,", b"x", b""),  # an answer to another nonce
        (b"n,,", b"", b",1=x"),
    ):
        server = ServerExchange(VERIFIER, SERVER_NONCE)
        server_first = server.first(b"n,," + bare)
        nonce = server_first.partition(b",s=")[0][2:] + client_sees
        final = oracle_final(header, bare, server_first, nonce, extension)
        if (header, client_sees, extension) == (b"n,,", b"", b""):
            server.final(final)
        else:
            with pytest.raises(AuthenticationFailed):
                server.final(final)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_a_failed_login(data: bytes) -> None:
    with pytest.raises(AuthenticationFailed):
        exchange_server().final(data)
    try:
        answer = ServerExchange(VERIFIER, SERVER_NONCE).first(data)
    except AuthenticationFailed:
        return
    assert SERVER_NONCE in answer


def test_an_exchange_happens_once() -> None:
    server, final = exchange()
    with pytest.raises(InternalError):
        server.first(b"n,,n=,r=abc")
    server.final(final)
    with pytest.raises(InternalError):
        server.final(final)
    server = exchange_server()
    with pytest.raises(AuthenticationFailed):
        server.final(b"c=biws,r=wrong,p=")
    with pytest.raises(InternalError):
        server.final(final)
    with pytest.raises(InternalError):
        ServerExchange(VERIFIER, SERVER_NONCE).final(final)


@pytest.mark.parametrize("nonce", [b"", b"a,b", b"a b", b"\xff"])
def test_our_own_nonces_are_printable(nonce: bytes) -> None:
    with pytest.raises(InternalError):
        ServerExchange(VERIFIER, nonce)
    with pytest.raises(InternalError):
        ClientExchange(b"", Password("pencil"), nonce)


# --- users that do not exist


def test_an_unknown_user_is_asked_the_same() -> None:
    shape = re.compile(rb"r=" + re.escape(CLIENT_NONCE + SERVER_NONCE) + rb",s=[A-Za-z0-9+/]{22}==,i=4096")
    client_first = b"n,,n=,r=" + CLIENT_NONCE
    real = ServerExchange(VERIFIER, SERVER_NONCE).first(client_first)
    mock = ServerExchange(mock_verifier(b"nobody", SECRET), SERVER_NONCE).first(client_first)
    assert shape.fullmatch(real)
    assert shape.fullmatch(mock)
    assert len(real) == len(mock)


def test_an_unknown_user_fails_as_a_wrong_password_does() -> None:
    failures = []
    for verifier in (VERIFIER, mock_verifier(b"nobody", SECRET)):
        with pytest.raises(AuthenticationFailed) as caught:
            log_in(verifier, ClientExchange(b"", Password("wrong"), CLIENT_NONCE))
        failures.append((str(caught.value), caught.value.sqlstate, caught.value.reason))
    assert failures[0] == failures[1]
    assert failures[0][:2] == ("password authentication failed", "28P01")


def test_asking_twice_tells_nothing() -> None:
    once = mock_verifier(b"nobody", SECRET)
    again = mock_verifier(b"nobody", SECRET)
    assert str(once) == str(again)
    assert mock_verifier(b"someone", SECRET).salt != once.salt
    assert mock_verifier(b"nobody", bytes([1]) * 32).salt != once.salt
    assert len({once.salt, once.stored_key[:16], once.server_key[:16]}) == 3


def test_the_mock_has_the_iterations_of_the_others() -> None:
    assert mock_verifier(b"nobody", SECRET, 10_000).iterations == 10_000
    with pytest.raises(InternalError):
        mock_verifier(b"nobody", b"short")


# --- the client's side


def test_both_sides_of_ours() -> None:
    log_in(VERIFIER, ClientExchange(b"", Password("pencil"), CLIENT_NONCE))
    log_in(VERIFIER, ClientExchange(b"alice", Password(b"pencil"), CLIENT_NONCE))


NONCE = CLIENT_NONCE + SERVER_NONCE


@pytest.mark.parametrize(
    "server_first",
    [
        b"",
        b"r=" + NONCE,
        b"s=AAAA,r=" + NONCE + b",i=4096",
        b"r=" + CLIENT_NONCE + b",s=AAAA,i=4096",  # the server added nothing
        b"r=" + SERVER_NONCE + b",s=AAAA,i=4096",  # not ours
        b"r=" + NONCE + b"\x7f,s=AAAA,i=4096",
        b"r=" + NONCE + b",s=,i=4096",
        b"r=" + NONCE + b",s=A,i=4096",
        b"r=" + NONCE + b",s=AAAA,i=",
        b"r=" + NONCE + b",s=AAAA,i=04096",
        b"r=" + NONCE + b",s=AAAA,i=+4096",
        b"r=" + NONCE + b",s=AAAA,i=4095",
        b"r=" + NONCE + b",s=AAAA,i=%d" % (MAX_ITERATIONS + 1),
        b"r=" + NONCE + b",s=AAAA,i=2147483647",
        b"r=" + NONCE + b",s=AAAA,i=4096,",
        b"m=ext,r=" + NONCE + b",s=AAAA,i=4096",
        b"e=other-error",
    ],
)
def test_malformed_server_first(server_first: bytes) -> None:
    with pytest.raises(AuthenticationFailed):
        ClientExchange(b"", Password("pencil"), CLIENT_NONCE).final(server_first)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_from_a_server(data: bytes) -> None:
    with pytest.raises(AuthenticationFailed):
        ClientExchange(b"", Password("pencil"), CLIENT_NONCE).final(data)


def test_fewer_iterations_by_request() -> None:
    log_in(make_verifier("pencil", SALT, 1), ClientExchange(b"", Password("pencil"), CLIENT_NONCE, least_iterations=1))


@pytest.mark.parametrize("server_final", [b"", b"v=", b"v=" + base64.b64encode(bytes(32)), b"e=invalid-proof", b"x"])
def test_a_server_that_does_not_know_the_password(server_final: bytes) -> None:
    client = ClientExchange(b"", Password("pencil"), CLIENT_NONCE)
    client.final(ServerExchange(VERIFIER, SERVER_NONCE).first(client.first()))
    with pytest.raises(AuthenticationFailed) as caught:
        client.verify(server_final)
    assert ("refused" in caught.value.reason) == server_final.startswith(b"e=")


def test_a_client_exchange_happens_in_order() -> None:
    client = ClientExchange(b"", Password("pencil"), CLIENT_NONCE)
    with pytest.raises(InternalError):
        client.verify(b"v=")
    server_first = ServerExchange(VERIFIER, SERVER_NONCE).first(client.first())
    client.final(server_first)
    with pytest.raises(InternalError):
        client.final(server_first)
    with pytest.raises(InternalError):
        ClientExchange(b"a\0b", Password("pencil"), CLIENT_NONCE)


def test_a_salt_is_worked_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[bytes, int]] = []
    work = hashlib.pbkdf2_hmac

    def counted(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        asked.append((salt, iterations))
        return work(name, password, salt, iterations)

    monkeypatch.setattr("hashlib.pbkdf2_hmac", counted)
    password = Password("pencil")
    again = [password.salted(SALT, 4096), password.salted(SALT, 4096)]
    assert asked == [(SALT, 4096)]
    assert again == [work("sha256", b"pencil", SALT, 4096)] * 2
    assert password.salted(SALT, 4097) == work("sha256", b"pencil", SALT, 4097)
    assert password.salted(b"other", 4097) == work("sha256", b"pencil", b"other", 4097)
    assert asked[1:] == [(SALT, 4097), (b"other", 4097)]


def test_no_password_ends_in_a_log() -> None:
    assert "pencil" not in repr(Password("pencil"))


def test_who_knows_the_password_logs_in_again_and_again() -> None:
    password = Password("pencil")
    for salt in (SALT, SALT, b"another salt"):
        log_in(make_verifier("pencil", salt, 4096), ClientExchange(b"", password, CLIENT_NONCE))
