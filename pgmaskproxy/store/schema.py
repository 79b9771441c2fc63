"""The tables, as SQLAlchemy Core sees them; `migrations` makes them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

METADATA: Final = MetaData()

NEWEST: Final = "0006"
"""The last of the steps in `migrations`."""

REQUESTS: Final = Table(
    "requests",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("writer", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("principal", Text, nullable=False),
    Column("owner", Text),
    Column("database", Text, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("deadline", Float, nullable=False),
    Column("ended", Float),
    Column("note", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", JSON, nullable=False),
    Index("requests_by_state", "state", "deadline"),
)

VOTES: Final = Table(
    "votes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("request", String(36), ForeignKey("requests.id"), nullable=False),
    Column("person", Text, nullable=False),
    Column("approve", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("groups", JSON, nullable=False),
    Index("votes_once", "request", "person", "approve", unique=True),
)

TOKENS: Final = Table(
    "tokens",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("person", Text, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("note", Text, nullable=False),
    Column("revoked", Float),
    Index("tokens_by_person", "person"),
)

CANARIES: Final = Table(
    "canaries",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("value", Text, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("column", Text, nullable=False),
    Column("planted", Float, nullable=False),
    Column("retired", Float),
)

CHARGES: Final = Table(
    "charges",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("principal", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("use", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Index("charges_by_principal", "principal", "label", "use", "at"),
    Index("charges_by_expiry", "expires"),
)

LABELS: Final = Table(
    "labels",
    METADATA,
    Column("database", Text, primary_key=True),
    Column("oid", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("accepted", JSON, nullable=False),
    Column("seen", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("derived", Boolean, nullable=False),
    Column("drift", String(16), nullable=False),
)

LABEL_STAMPS: Final = Table(
    "label_stamps",
    METADATA,
    Column("database", Text, primary_key=True),
    Column("policy", String(64), nullable=False),
    Column("links", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
)

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("notification", String(36), nullable=False),
    Column("type", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("useless_after", Float, nullable=False),
    Column("data", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("outcome", String(16), nullable=False, server_default=""),
    Column("address", String(16), nullable=False, server_default=""),
    Index("outbox_by_due", "done", "next_at"),
)
