"""PostgreSQL v3 bytes <-> messages: no state, no IO.

`framing` cuts a byte stream into frames within bounds; `startup`, `frontend` and `backend` turn a
frame into a message and back; `scram` plays both roles of SCRAM-SHA-256; `describe` prints a frame
as libpq's PQtrace does; `sqlstate` names conditions. What is text on the wire stays `bytes` here.
"""
