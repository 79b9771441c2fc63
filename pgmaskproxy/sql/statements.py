"""The table of every statement node in PostgreSQL's grammar, and what each does to the world.

A node type that is not here is UNKNOWN, and a test fails until it is. Kinds whose effects depend on what is inside them
(`READ_INSIDE`) are read by `classify`; for all others the row says everything, and what they name is
found by walking their tree for relations.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pgmaskproxy.model import Effect

_R, _W, _X, _D = Effect.READ, Effect.WRITE, Effect.EXPORT, Effect.DDL
_P, _A, _S, _T = Effect.PRIVILEGE, Effect.ADMIN, Effect.SESSION, Effect.TRANSACTION
_F, _U = Effect.ROUTINE, Effect.UNKNOWN

READ_INSIDE: Final = frozenset(
    {
        "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt",
        "CopyStmt", "CreateTableAsStmt", "DeclareCursorStmt", "ExplainStmt", "PrepareStmt", "ExecuteStmt",
        "VariableSetStmt", "ViewStmt",
    }
)  # fmt: skip
"""Kinds of which the table gives only what is true of every one."""

LINEAGE: Final = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
"""Kinds that return rows of their own: where the second reader gives up, their outputs are Opaque."""

EFFECTS: Final[Mapping[str, frozenset[Effect]]] = MappingProxyType(
    {
        kind: frozenset(effects)
        for kind, effects in (
            # rows
            ("SelectStmt", (_R,)),
            ("InsertStmt", (_W,)),
            ("UpdateStmt", (_W,)),
            ("DeleteStmt", (_W,)),
            ("MergeStmt", (_W,)),
            ("TruncateStmt", (_W, _D)),
            ("CopyStmt", ()),
            ("CreateTableAsStmt", (_D, _X)),
            ("RefreshMatViewStmt", (_W, _D, _F)),  # runs the view's query with its owner's rights
            # names in the session
            ("PrepareStmt", ()),
            ("ExecuteStmt", (_R,)),  # and what was prepared, which the session knows
            ("DeallocateStmt", (_S,)),
            ("DeclareCursorStmt", ()),
            ("FetchStmt", (_R,)),
            ("ClosePortalStmt", (_S,)),
            ("DiscardStmt", (_S,)),
            # the session
            ("VariableSetStmt", (_S,)),
            ("VariableShowStmt", (_R,)),
            ("ConstraintsSetStmt", (_S,)),
            ("TransactionStmt", (_T,)),
            ("LockStmt", (_W,)),  # blocks writers of what it names, unless it takes no more than a SELECT
            ("ListenStmt", (_A,)),
            ("UnlistenStmt", (_S,)),  # connection pools send it, and pg_advisory_unlock_all(), on every return
            ("NotifyStmt", (_A,)),
            # explained
            ("ExplainStmt", ()),
            # routines
            ("CallStmt", (_F,)),
            ("DoStmt", (_F,)),
            # the server
            ("AlterSystemStmt", (_A,)),
            ("CheckPointStmt", (_A,)),
            ("LoadStmt", (_A, _F)),
            ("VacuumStmt", (_A,)),  # ANALYZE too: it fills the statistics views
            ("ClusterStmt", (_A, _D)),  # the rows' order becomes an index's
            ("ReindexStmt", (_A,)),
            ("CreatedbStmt", (_A, _D)),
            ("DropdbStmt", (_A, _D)),
            ("AlterDatabaseStmt", (_A, _D)),
            ("AlterDatabaseRefreshCollStmt", (_A, _D)),
            ("AlterDatabaseSetStmt", (_A, _D)),
            ("CreateTableSpaceStmt", (_A, _D)),
            ("DropTableSpaceStmt", (_A, _D)),
            ("AlterTableSpaceOptionsStmt", (_A, _D)),
            ("AlterTableMoveAllStmt", (_A, _D)),
            ("CreatePublicationStmt", (_A, _D, _X)),
            ("AlterPublicationStmt", (_A, _D, _X)),
            ("CreateSubscriptionStmt", (_A, _D, _X)),
            ("AlterSubscriptionStmt", (_A, _D, _X)),
            ("DropSubscriptionStmt", (_A, _D)),
            ("ReplicaIdentityStmt", (_A, _D)),
            # privileges
            ("GrantStmt", (_P,)),
            ("GrantRoleStmt", (_P,)),
            ("AlterDefaultPrivilegesStmt", (_P,)),
            ("CreateRoleStmt", (_P,)),
            ("AlterRoleStmt", (_P,)),
            ("AlterRoleSetStmt", (_P,)),
            ("DropRoleStmt", (_P,)),
            ("DropOwnedStmt", (_P, _D)),
            ("ReassignOwnedStmt", (_P, _D)),
            ("AlterOwnerStmt", (_P, _D)),
            ("CreatePolicyStmt", (_P, _D)),
            ("AlterPolicyStmt", (_P, _D)),
            ("SecLabelStmt", (_P, _D)),
            ("CreateUserMappingStmt", (_P, _D)),
            ("AlterUserMappingStmt", (_P, _D)),
            ("DropUserMappingStmt", (_P, _D)),
            # foreign data: reaches out of the server
            ("CreateFdwStmt", (_D, _X)),
            ("AlterFdwStmt", (_D, _X)),
            ("CreateForeignServerStmt", (_D, _X)),
            ("AlterForeignServerStmt", (_D, _X)),
            ("CreateForeignTableStmt", (_D, _X)),
            ("ImportForeignSchemaStmt", (_D, _X)),
            # code
            ("CreateExtensionStmt", (_D, _A)),
            ("AlterExtensionStmt", (_D, _A)),
            ("AlterExtensionContentsStmt", (_D, _A)),
            ("CreateFunctionStmt", (_D, _F)),
            ("AlterFunctionStmt", (_D, _F)),
            ("CreatePLangStmt", (_D, _F)),
            ("CreateTrigStmt", (_D, _F)),
            ("CreateEventTrigStmt", (_D, _F)),
            ("AlterEventTrigStmt", (_D, _F)),
            ("RuleStmt", (_D, _F)),
            ("CreateCastStmt", (_D, _F)),
            ("CreateTransformStmt", (_D, _F)),
            ("CreateConversionStmt", (_D, _F)),
            ("CreateAmStmt", (_D, _F)),
            ("DefineStmt", (_D, _F)),  # aggregates, operators, types, text search, collations
            # the schema
            ("ViewStmt", (_D,)),
            *(
                (kind, (_D,))
                for kind in (
                    "AlterCollationStmt", "AlterDomainStmt", "AlterEnumStmt", "AlterObjectDependsStmt",
                    "AlterObjectSchemaStmt", "AlterOpFamilyStmt", "AlterOperatorStmt", "AlterSeqStmt", "AlterStatsStmt",
                    "AlterTSConfigurationStmt", "AlterTSDictionaryStmt", "AlterTableStmt", "AlterTypeStmt",
                    "CommentStmt", "CompositeTypeStmt", "CreateDomainStmt", "CreateEnumStmt", "CreateOpClassStmt",
                    "CreateOpFamilyStmt", "CreateRangeStmt", "CreateSchemaStmt", "CreateSeqStmt", "CreateStatsStmt",
                    "CreateStmt", "DropStmt", "IndexStmt", "RenameStmt",
                )
            ),
            # never a statement of its own: parts of others, or made by the server
            ("RawStmt", (_U,)),
            ("SetOperationStmt", (_U,)),
            ("ReturnStmt", (_U,)),
            ("PLAssignStmt", (_U,)),
        )
    }
)  # fmt: skip
"""Node type to effects."""

UNKNOWN: Final = frozenset({Effect.UNKNOWN})
"""Of a node type that is not in the table."""

MOVES_NAMES: Final = frozenset({_D, _P, _S, _T, _F, _U, _A})
"""Effects after which a name may mean something else."""

KEEPS_NAMES: Final = frozenset({"ClosePortalStmt", "DeallocateStmt", "ConstraintsSetStmt", "LockStmt"})
"""Kinds that move no relation's or function's name whatever their effects."""

OWN_PARAMETERS: Final = frozenset({"PrepareStmt", "CreateFunctionStmt"})
"""Their $1 is that of what they make, an SQL body's too, and not one that this statement is given."""

RUNS_ANOTHER: Final = frozenset({"ExecuteStmt", "FetchStmt"})
"""Kinds that run something said before; whether that moves names, the session knows. Taken to."""
