"""The shop as Django's ORM sees it. Only `Note` is Django's own to make."""

from __future__ import annotations

from django.db import models


class Customer(models.Model):  # type: ignore[misc]
    """With what is masked."""

    name = models.TextField()
    email = models.TextField()
    ssn = models.TextField()
    birth_date = models.DateField(null=True)
    profile = models.JSONField(null=True)
    city = models.TextField()

    class Meta:
        managed = False
        db_table = "customers"


class Product(models.Model):  # type: ignore[misc]
    """Nothing in it is masked."""

    name = models.TextField(unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    stock = models.IntegerField()

    class Meta:
        managed = False
        db_table = "products"


class Order(models.Model):  # type: ignore[misc]
    """Joins the other two."""

    customer = models.ForeignKey(Customer, models.PROTECT)
    product = models.ForeignKey(Product, models.PROTECT)
    quantity = models.IntegerField()
    status = models.TextField()
    ordered_on = models.DateField()

    class Meta:
        managed = False
        db_table = "orders"


class Note(models.Model):  # type: ignore[misc]
    """What migrations make."""

    text = models.TextField()
    written = models.DateTimeField(auto_now_add=True)
    customer = models.ForeignKey(Customer, models.CASCADE, db_constraint=False)

    class Meta:
        indexes = (models.Index(fields=["written"], name="note_written"),)
