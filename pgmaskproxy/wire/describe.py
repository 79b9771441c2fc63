"""A frame in the words of libpq's PQtrace (src/interfaces/libpq/fe-trace.c), without timestamps.

For tests and debugging: the line holds what the frame holds, values included, but for a 'p' frame:
those hold passwords. Two things differ from libpq: a control character inside a string is written
`\\xNN` as it is inside a value, so that a frame is always one line; and a frame that does not fit
its message is said to be invalid instead of being read past its end.
"""

from __future__ import annotations

from typing import Final, Literal

from pgmaskproxy.errors import PeerError
from pgmaskproxy.wire import authentication, startup
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.reader import NULL_LENGTH, Reader

# A message's shape, in words: the letters of a word are read one after the other; a word that
# begins with * is an Int16 count and so many times its letters, one that begins with + an Int32 count.
#   b Byte1   h Int16   i Int32   s String   v Int32 length and bytes, -1 for NULL   r the remaining bytes
#   f fields, each a Byte1 and a String, ended by a zero byte   m Strings, ended by an empty one
_FRONTEND: Final[dict[int, tuple[str, str]]] = {
    ord("B"): ("Bind", "ss *h *v *h"),
    ord("C"): ("Close", "bs"),
    ord("D"): ("Describe", "bs"),
    ord("E"): ("Execute", "si"),
    ord("F"): ("FunctionCall", "i *h *v h"),
    ord("H"): ("Flush", ""),
    ord("P"): ("Parse", "ss *i"),
    ord("Q"): ("Query", "s"),
    ord("S"): ("Sync", ""),
    ord("X"): ("Terminate", ""),
    ord("c"): ("CopyDone", ""),
    ord("d"): ("CopyData", "r"),
    ord("f"): ("CopyFail", "s"),
}

_BACKEND: Final[dict[int, tuple[str, str]]] = {
    ord("1"): ("ParseComplete", ""),
    ord("2"): ("BindComplete", ""),
    ord("3"): ("CloseComplete", ""),
    ord("A"): ("NotificationResponse", "iss"),
    ord("C"): ("CommandComplete", "s"),
    ord("D"): ("DataRow", "*v"),
    ord("E"): ("ErrorResponse", "f"),
    ord("G"): ("CopyInResponse", "b *h"),
    ord("H"): ("CopyOutResponse", "b *h"),
    ord("I"): ("EmptyQueryResponse", ""),
    ord("N"): ("NoticeResponse", "f"),
    ord("S"): ("ParameterStatus", "ss"),
    ord("T"): ("RowDescription", "*sihihih"),
    ord("V"): ("FunctionCallResponse", "v"),
    ord("W"): ("CopyBothResponse", "b *h"),
    ord("Z"): ("ReadyForQuery", "b"),
    ord("c"): ("CopyDone", ""),
    ord("d"): ("CopyData", "r"),
    ord("n"): ("NoData", ""),
    ord("s"): ("PortalSuspended", ""),
    ord("t"): ("ParameterDescription", "*i"),
    ord("v"): ("NegotiateProtocolVersion", "i +s"),
}

_AUTHENTICATION: Final[dict[int, tuple[str, str]]] = {
    authentication.OK: ("AuthenticationOk", ""),
    authentication.KERBEROS_V5: ("AuthenticationKerberosV5", ""),
    authentication.CLEARTEXT: ("AuthenticationCleartextPassword", ""),
    authentication.MD5: ("AuthenticationMD5Password", "r"),
    authentication.SCM: ("AuthenticationSCMCredential", ""),
    authentication.GSS: ("AuthenticationGSS", ""),
    authentication.GSS_CONTINUE: ("AuthenticationGSSContinue", "r"),
    authentication.SSPI: ("AuthenticationSSPI", ""),
    authentication.SASL: ("AuthenticationSASL", "m"),
    authentication.SASL_CONTINUE: ("AuthenticationSASLContinue", "r"),
    authentication.SASL_FINAL: ("AuthenticationSASLFinal", "r"),
}


