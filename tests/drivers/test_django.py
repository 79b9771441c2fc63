"""Django beyond a cursor: inspectdb, what its ORM makes, migrations that a person lets run one by one."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import django.db
import httpx2
import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import Count, F, Q, Sum

from pgmaskproxy.demo.stage import SECOND
from tests.drivers.bench import REQUEST, SECONDS
from tests.drivers.by_django import DjangoSession, configured
from tests.e2e.drivers import direct
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

APP = "tests.drivers.shopapp"


@contextmanager
def alias(conninfo: str) -> Iterator[str]:
    """A connection's name in Django, with the application installed."""
    configured(conninfo)
    session = DjangoSession(conninfo)
    try:
        yield session.alias
    finally:
        session.close()


def _inspected(conninfo: str) -> str:
    out = io.StringIO()
    with alias(conninfo) as name:
        call_command("inspectdb", database=name, include_views=True, include_partitions=True, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("matrix_proxy", ["18"], indirect=True)
def test_inspectdb_is_as_directly(matrix_proxy: Proxy) -> None:
    seen = _inspected(matrix_proxy.conninfo())
    assert seen == _inspected(direct(matrix_proxy))
    assert "class Customers(models.Model)" in seen


def _queries(name: str) -> dict[str, Any]:
    from tests.drivers.shopapp.models import Customer, Order, Product

    customers, products, orders = (model.objects.using(name) for model in (Customer, Product, Order))
    seen: dict[str, Any] = {}
    one = customers.get(pk=1)
    seen["masked one"] = (one.name, one.email, one.ssn, one.birth_date, one.profile)
    seen["masked values"] = list(customers.filter(id__lt=5).order_by("id").values_list("ssn", flat=True))
    seen["masked join"] = list(
        orders.filter(id__lt=9).order_by("id").values_list("customer__ssn", "product__name", named=False)
    )
    seen["masked iterator"] = {row.ssn for row in customers.order_by("id").iterator(chunk_size=20)}
    seen["related"] = [
        (order.id, order.product.name, order.customer.city)
        for order in orders.select_related("product", "customer").filter(id__lt=9).order_by("id")
    ]
    seen["cities"] = list(customers.values("city").annotate(n=Count("id")).order_by("city"))
    seen["sums"] = orders.aggregate(n=Count("id"), quantity=Sum("quantity"))
    seen["exists"] = (orders.filter(status="paid").exists(), customers.filter(name="nobody").exists())
    seen["either"] = orders.filter(Q(status="paid") | Q(quantity__gt=3)).count()
    with transaction.atomic(using=name):
        products.bulk_create([Product(id=8000 + n, name=f"bulk {n}", price=Decimal(2), stock=n) for n in range(40)])
        seen["updated"] = products.filter(id__gte=8000).update(stock=F("stock") + 1)
        seen["stock"] = products.get(pk=8007).stock
        try:
            with transaction.atomic(using=name):
                products.create(id=8001, name="twice", price=1, stock=1)
        except IntegrityError as error:
            seen["twice"] = str(error)
        seen["kept"] = products.filter(id__gte=8000).count()
        seen["deleted"] = products.filter(id__gte=8000)._raw_delete(name)
    return seen


@pytest.mark.parametrize("matrix_proxy", ["18"], indirect=True)
def test_the_orm(matrix_proxy: Proxy) -> None:
    with alias(matrix_proxy.conninfo()) as name:
        seen = _queries(name)
        from tests.drivers.shopapp.models import Customer

        with pytest.raises(ProgrammingError, match="permission denied by policy"):
            list(Customer.objects.using(name).filter(ssn__startswith="9"))
    with alias(direct(matrix_proxy)) as name:
        truth = _queries(name)
    assert seen["masked one"] == ("Bram Abbott", "b***@post.example", "***", None, None)
    assert seen["masked values"] == ["***"] * 4
    assert seen["masked join"] == [("***", product) for _, product in truth["masked join"]]
    assert seen["masked iterator"] == {"***"}
    same = [key for key in truth if not key.startswith("masked")]
    assert {key: seen[key] for key in same} == {key: truth[key] for key in same}


class _Agreeable:
    """Bob, who agrees to whatever is asked while the block lasts."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.approved: list[str] = []

    def _work(self) -> None:
        with self._proxy.person(SECOND) as bob:
            while not self._done.wait(0.02):
                found = [each.decode() for each in dict.fromkeys(REQUEST.findall(self._proxy.tap.to_client))]
                for request in found[len(self.approved) :]:
                    assert bob.approve(request).status == httpx2.codes.OK
                    self.approved.append(request)

    def __enter__(self) -> _Agreeable:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(SECONDS)


def test_migrate_runs_what_a_person_agrees_to(shop18: servers.Database, tmp_path: Path) -> None:
    """Schema changes are held one by one; what the migration writes by the ORM is not."""
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute("GRANT CREATE ON SCHEMA shop TO pgmaskproxy")
    with proxies.in_process(shop18, tmp_path) as proxy:
        with alias(proxy.conninfo()) as name, _Agreeable(proxy) as bob:
            call_command("migrate", "shopapp", database=name, verbosity=0)
            made = django.db.connections[name].introspection.table_names()
        assert {"django_migrations", "shopapp_note"} <= set(made)
        assert len(bob.approved) >= 3
        with psycopg.connect(shop18.admin) as admin:
            assert admin.execute("SELECT text, customer_id, written IS NULL FROM shop.shopapp_note").fetchall() == [
                ("made", 1, False)
            ]
        proxy.check_bytes()
