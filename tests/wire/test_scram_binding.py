"""SCRAM-SHA-256-PLUS: the proof is good for one channel."""

from __future__ import annotations

import pytest
import scramp

from pgmaskproxy.errors import AuthenticationFailed, InternalError
from pgmaskproxy.wire.scram import ClientExchange, Password, ServerExchange
from tests.wire.test_scram import CHANNEL, CLIENT_NONCE, SALT, SERVER_NONCE, VERIFIER, log_in


def test_scramp_binds_the_channel_in_either_role() -> None:
    binding = ("tls-server-end-point", CHANNEL)
    theirs = scramp.ScramClient(
        ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], "user", "pencil", channel_binding=binding, c_nonce="abc"
    )
    ours = ServerExchange(VERIFIER, SERVER_NONCE, binding=CHANNEL, plus=True)
    assert theirs.mechanism_name == "SCRAM-SHA-256-PLUS"
    theirs.set_server_first(ours.first(theirs.get_client_first().encode()).decode())
    theirs.set_server_final(ours.final(theirs.get_client_final().encode()).decode())

    mechanism = scramp.ScramMechanism("SCRAM-SHA-256-PLUS")
    auth_info = mechanism.make_auth_info("pencil", 4096, SALT)
    server = mechanism.make_server(lambda _user: auth_info, channel_binding=binding, s_nonce="def")
    client = ClientExchange(b"user", Password("pencil"), CLIENT_NONCE, binding=CHANNEL, plus=True)
    server.set_client_first(client.first().decode())
    server.set_client_final(client.final(server.get_server_first().encode()).decode())
    client.verify(server.get_server_final().encode())


@pytest.mark.parametrize("header", [b"n,,", b"y,,", b"p=tls-unique,,", b"p=tls-exporter,,", b"p=,,"])
def test_who_chooses_plus_binds_the_server_s_end_point(header: bytes) -> None:
    server = ServerExchange(VERIFIER, SERVER_NONCE, binding=CHANNEL, plus=True)
    with pytest.raises(AuthenticationFailed) as caught:
        server.first(header + b"n=,r=" + CLIENT_NONCE)
    assert "does not bind" in caught.value.reason


def test_another_channel_than_ours_has_somebody_in_the_middle() -> None:
    """They know the password's owner and have a certificate of their own: the proof is right, for another channel."""
    client = ClientExchange(b"", Password("pencil"), CLIENT_NONCE, binding=CHANNEL[::-1], plus=True)
    server = ServerExchange(VERIFIER, SERVER_NONCE, binding=CHANNEL, plus=True)
    proof = client.final(server.first(client.first()))
    with pytest.raises(AuthenticationFailed) as caught:
        server.final(proof)
    assert "channel binding does not match" in caught.value.reason


def test_a_client_that_could_bind_says_so_where_plus_was_not_offered() -> None:
    client = ClientExchange(b"", Password("pencil"), CLIENT_NONCE, binding=CHANNEL)
    assert client.first().startswith(b"y,,")
    log_in(VERIFIER, client)


def test_there_is_no_plus_without_a_channel() -> None:
    with pytest.raises(InternalError):
        ServerExchange(VERIFIER, SERVER_NONCE, plus=True)
    with pytest.raises(InternalError):
        ClientExchange(b"", Password("pencil"), CLIENT_NONCE, plus=True)
