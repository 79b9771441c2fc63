"""The function call sub-protocol (manual, "Function Call"): psql's \\lo_import and libpq's lo_read speak it.

It names a function by OID and gives its arguments in whatever format, so no policy on statements can judge it. It is
refused, but where the policy is transparent and nothing is judged.
"""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.model import Refusal, Ruling
from pgmaskproxy.session.asking import Asking
from pgmaskproxy.session.events import RecordOutcome
from pgmaskproxy.session.execution import Execution
from pgmaskproxy.session.flow import Flow
from pgmaskproxy.session.link import Link
from pgmaskproxy.session.pipeline import FUNCTION, SKIPPED, Exchange
from pgmaskproxy.wire.frontend import FunctionCall

NO_FUNCTION_CALL: Final = Refusal(
    "0A000",
    "the function call sub-protocol is not supported",
    detail="It names a function by OID, past every policy on statements.",
    hint="Call the function in a SELECT.",
)


@final
class Functions:
    """Handles FunctionCall."""

    def __init__(self, link: Link, asking: Asking, execution: Execution) -> None:
        self._link = link
        self._asking = asking
        self._execution = execution

    def call(self, message: FunctionCall) -> Flow[None]:
        """Pass it on, or refuse it; either way it ends with ReadyForQuery, and no Sync is sent for it."""
        link = self._link
        yield from link.drain()
        if link.pipeline.discarding:
            return  # something before it failed: the server ignores it too until Sync
        ruling = yield from self._ruling(message)
        serial = link.serial()
        refusal: Refusal | None = NO_FUNCTION_CALL
        if ruling is not None:
            refusal = yield from self._asking.record_execution(serial, ruling, (), 0, "")
            refusal = refusal or (yield from self._asking.cancelled())
        if self._link.pipeline.discarding:  # a limit was reached meanwhile
            if ruling is not None and refusal is None:
                link.commands.append(RecordOutcome(serial, ruling, SKIPPED, "", 0, 0, 0))
            return
        if ruling is None or refusal is not None:
            self._execution.refuse(refusal or NO_FUNCTION_CALL, ruling, "", serial=serial)
            link.sync(forward=True)
            return
        exchange = Exchange(FUNCTION, forward=True)
        exchange.serial, exchange.ruling, exchange.scrub = serial, ruling, ruling.decision.scrub
        link.send(message.encode(), exchange)
        link.sync(forward=True, by_itself=True)

    def _ruling(self, message: FunctionCall) -> Flow[Ruling | None]:
        """What is written down of it; None where it is refused. Judged as a text that nobody can read."""
        if not self._link.transparent:
            return None
        judged = yield from self._asking.judge(f"function call {message.function_oid}", extended=True)
        if isinstance(judged, Refusal) or len(judged) != 1 or not judged[0].decision.transparent:
            return None
        return judged[0]
