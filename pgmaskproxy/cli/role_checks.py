"""What is wrong with an upstream role and its server, in words: THREATS and DESIGN 3, 3d.

An error is what lets the proxy's promise be broken from behind; a warning is what a person should have looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from pgmaskproxy.cli.privileges import Index
from pgmaskproxy.cli.upstream import Server
from pgmaskproxy.config_peers import Upstream
from pgmaskproxy.model import ColumnRef

Level: TypeAlias = Literal["ok", "warning", "error"]
Said: TypeAlias = tuple[Level, str, str]
"""(level, message, hint)."""

QUIET: Final = frozenset({"fatal", "panic"})
"""log_min_messages under which a LOG message, as a tree is, is not written to the server's log."""
REQUIRED: Final = "required"
OFF: Final = "off"
HARDEN: Final = "`pgmaskproxy harden` prints the SQL"

RISKY: Final = {
    "dblink": "opens connections to servers, as which no label is known",
    "postgres_fdw": "its foreign tables may show labelled columns under other names",
    "file_fdw": "its foreign tables are files of the server",
    "pageinspect": "reads pages as they are",
    "pg_buffercache": "shows what others read",
    "pg_stat_statements": "shows other agents' statements: they log in as the same role",
    "pg_stat_monitor": "shows other agents' statements: they log in as the same role",
    "adminpack": "writes files of the server",
    "lo": "large objects have no labels",
}
"""Extensions that go around labels, and how. What they offer is refused unless policy names it."""


def role_findings(server: Server, labelled: frozenset[ColumnRef], upstream: Upstream) -> Iterator[Said]:
    """All that is to be said of the role and of what surrounds it. `labelled`: columns, closed over the catalog."""
    yield from _rights(server, labelled, upstream)
    yield from _trees(server, upstream.attestation)
    yield from _log(server, upstream.attestation, accepted=upstream.accept_trees_in_server_log)
    yield from _indexes(server.privileges.indexes, labelled)
    yield from _around(server)


def _rights(server: Server, labelled: frozenset[ColumnRef], upstream: Upstream) -> Iterator[Said]:
    found = server.privileges
    rights = [(power, f"is {power.upper()}") for power in sorted(found.attributes)]
    rights += [(power, f"is a member of {role}, which is {power.upper()}") for role, power in found.inherited]
    rights += [(role, f"is a member of {role}") for role in found.predefined]
    if "superuser" not in found.attributes:
        relations = {column.relation for column in labelled}
        owned = sorted(
            str(relation.ref)
            for relation in server.catalog.relations
            if relation.ref in relations and relation.owner in server.member_of
        )
        if owned:
            rights.append(("owner", f"owns relations with labelled columns, or may act as their owner: {_some(owned)}"))
    for right, message in rights:
        accepted = right in upstream.accept_role
        hint = "" if accepted else f"{HARDEN}; to go on all the same: upstream.accept_role: [{right}]"
        yield "warning" if accepted else "error", f"role {server.role} {message}", hint
    if found.creates_schemas:
        yield "warning", f"role {server.role} may make schemas, and what is in them is its own", HARDEN
    if not rights:
        yield "ok", f"role {server.role} owns nothing that is labelled and has no power over others", ""


def _trees(server: Server, attestation: str) -> Iterator[Said]:
    if attestation == OFF:
        yield (
            "warning",
            "attestation is off: what a statement shows is known from its text alone",
            "weaker: set upstream.attestation: required where the server is reached directly",
        )
    elif server.no_tree:
        yield (
            "error" if attestation == REQUIRED else "warning",
            f"the server gives no tree of a statement: {server.no_tree}",
            "a pooler such as PgBouncer in between refuses start-up parameters: connect to the server itself (each "
            "client has an upstream session of its own), or set upstream.attestation: off, which is weaker",
        )
    else:
        yield "ok", "the server gives its own tree of a statement", ""


def _log(server: Server, attestation: str, *, accepted: bool) -> Iterator[Said]:
    level = server.privileges.log_min_messages
    if attestation == OFF or server.no_tree:
        return
    if level in QUIET:
        yield "ok", f"log_min_messages of role {server.role} is {level}: its trees are not logged", ""
        return
    message = (
        f"log_min_messages of role {server.role} is {level}: every statement's tree, with its literals, goes to the "
        "server's log"
    )
    if accepted:
        yield "warning", f"{message}; accepted by upstream.accept_trees_in_server_log", ""
    else:
        hint = f"{HARDEN}; to go on all the same: upstream.accept_trees_in_server_log: true"
        yield "error" if attestation == REQUIRED else "warning", message, hint


def _indexes(indexes: Sequence[Index], labelled: frozenset[ColumnRef]) -> Iterator[Said]:
    """An index in a labelled column's order that answers for clean ones, or that the table lies by: rows of an
    innocent query come in that order (THREATS, "Closure over the catalog")."""
    plain = []
    for each in indexes:
        ordering = [ref.column for ref in each.ordering if ref in labelled]
        if not ordering:
            continue
        clean = [column for column in each.columns if each.ref(column) not in labelled]
        table, order = f"{each.schema}.{each.table}", f"in the order of {ordering[0]}, a labelled column"
        if clean:
            yield (
                "warning",
                f"index {each.name} has {', '.join(clean)} of {table} {order}",
                "rows of a query for the others may come in that order, which tells of the labelled values: drop "
                "it, or take the labelled column out of its keys",
            )
        if each.clustered:
            yield "warning", f"{table} is clustered by {each.name}: its rows lie {order}", "CLUSTER it by another index"
        if not clean and not each.clustered:
            plain.append(each.name)
    if plain:
        yield "ok", f"indexes on labelled columns alone, which answer for nothing else: {_some(sorted(plain))}", ""


def view_findings(views: Mapping[str, Sequence[ColumnRef]]) -> Iterator[Said]:
    """Views, by name, and the labelled columns by which they choose or order their rows."""
    for view, columns in sorted(views.items()):
        by = _some(sorted(map(str, columns)))
        yield (
            "warning",
            f"view {view} chooses or orders its rows by {by}: which rows it has tells of the labelled values",
            "what a view filters by is its author's decision, as row security is: let no rule allow READ of it where "
            "that is too much",
        )


def _around(server: Server) -> Iterator[Said]:
    found = server.privileges
    for extension in sorted(found.extensions & RISKY.keys()):
        yield "warning", f"extension {extension} is installed: {RISKY[extension]}", "drop it here if nobody needs it"
    for language in found.languages:
        yield (
            "warning",
            f"functions may be written in {language}: they do whatever the server's process may",
            "let no rule allow ROUTINE on them",
        )
    if found.definers:
        yield (
            "warning",
            f"role {server.role} may execute SECURITY DEFINER functions: {_some(found.definers)}",
            "they read with their owner's rights: REVOKE EXECUTE ON FUNCTION ... FROM PUBLIC, as "
            "`pgmaskproxy harden` prints",
        )
    if found.large_objects:
        yield (
            "warning",
            f"role {server.role} may read {found.large_objects} large objects, which have no labels",
            "lo_compat_privileges must be off; REVOKE SELECT ON LARGE OBJECT ... FROM PUBLIC",
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
