"""Who a client may log in as: what its start-up packet, its certificate and principals.yaml say together."""

from __future__ import annotations

from pgmaskproxy.model import Refusal
from pgmaskproxy.policy.principals import Directory
from pgmaskproxy.policy.settings import Startup
from pgmaskproxy.proxy.certificates import shows
from pgmaskproxy.session.events import LoginAnswer
from pgmaskproxy.session.handshake import CERTIFICATE
from pgmaskproxy.wire.scram import ScramVerifier, mock_verifier

NO_CERTIFICATE = "the client has shown no certificate, and this login needs one"


def look_up(
    directory: Directory,
    startup: Startup,
    certificate: bytes | None,
    *,
    ticket: int,
    database: str,
    mock_secret: bytes,
) -> LoginAnswer:
    """The login that a start-up packet asks for. `certificate` (DER) is verified; `database` is the server's name, or
    '' for one that clients may not ask for.

    Who shows no certificate where one is needed is played to the end like an unknown user, so that nobody learns by
    asking which names there are. Who shows another one has been let in by our own authority, and is told.
    """
    name, wanted = startup.user, directory.certificate(startup.user)
    answer = LoginAnswer(
        ticket,
        mock_verifier(name.encode(), mock_secret),
        user=name,
        database=startup.database,
        upstream_database=database,
        reason=startup.reason,
    )
    text = directory.verifier(name)
    if wanted is not None and certificate is None:
        answer.why_not = NO_CERTIFICATE
    elif wanted is not None and certificate is not None and not shows(certificate, wanted):
        answer.verifier = None
        answer.refusal = Refusal(
            "28000",
            f'certificate authentication failed for user "{name}"',
            hint="The certificate is another user's: see `certificate` in principals.yaml.",
        )
    elif text is not None:
        answer.verifier, answer.known = ScramVerifier.parse(text), True
    elif wanted is not None:
        answer.verifier, answer.known, answer.certified = None, True, True
    return answer


def proven_by(directory: Directory, user: str, certificate: bytes | None, method: str) -> str | None:
    """How `user` has logged in, where the session proved it by `method`; None where that is not enough (any more).

    principals.yaml may have been read again since the login was looked up: what it asks for now counts.
    """
    wanted = directory.certificate(user)
    if wanted is None:
        return method if method != CERTIFICATE else None
    if certificate is None or not shows(certificate, wanted):
        return None
    if method != CERTIFICATE:
        return f"{CERTIFICATE}+{method}"
    return method if directory.verifier(user) is None else None
