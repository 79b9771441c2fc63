"""Plays a transcript to a session and compares it, whole, with what really happened.

    >> Query "SELECT 1"        from the client          << ReadyForQuery I        to the client
    <= ParseComplete           from the server          => Parse "" "SELECT 1"    to the server
    !! read masks=ssn          an answer, or an event   ?? Judge "SELECT 1"       a question
                                                        -- RecordOutcome ...      said to the shell, no answer wanted

What comes in is played; every line that goes out must be as written, and in that order. `...` at a line's end stands
for whatever follows. `>>` and `<=` alone are the end of that connection. Nothing of a database is played but bytes.
"""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pgmaskproxy.model import Mask, Refusal, Visibility
from pgmaskproxy.session import events as ev
from pgmaskproxy.session.link import Door, Entropy, Limits
from pgmaskproxy.session.session import Session
from pgmaskproxy.wire import backend, frontend
from pgmaskproxy.wire.authentication import (
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    SASLInitialResponse,
    SASLResponse,
)
from pgmaskproxy.wire.framing import BACKEND_LIMITS, FRONTEND_LIMITS, FrameBuffer
from pgmaskproxy.wire.scram import (
    MECHANISM,
    MECHANISM_PLUS,
    ClientExchange,
    Password,
    ServerExchange,
    make_verifier,
    mock_verifier,
)
from pgmaskproxy.wire.startup import StartupBuffer, decode_startup
from tests.session.rulings import rulings, visibility
from tests.session.words import encoded, messages, quoted, shown, text, tokens

INCOMING = (">>", "<=", "!!")
ENTROPY = Entropy("servernonce", "clientnonce", b"R", 4711, b"key! and more of it")
BINDING = b"of the certificate"
UPSTREAM_BINDING = b"of the server's certificate"
VERIFIER = make_verifier("wonder", b"salt", 4096)
MOCK = mock_verifier(b"nobody", b"a secret of sixteen bytes or more")
UPSTREAM_VERIFIER = make_verifier("upstream", b"pepper", 4096)

LOGIN = """
    >> StartupMessage 3.0 user="alice" database="shop"
    !! login "alice"
    >> SASLInitialResponse
    >> SASLResponse "wonder"
    !! connected
    <= AuthenticationOk
    <= ParameterStatus "server_version" "18.0" / BackendKeyData 99 "real" / ReadyForQuery I
"""
"""A client that is logged in."""

ATTESTING = LOGIN.replace("!! connected", "!! connected required")
"""The same where the server's trees decide."""

READY = """
    >> Parse "" "SELECT 1" / Close S "" / Sync
    <= Path "pg_catalog" "public" / ReadyForQuery I
    !! read
    <= ParseComplete / CloseComplete / ReadyForQuery I
"""
"""And whose search_path has been asked for."""


def play(script: str, *, before: str = LOGIN + READY, limits: Limits | None = None, door: Door | None = None) -> None:
    """Play the script after `before`, which is played without looking, and fail by a diff."""
    told = Play(limits, door=door)
    told.play(before)
    compare(script, told.play(script))


def compare(script: str, happened: Sequence[tuple[str, list[str]]]) -> None:
    """Fail with what differs between a script and what happened in it."""
    expected = _lines(script)
    actual = [line for came_in, went_out in happened for line in (came_in, *went_out)]
    for at, line in enumerate(expected):
        if line.endswith(" ...") and at < len(actual) and actual[at].startswith(line[:-4]):
            actual[at] = line
    if expected != actual:
        diff = "\n".join(difflib.ndiff(expected, actual))
        pytest.fail(f"the session did something else (- as written, + as it happened)\n{diff}", pytrace=False)


def _lines(script: str) -> list[str]:
    """One line for each message, so that it does not matter how they are put on lines."""
    found: list[str] = []
    for line in textwrap.dedent(script).strip().splitlines():
        words = tokens(line)
        if not words or line.startswith("#"):
            continue
        if line.startswith(INCOMING):
            found.append(" ".join(words))
        else:
            found += [" ".join([words[0], *each]) for each in messages(words[1:])]
    return found


