from __future__ import annotations

from collections.abc import Mapping

import pytest

from pgmaskproxy.wire import authentication, backend, copy, frontend, report, rows
from pgmaskproxy.wire.limits import BACKEND_LIMITS, FRONTEND_LIMITS
from pgmaskproxy.wire.message import Message

SHORTEST_FRONTEND: list[Message] = [
    frontend.Bind(b"", b""),
    frontend.Close(b"S", b""),
    frontend.Describe(b"S", b""),
    frontend.Execute(b""),
    frontend.FunctionCall(0, (), (), 0),
    frontend.Flush(),
    frontend.Parse(b"", b""),
    frontend.Query(b""),
    frontend.Sync(),
    frontend.Terminate(),
    copy.CopyDone(),
    copy.CopyData(b""),
    copy.CopyFail(b""),
    authentication.SASLResponse(b""),
]
SHORTEST_BACKEND: list[Message] = [
    backend.ParseComplete(),
    backend.BindComplete(),
    backend.CloseComplete(),
    backend.NotificationResponse(0, b"", b""),
    backend.CommandComplete(b""),
    rows.DataRow(()),
    report.ErrorResponse({}),
    copy.CopyInResponse(0, ()),
    copy.CopyOutResponse(0, ()),
    backend.EmptyQueryResponse(),
    backend.BackendKeyData(0, bytes(4)),
    report.NoticeResponse({}),
    authentication.AuthenticationOk(),
    backend.ParameterStatus(b"", b""),
    rows.RowDescription(()),
    backend.FunctionCallResponse(None),
    copy.CopyBothResponse(0, ()),
    backend.ReadyForQuery(b"I"),
    copy.CopyDone(),
    copy.CopyData(b""),
    backend.NoData(),
    backend.PortalSuspended(),
    rows.ParameterDescription(()),
    backend.NegotiateProtocolVersion(0),
]


@pytest.mark.parametrize(
    ("limits", "shortest"), [(FRONTEND_LIMITS, SHORTEST_FRONTEND), (BACKEND_LIMITS, SHORTEST_BACKEND)]
)
def test_the_least_length_is_the_shortest_message(
    limits: Mapping[int, tuple[int, int]], shortest: list[Message]
) -> None:
    encoded = [message.encode() for message in shortest]
    assert {frame[0]: len(frame) - 1 for frame in encoded} == {code: least for code, (least, _) in limits.items()}


@pytest.mark.parametrize("limits", [FRONTEND_LIMITS, BACKEND_LIMITS])
def test_limits_are_ordered_and_below_2_gib(limits: Mapping[int, tuple[int, int]]) -> None:
    for least, greatest in limits.values():
        assert 4 <= least <= greatest < 0x7FFFFFFF


def test_the_largest_of_what_postgresql_sends_fits() -> None:
    field = rows.Field(b"x" * 63, 1, 1, 25, -1, -1, 0)
    longest: list[Message] = [
        rows.RowDescription((field,) * 1664),
        rows.ParameterDescription((25,) * 65_535),
        copy.CopyOutResponse(0, (0,) * 1664),
        backend.BackendKeyData(1, bytes(256)),
        backend.NotificationResponse(1, b"c" * 63, b"p" * 7999),
        backend.CommandComplete(b"t" * 63),
    ]
    for message in longest:
        encoded = message.encode()
        assert len(encoded) - 1 <= BACKEND_LIMITS[encoded[0]][1]


def test_control_messages_are_far_below_rows() -> None:
    large = {code for code, (_, greatest) in BACKEND_LIMITS.items() if greatest > 64 << 20}
    assert large == {ord("D"), ord("d"), ord("V")}
    assert {code for code, (_, greatest) in FRONTEND_LIMITS.items() if greatest > 65_535} == set(b"BFPQd")
