"""The client's messages, once it is logged in: which flow each one starts (manual, 53.2)."""

from __future__ import annotations

from typing import final

from pgmaskproxy.errors import PeerError
from pgmaskproxy.session.answers import MAX_NAME, name_too_long
from pgmaskproxy.session.asking import Asking
from pgmaskproxy.session.attesting import Attesting
from pgmaskproxy.session.execution import Execution
from pgmaskproxy.session.extended import Extended
from pgmaskproxy.session.flow import Flow, TooLong, Wait
from pgmaskproxy.session.functioncall import Functions
from pgmaskproxy.session.holding import Holding
from pgmaskproxy.session.link import Link
from pgmaskproxy.session.naming import Naming
from pgmaskproxy.session.pipeline import Exchange
from pgmaskproxy.session.repeat import Repeat
from pgmaskproxy.session.simple import Simple
from pgmaskproxy.session.texts import too_long
from pgmaskproxy.wire.copy import CopyData, CopyDone, CopyFail
from pgmaskproxy.wire.frontend import (
    Bind,
    Close,
    Describe,
    Execute,
    Flush,
    FrontendMessage,
    FunctionCall,
    Parse,
    Query,
    Sync,
)


@final
class Frontend:
    """Chooses the flow."""

    def __init__(self, link: Link) -> None:
        asking = Asking(link)
        naming = Naming(link, asking, Attesting(link))
        self.holding = Holding(link, asking)
        self._link = link
        self._execution = Execution(link, asking, self.holding, naming)
        self._simple = Simple(link, asking, self.holding, naming, self._execution)
        self._functions = Functions(link, asking, self._execution)
        self._extended = Extended(link, asking, self.holding, naming, self._execution)
        self.repeat = Repeat(link, asking, self._extended, self._execution)

    def handle(self, message: FrontendMessage | TooLong) -> Flow[None] | None:
        """The flow that handles a message, or None when that was done at once."""
        link = self._link
        sync = link.pipeline.spread()
        if sync is not None:
            link.settling = sync  # whatever follows a batch that was sent whole needs to know how it ended
        if isinstance(message, Sync):
            self._extended.sync()
            return None
        if link.settling is not None and not link.settling.settled:
            return self._settled(message, link.settling)
        if link.pipeline.discarding:
            # The server failed something and ignores all before Sync; so do we, or a dropped Close
            # would leave the table of names wrong.
            return None
        overlong = _overlong_name(message)
        if overlong is not None:
            self._execution.refuse(name_too_long(overlong), None, "")
            return None
        if isinstance(message, TooLong):
            self._execution.refuse(too_long(message.size, link.limits), None, "")
            if message.simple:
                link.sync(forward=True)
            return None
        if isinstance(message, Query):
            return self._simple.query(message)
        if isinstance(message, Parse):
            return self._extended.parse(message)
        if isinstance(message, Bind):
            return self._extended.bind(message)
        if isinstance(message, Execute):
            return self._extended.execute(message)
        if isinstance(message, Describe):
            self._extended.describe(message)
            return None
        if isinstance(message, Close):
            self._extended.close(message)
            return None
        if isinstance(message, Flush):
            link.flush()
            return None
        if isinstance(message, FunctionCall):
            return self._functions.call(message)
        if isinstance(message, CopyData | CopyDone | CopyFail):
            return None  # left over from a COPY that failed: the server ignores them as well
        raise PeerError("a message that does not belong here")

    def _settled(self, message: FrontendMessage | TooLong, sync: Exchange) -> Flow[None]:
        """Handle it once the names are certain: a change that fails before a Sync does not stop what follows it."""
        yield Wait(exchange=sync)
        flow = self.handle(message)
        if flow is not None:
            yield from flow


def _overlong_name(message: FrontendMessage | TooLong) -> bytes | None:
    """A name in any message that has one, if the server would not keep all of it."""
    if isinstance(message, Bind):
        names: tuple[bytes, ...] = (message.portal, message.statement)
    elif isinstance(message, Parse):
        names = (message.statement,)
    elif isinstance(message, Execute):
        names = (message.portal,)
    elif isinstance(message, Describe | Close):
        names = (message.name,)
    else:
        return None
    return next((name for name in names if len(name) > MAX_NAME), None)
