"""What the server's own tree says of a statement: which columns reach which output, and what else they are used for.

reader      the text of a node tree -> Node
versions    which nodes and fields PostgreSQL 15 to 18 write: the one table of differences
notice      which of the notices is the statement's own tree
flows       what a value is made of
attestation the result, by OID and column number
expressions, sources, queries, writes   the taint analysis
taint       attest(): a tree's text -> Attestation
labelling   the same by column name, for policy
"""

from __future__ import annotations
