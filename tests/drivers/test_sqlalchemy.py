"""SQLAlchemy beyond text(): reflection, the ORM with masked columns, a pool that notices what is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.drivers.by_sqlalchemy import url
from tests.drivers.loop import LoopThread
from tests.e2e.drivers import direct
from tests.harness.proxy import Proxy

SERVERS: Final = ("15", "18") if os.environ.get("CONFORMANCE") == "all" else ("15",)
DIALECTS: Final = ("psycopg", "asyncpg", "psycopg2", "pg8000")


class Base(orm.DeclarativeBase):
    """Of our mappings."""


class Customer(Base):
    """What is mapped of customers."""

    __tablename__ = "customers"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    email: orm.Mapped[str]
    ssn: orm.Mapped[str]
    city: orm.Mapped[str]
    orders: orm.Mapped[list[Order]] = orm.relationship(back_populates="customer", order_by="Order.id")


class Product(Base):
    """What is mapped of products."""

    __tablename__ = "products"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    price: orm.Mapped[float] = orm.mapped_column(sqlalchemy.Numeric(8, 2))
    stock: orm.Mapped[int]


class Order(Base):
    """What is mapped of orders."""

    __tablename__ = "orders"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    customer_id: orm.Mapped[int] = orm.mapped_column(sqlalchemy.ForeignKey("customers.id"))
    product_id: orm.Mapped[int] = orm.mapped_column(sqlalchemy.ForeignKey("products.id"))
    quantity: orm.Mapped[int]
    customer: orm.Mapped[Customer] = orm.relationship(back_populates="orders")
    product: orm.Mapped[Product] = orm.relationship()


Run = Callable[[Callable[[sqlalchemy.Connection], Any]], Any]


@contextmanager
def connected(conninfo: str, dialect: str) -> Iterator[Run]:
    """Something that runs work in a transaction of its own, on a connection out of one pool."""
    options = {"pool_pre_ping": True, "pool_size": 1, "max_overflow": 0}
    if dialect != "asyncpg":
        engine = sqlalchemy.create_engine(url(conninfo, dialect), **options)

        def run(work: Callable[[sqlalchemy.Connection], Any]) -> Any:
            with engine.begin() as connection:
                return work(connection)

        try:
            yield run
        finally:
            engine.dispose()
        return
    loop = LoopThread()
    asynchronous: AsyncEngine = create_async_engine(url(conninfo, dialect), **options)

    async def begin(work: Callable[[sqlalchemy.Connection], Any]) -> Any:
        async with asynchronous.begin() as connection:
            return await connection.run_sync(work)

    try:
        yield lambda work: loop.run(begin(work))
    finally:
        loop.run(asynchronous.dispose())
        loop.close()


def _reflected(connection: sqlalchemy.Connection) -> dict[str, Any]:
    metadata = sqlalchemy.MetaData()
    metadata.reflect(connection, schema="shop", views=True)
    inspector = sqlalchemy.inspect(connection)
    return {
        "tables": {
            name: [(each.name, repr(each.type), each.nullable, each.primary_key) for each in table.columns]
            for name, table in sorted(metadata.tables.items())
        },
        "indexes": inspector.get_multi_indexes(schema="shop"),
        "keys": inspector.get_multi_foreign_keys(schema="shop"),
        "unique": inspector.get_multi_unique_constraints(schema="shop"),
        "checks": inspector.get_multi_check_constraints(schema="shop"),
        "comments": inspector.get_multi_table_comment(schema="shop"),
        "sequences": inspector.get_sequence_names(schema="shop"),
        "views": [inspector.get_view_definition(name, schema="shop") for name in inspector.get_view_names("shop")],
        "schemas": inspector.get_schema_names(),
    }


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("matrix_proxy", SERVERS, indirect=True)
def test_reflection_is_as_directly(matrix_proxy: Proxy, dialect: str) -> None:
    with connected(matrix_proxy.conninfo(), dialect) as run:
        seen = run(_reflected)
    with connected(direct(matrix_proxy), dialect) as run:
        assert seen == run(_reflected)
    assert "shop.customers" in seen["tables"]


def _orm(connection: sqlalchemy.Connection) -> dict[str, Any]:
    """What a program with an ORM does; the rows that it makes are gone afterwards."""
    with orm.Session(bind=connection) as session:
        customer = session.get_one(Customer, 1)
        seen: dict[str, Any] = {"one": (customer.name, customer.email, customer.ssn)}
        seen["lazy"] = [(order.id, order.product.name) for order in customer.orders]
        eager = sqlalchemy.select(Customer).options(orm.selectinload(Customer.orders)).where(Customer.id < 5)
        seen["eager"] = [(one.ssn, len(one.orders)) for one in session.scalars(eager.order_by(Customer.id))]
        joined = (
            sqlalchemy.select(Customer.city, sqlalchemy.func.count(Order.id))
            .join(Order.customer)
            .group_by(Customer.city)
            .order_by(Customer.city)
        )
        seen["joined"] = [tuple(row) for row in session.execute(joined)]
        seen["chosen"] = session.scalars(
            sqlalchemy.select(Customer.ssn).where(Customer.name.in_(["Bram Abbott"]))
        ).all()
        made = [Product(id=7000 + n, name=f"made {n}", price=2, stock=n) for n in range(30)]
        session.add_all(made)
        session.flush()
        made[0].stock = 99
        session.flush()
        session.refresh(made[0])
        seen["stock"] = made[0].stock
        deleted = session.execute(sqlalchemy.delete(Product).where(Product.id >= 7000).returning(Product.id))
        seen["deleted"] = sorted(deleted.scalars())
        return seen


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("matrix_proxy", ["18"], indirect=True)
def test_the_orm(matrix_proxy: Proxy, dialect: str) -> None:
    with connected(matrix_proxy.conninfo(), dialect) as run:
        seen = run(_orm)
    with connected(direct(matrix_proxy), dialect) as run:
        truth = run(_orm)
    assert seen["one"] == ("Bram Abbott", "b***@post.example", "***")
    assert seen["chosen"] == ["***"]
    assert {ssn for ssn, _ in seen["eager"]} == {"***"}
    assert [count for _, count in seen["eager"]] == [count for _, count in truth["eager"]]
    for same in ("lazy", "joined", "stock", "deleted"):
        assert seen[same] == truth[same], same


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("matrix_proxy", ["18"], indirect=True)
def test_a_pool_with_pre_ping_replaces_what_is_gone(matrix_proxy: Proxy, dialect: str) -> None:
    def backend(connection: sqlalchemy.Connection) -> int:
        return int(connection.execute(sqlalchemy.text("SELECT pg_backend_pid()")).scalar_one())

    with connected(matrix_proxy.conninfo(), dialect) as run:
        first = run(backend)
        assert run(backend) == first, "the pool has one connection"
        with psycopg.connect(matrix_proxy.database.admin, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
        assert run(backend) != first
