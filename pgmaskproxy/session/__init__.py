"""One client connection, as a function of events: `Session.receive(event) -> list[Command]`.

`handshake` logs the client in and `upstream` logs us in at the server; then `query` turns the
client's messages into what the server may see, one at a time and each only after it was judged,
`results` turns what the server answers into what the client may see, and `pipeline` is the
queue between them that says which answer belongs to which frame. Nothing here does IO.
"""

from __future__ import annotations