class Play:
    """A session with a client, a server and a shell, all played from words."""

    def __init__(self, limits: Limits | None = None, *, warm: bool = False, door: Door | None = None) -> None:
        self.session = Session(ENTROPY, limits or Limits(), door or Door())
        self._to_client = FrameBuffer(BACKEND_LIMITS)
        self._to_server = FrameBuffer(FRONTEND_LIMITS)
        self._startup: StartupBuffer | None = StartupBuffer()
        self._asked: dict[type, Any] = {}
        self._client = ClientExchange(b"", Password("wonder"), b"nonce")
        self._server = ServerExchange(UPSTREAM_VERIFIER, b"upstreamnonce")
        self._said: dict[str, bytes] = {}
        if warm:
            self.play(LOGIN + READY)

    def play(self, script: str) -> list[tuple[str, list[str]]]:
        """Play what comes in; each such line with the lines that went out for it."""
        return [
            (line, self.lines(event for event in self._events(line)))
            for line in _lines(script)
            if line.startswith(INCOMING)
        ]

    def lines(self, events: Iterable[ev.Event]) -> list[str]:
        """The lines that go out for some events."""
        return [line for event in events for command in self._commands(event) for line in self.words(command)]

    def _commands(self, event: ev.Event) -> Iterator[ev.Command]:
        """As the shell does: turn by turn."""
        yield from self.session.receive(event)
        while self.session.unfinished:
            yield from self.session.receive(ev.NextTurn())

    def _events(self, line: str) -> Iterable[ev.Event]:
        marker, *words = tokens(line)
        if marker == "!!":
            yield self._answer(words)
        elif not words:
            yield ev.ClientClosed() if marker == ">>" else ev.ServerClosed()
        else:
            data = b"".join(self._bytes(each) for each in messages(words))
            yield ev.ClientData(data) if marker == ">>" else ev.ServerData(data)

    def _bytes(self, words: Sequence[str]) -> bytes:
        """A message; SCRAM's are computed, as only its two ends can."""
        name = words[0]
        if name == "SASLInitialResponse":
            mechanism = text(words[1]) if len(words) > 1 else MECHANISM
            if len(words) > 2 or mechanism == MECHANISM_PLUS:  # a third word: what it takes for the channel
                bound = text(words[2]) if len(words) > 2 else BINDING
                plus = mechanism == MECHANISM_PLUS
                self._client = ClientExchange(b"", Password("wonder"), b"nonce", binding=bound, plus=plus)
            return SASLInitialResponse(mechanism, self._client.first()).encode()
        if name == "SASLResponse":
            if len(words) > 1 and text(words[1]) != b"wonder":
                wrong = ClientExchange(b"", Password(text(words[1]).decode()), b"nonce")
                wrong.first()
                return SASLResponse(wrong.final(self._said["continue"])).encode()
            return SASLResponse(self._client.final(self._said["continue"])).encode()
        if name == "AuthenticationSASLContinue":
            if self._said["first"].startswith(b"p="):
                self._server = ServerExchange(UPSTREAM_VERIFIER, b"upstreamnonce", binding=UPSTREAM_BINDING, plus=True)
            return AuthenticationSASLContinue(self._server.first(self._said["first"])).encode()
        if name == "AuthenticationSASLFinal":
            proof = b"v=AAAA" if len(words) > 1 else self._server.final(self._said["final"])
            return AuthenticationSASLFinal(proof).encode()
        return encoded(words)

    # --- what goes out, in words ---

    def words(self, command: ev.Command) -> list[str]:
        if isinstance(command, ev.SendClient):
            return [f"<< {each}" for each in self._for_client(command.data)]
        if isinstance(command, ev.SendServer):
            return [f"=> {each}" for each in self._for_server(command.data)]
        self._asked[type(command)] = command
        return [_command(command)]

    def _for_client(self, data: bytes) -> Iterable[str]:
        if data in {b"N", b"S"}:
            yield f"Byte {data.decode()}"
            return
        self._to_client.feed(data)
        while (frame := self._to_client.next()) is not None:
            message = backend.decode(frame)
            if isinstance(message, AuthenticationSASLContinue):
                self._said["continue"] = message.data
            yield shown(message)

    def _for_server(self, data: bytes) -> Iterable[str]:
        if self._startup is not None:
            self._startup.feed(data)
            body = self._startup.next()
            assert body is not None
            yield shown(decode_startup(body))
            data, self._startup = self._startup.rest(), None
        self._to_server.feed(data)
        while (frame := self._to_server.next()) is not None:
            message = frontend.decode(frame)
            words = shown(message)
            if words == "SASLInitialResponse":
                assert isinstance(message, frontend.PasswordMessage)
                self._said["first"] = message.sasl_initial_response().data or b""
            elif words == "SASLResponse":
                assert isinstance(message, frontend.PasswordMessage)
                self._said["final"] = message.data
            yield words

    # --- answers ---

    def _answer(self, words: Sequence[str]) -> ev.Event:
        asked = self._asked
        match words:
            case ["cancel"]:
                return ev.CancelRequested()
            case ["sent"]:
                return ev.CancelSent()
            case ["doubt"]:
                return ev.DefinitionsDoubted()
            case ["epoch", number]:
                return ev.EpochMoved(int(number))
            case ["shutdown", *rest]:
                return ev.Shutdown(_refusal(rest))
            case ["encrypted", *rest]:
                ticket = 0 if "directly" in rest else asked[ev.StartTls].ticket
                return ev.Encrypted(ticket, None if "unbound" in rest else BINDING)
            case ["certified", user]:
                ticket, name = asked[ev.LookUpLogin].ticket, text(user).decode()
                return ev.LoginAnswer(ticket, None, True, None, name, "shop", "shop_up", certified=True)
            case ["login", user, *rest]:
                known = "unknown" not in rest
                name = text(user).decode()
                verifier = VERIFIER if known or "guessed" in rest else MOCK
                answer = ev.LoginAnswer(asked[ev.LookUpLogin].ticket, verifier, known, None, name, "shop", "shop_up")
                answer.reason = "INC-1"
                answer.transparent = "transparent" in rest
                return answer
            case ["nologin", *rest]:
                return ev.LoginAnswer(asked[ev.LookUpLogin].ticket, None, refusal=_refusal(rest))
            case ["connected", *rest]:
                password = Password("upstream") if "password" in rest else None
                ticket = asked[ev.ConnectUpstream].ticket
                mode = next((word for word in rest if word in {"required", "preferred"}), "off")
                binding = UPSTREAM_BINDING if "encrypted" in rest else None
                parameters = (("client_min_messages", "log"),)
                return ev.UpstreamConnected(ticket, "app", password, parameters, mode, binding, "bind" in rest)
            case ["unreachable"]:
                refusal = Refusal("08006", "the upstream server cannot be reached")
                return ev.UpstreamFailed(asked[ev.ConnectUpstream].ticket, refusal, "connection refused")
            case ["attested", *rest]:
                return self._attested(asked[ev.Attest], rest)
            case ["unattested", *rest]:
                return ev.Attested(asked[ev.Attest].ticket, None, None, _refusal(rest))
            case ["recorded"]:
                return ev.Recorded(asked[ev.RecordExecution].ticket)
            case ["unrecorded", *rest]:
                return ev.Recorded(asked[ev.RecordExecution].ticket, _refusal(rest))
            case ["opened", request]:
                return ev.HoldOpened(asked[ev.Hold].ticket, request, f"http://here/{request}")
            case ["tick", seconds]:
                return ev.HoldTick(asked[ev.Hold].ticket, int(seconds))
            case ["approved"]:
                return ev.HoldEnded(asked[ev.Hold].ticket)
            case ["ended", *rest]:
                return ev.HoldEnded(asked[ev.Hold].ticket, _refusal(rest))
            case ["released"]:
                return ev.Released(asked[ev.Release].ticket)
            case ["unreleased", *rest]:
                return ev.Released(asked[ev.Release].ticket, _refusal(rest))
            case ["unreadable", *rest]:
                return ev.Judged(asked[ev.Judge].ticket, (), None, _refusal(rest))
        return self._judged(asked[ev.Judge], words)

    def _judged(self, asked: ev.Judge, words: Sequence[str]) -> ev.Judged:
        known = [word.partition("=")[2] for word in words if word.startswith("known=")]
        rest = [word for word in words if not word.startswith("known=")]
        seen = (
            Visibility(frozenset(), {}, transparent=True)
            if {"transparent", "transparent=no"} & set(words)
            else visibility(*known)
        )
        return ev.Judged(asked.ticket, rulings(asked.statement, rest), seen)

    def _attested(self, asked: ev.Attest, words: Sequence[str]) -> ev.Attested:
        """The ruling with the tree's own text as its hash; names and inner query stay the text's."""
        independent = "independent" in words
        (ruling,) = rulings(asked.statement, [word for word in words if word != "independent"])
        analysis = replace(ruling.analysis, names=asked.ruling.analysis.names, inner=asked.ruling.analysis.inner)
        ruling = replace(ruling, analysis=analysis, attested=asked.own.decode(), epoch=asked.ruling.epoch)
        return ev.Attested(asked.ticket, ruling, visibility(), None, independent)