def describe(sender: Literal["F", "B"], frame: Frame) -> str:
    """One line: the sender (F the frontend, B the backend), the length field's value, the message's
    name, and its fields; tab-separated up to the fields, which have a space before each."""
    head = f"{sender}\t{len(frame.body) + 4}\t"
    if sender == "F" and frame.type == ord("p"):
        return head + "UnknownAuthenticationResponse"
    if sender == "B" and frame.type == ord("R"):
        return head + _authentication(frame.body)
    if sender == "B" and frame.type == ord("K"):
        # 8 bytes are two Int32, as libpq prints them; 3.2's longer keys are bytes.
        return head + _message(frame.body, "BackendKeyData", "ii" if len(frame.body) == 8 else "ir")
    named = (_FRONTEND if sender == "F" else _BACKEND).get(frame.type)
    if named is None:
        return f"{head}Unknown message: {frame.type:02x}"
    return head + _message(frame.body, named[0], named[1])


def describe_startup(body: bytes) -> str:
    """The line for a packet without type byte, from what follows its length field."""
    head = f"F\t{len(body) + 4}\t"
    try:
        packet = startup.decode_startup(body)
    except PeerError:
        return f"{head}Unknown message"
    version = f"\t {int.from_bytes(body[:2], 'big')} {int.from_bytes(body[2:4], 'big')}"
    name = type(packet).__name__
    if isinstance(packet, startup.CancelRequest):
        return head + name + version + _fields(Reader(body[4:], name), "ii" if len(body) == 12 else "ir")
    if isinstance(packet, startup.StartupMessage):
        return head + name + version + "".join([_string(text) for pair in packet.parameters for text in pair])
    return head + name + version


def _authentication(body: bytes) -> str:
    if len(body) < 4:
        return "Invalid AuthenticationRequest" + _bytes(body)
    code = int.from_bytes(body[:4], "big")
    named = _AUTHENTICATION.get(code)
    if named is None:
        return f"Unknown authentication message {code}"
    return _message(body[4:], named[0], named[1])


def _message(body: bytes, name: str, shape: str) -> str:
    reader = Reader(body, name)
    try:
        fields = _fields(reader, shape)
        reader.end()
    except PeerError:
        return f"Invalid {name}{_bytes(body)}"
    return f"{name}\t{fields}" if shape else name


def _fields(reader: Reader, shape: str) -> str:
    parts: list[str] = []
    for word in shape.split():
        letters = word
        times = 1
        if word[0] in "*+":
            letters = word[1:]
            times = reader.uint16() if word[0] == "*" else reader.int32()
            parts.append(f" {times}")
            if times > reader.remaining:  # nothing that is counted has no bytes at all
                raise reader.fail("a count beyond the message's end")
        for _ in range(times):
            parts.extend([_field(reader, letter) for letter in letters])
    return "".join(parts)


def _field(reader: Reader, letter: str) -> str:
    if letter == "b":
        return _byte(reader.byte())
    if letter == "h":
        return f" {reader.uint16()}"
    if letter == "i":
        return f" {reader.int32()}"
    if letter == "s":
        return _string(reader.string())
    if letter == "v":
        value = reader.value()
        return f" {NULL_LENGTH}" if value is None else f" {len(value)}{_bytes(value)}"
    if letter == "f":
        return _report(reader)
    if letter == "m":
        return _mechanisms(reader)
    return _bytes(reader.rest())


def _report(reader: Reader) -> str:
    parts: list[str] = []
    while True:
        code = reader.byte()
        parts.append(_byte(code))
        if code == 0:
            return "".join(parts)
        parts.append(_string(reader.string()))


def _mechanisms(reader: Reader) -> str:
    parts: list[str] = []
    while True:
        name = reader.string()
        parts.append(_string(name))  # the empty one that ends the list included, as libpq does
        if not name:
            return "".join(parts)


def _byte(code: int) -> str:
    return f" {chr(code)}" if 0x20 <= code <= 0x7E else f" \\x{code:02x}"


def _bytes(value: bytes) -> str:
    return " '" + "".join([chr(code) if 0x20 <= code <= 0x7E else f"\\x{code:02x}" for code in value]) + "'"


def _string(value: bytes) -> str:
    text = value.decode("utf-8", "backslashreplace")
    return ' "' + "".join([c if c.isprintable() else "".join([f"\\x{b:02x}" for b in c.encode()]) for c in text]) + '"'
