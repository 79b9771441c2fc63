"""How long each message may be: type byte -> (least, greatest) value of its length field.

The length field counts itself (4 bytes) and the body, not the type byte. PostgreSQL's own two
limits for frontend messages (`PQ_SMALL_MESSAGE_LIMIT`, `PQ_LARGE_MESSAGE_LIMIT`, libpq/protocol.h
and libpq/libpq.h) are the base; where a message cannot be that long, it may not be. A type byte
that has no entry is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SMALL: Final = 10_000
"""PQ_SMALL_MESSAGE_LIMIT."""

LARGE: Final = 0x3FFFFFFE
"""PQ_LARGE_MESSAGE_LIMIT: MaxAllocSize - 1, a byte less than 1 GiB - 1."""

ROW: Final = 0x40000002
"""The longest body a backend can build is 1 GiB - 2 bytes (StringInfo); its length field adds 4."""

MAX_AUTHENTICATION: Final = 65_535
"""PG_MAX_AUTH_TOKEN_LENGTH: no password or SASL response is longer."""

MAX_COLUMNS: Final = 1664
"""MaxTupleAttributeNumber: no result, row or COPY has more columns."""

MAX_PARAMETERS: Final = 65_535
"""Parameters of a statement are counted in an unsigned 16-bit field."""

MAX_CANCEL_KEY: Final = 256
"""The longest secret key of protocol 3.2; in 3.0 every key has 4 bytes."""

_MIB: Final = 1 << 20

FRONTEND_LIMITS: Final[Mapping[int, tuple[int, int]]] = MappingProxyType(
    {
        ord("B"): (12, LARGE),  # Bind
        ord("C"): (6, SMALL),  # Close
        ord("D"): (6, SMALL),  # Describe
        ord("E"): (9, SMALL),  # Execute
        ord("F"): (14, LARGE),  # FunctionCall
        ord("H"): (4, 4),  # Flush
        ord("P"): (8, LARGE),  # Parse
        ord("Q"): (5, LARGE),  # Query
        ord("S"): (4, 4),  # Sync
        ord("X"): (4, 4),  # Terminate
        ord("c"): (4, 4),  # CopyDone
        ord("d"): (4, LARGE),  # CopyData
        ord("f"): (5, SMALL),  # CopyFail
        ord("p"): (4, MAX_AUTHENTICATION),  # PasswordMessage, SASLInitialResponse, SASLResponse, GSSResponse
    }
)
"""What a client may send after its start-up packet. For a lower one give `FrameBuffer` overrides."""

BACKEND_LIMITS: Final[Mapping[int, tuple[int, int]]] = MappingProxyType(
    {
        ord("1"): (4, 4),  # ParseComplete
        ord("2"): (4, 4),  # BindComplete
        ord("3"): (4, 4),  # CloseComplete
        ord("A"): (10, SMALL),  # NotificationResponse: a payload has less than 8000 bytes
        ord("C"): (5, 1024),  # CommandComplete: COMPLETION_TAG_BUFSIZE is 64
        ord("D"): (6, ROW),  # DataRow
        ord("E"): (5, 16 * _MIB),  # ErrorResponse
        ord("G"): (7, 7 + 2 * MAX_COLUMNS),  # CopyInResponse
        ord("H"): (7, 7 + 2 * MAX_COLUMNS),  # CopyOutResponse
        ord("I"): (4, 4),  # EmptyQueryResponse
        ord("K"): (12, 8 + MAX_CANCEL_KEY),  # BackendKeyData
        ord("N"): (5, 64 * _MIB),  # NoticeResponse: the server's trees come in them (DESIGN 3a)
        ord("R"): (8, 2000),  # Authentication*: the bound that libpq sets
        ord("S"): (6, _MIB),  # ParameterStatus
        ord("T"): (6, _MIB),  # RowDescription: 1664 columns of 82 bytes are 136 kB
        ord("V"): (8, ROW),  # FunctionCallResponse
        ord("W"): (7, 7 + 2 * MAX_COLUMNS),  # CopyBothResponse
        ord("Z"): (5, 5),  # ReadyForQuery
        ord("c"): (4, 4),  # CopyDone
        ord("d"): (4, ROW),  # CopyData
        ord("n"): (4, 4),  # NoData
        ord("s"): (4, 4),  # PortalSuspended
        ord("t"): (6, 6 + 4 * MAX_PARAMETERS),  # ParameterDescription
        ord("v"): (12, SMALL),  # NegotiateProtocolVersion
    }
)
"""What a server may send."""