def _refusal(words: Sequence[str]) -> Refusal:
    position = int(words[2][2:]) if len(words) > 2 else 0
    return Refusal(words[0], text(words[1]).decode(), position=position)


def _masks(masks: Sequence[Mask | None]) -> str:
    return ",".join("-" if mask is None else f"{mask.label}:{mask.kind}" for mask in masks) or "nothing"


def _command(command: ev.Command) -> str:
    match command:
        case ev.StartTls():
            return "?? StartTls"
        case ev.LookUpLogin():
            return " ".join(["?? LookUpLogin", *(f"{k.decode()}={quoted(v)}" for k, v in command.parameters)])
        case ev.LoginFailed():
            return f"-- LoginFailed {quoted(command.reason.encode())}"
        case ev.ConnectUpstream():
            method = f" {command.method}" if command.method != "scram-sha-256" else ""
            return f"?? ConnectUpstream {quoted(command.database.encode())}{method}"
        case ev.SessionReady():
            key = quoted(command.upstream_secret_key)
            given = f" given={quoted(command.secret_key)}" if command.secret_key != b"key!" else ""
            version = quoted(command.server_version.encode())
            return f"-- SessionReady {command.upstream_process_id} {key} {version}{given}"
        case ev.CancelPeer():
            return f"-- CancelPeer {command.process_id} {quoted(command.secret_key)}"
        case ev.Judge():
            several = "" if command.statement.extended else " several"
            path = ",".join(command.statement.search_path)
            where = "" if path == "pg_catalog,public" else f" path={path or 'unknown'}"
            sql = quoted(command.statement.sql.encode())
            wish = f" unmask={command.statement.unmask}" if command.statement.unmask else ""
            return f"?? Judge{several} {sql}{where}{wish}{' refresh' if command.refresh else ''}"
        case ev.Attest():
            nested = f" nested={len(command.nested)}" if command.nested else ""
            nested += " anew" if command.anew else ""
            nested += f" unmask={command.statement.unmask}" if command.statement.unmask else ""
            return f"?? Attest {quoted(command.statement.sql.encode())} {quoted(command.own)}{nested}"
        case ev.RecordExecution():
            sql, request = quoted(command.ruling.sql.encode()), f" request={command.request}" if command.request else ""
            conflicts = f" conflicts={command.conflicts}" if command.conflicts else ""
            return f"?? RecordExecution #{command.serial} {sql} shows {_masks(command.shown)}{conflicts}{request}"
        case ev.RecordRefusal():
            return f"-- RecordRefusal #{command.serial} {command.refusal.sqlstate} {quoted(command.sql.encode())}"
        case ev.RecordOutcome():
            state = f" {command.sqlstate}" if command.sqlstate else ""
            counts = f"rows={command.rows} cells={command.cells} size={command.size}"
            counts += f" unmasked={command.unmasked}" if command.unmasked else ""
            return f"-- RecordOutcome #{command.serial} {quoted(command.tag.encode())}{state} {counts}"
        case ev.Hold():
            parameters = "".join(f" ${p.number}={quoted(str(p.text).encode())}" for p in command.parameters)
            where = " in-transaction" if command.in_transaction else ""
            columns = f" columns={','.join(command.columns)}" if command.columns else ""
            sql = quoted(command.statement.sql.encode())
            return f"?? Hold #{command.serial} {sql}{parameters}{columns}{where} reason={command.reason}"
        case ev.WithdrawHold():
            return f"-- WithdrawHold {command.request}{' cancelled' if command.cancelled else ''}"
        case ev.Release():
            sql = quoted(command.statement.sql.encode())
            return f"?? Release #{command.serial} {command.request or '-'} {sql} shows {_masks(command.shown)}"
        case ev.RecordCanary():
            return f"-- RecordCanary {command.canary}"
        case ev.Close():
            return f"-- Close {quoted(command.reason.encode())}{' alarm' if command.alarm else ''}"
        case _:
            return f"-- {type(command).__name__}"
