"""Text to facts. Pure; the only importer of sqlglot and of the grammar library.

    grammar     PostgreSQL's own parser: statements, kinds, canonical text, redaction
    statements  the table of every statement node of the grammar: effects and names
    lineage     per output its origin, and every other use of a column
    agree       sqlglot as the second reader, who must agree on kind and relations
    reader      all of it: `read(sql, catalog, search_path)`
    catalog     what the server has: relations, columns, functions, types, operators
    closure     labels carried along inheritance, foreign keys, generated columns and views

Nothing here is proof that a statement is harmless. What could not be read with certainty is said
to be UNKNOWN, Opaque, or a use of every column involved, and policy refuses it.

`grammar.parse` and everything above it recurses in C: call it on a thread with
`grammar.STACK_BYTES` of stack.
"""
