"""Makes a table, fills it by Python, and adds a column to it."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def fill(apps: Any, editor: Any) -> None:
    """A row, by the ORM."""
    apps.get_model("shopapp", "Note").objects.using(editor.connection.alias).create(text="made", customer_id=1)


class Migration(migrations.Migration):  # type: ignore[misc]
    """Not in one transaction: what is in a table that nobody but its maker knows of cannot be proven."""

    atomic = False
    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel("Customer", [("id", models.BigAutoField(primary_key=True))], {"managed": False}),
        migrations.CreateModel(
            "Note",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("text", models.TextField()),
                (
                    "customer",
                    models.ForeignKey(
                        to="shopapp.customer", on_delete=django.db.models.deletion.CASCADE, db_constraint=False
                    ),
                ),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddField("Note", "written", models.DateTimeField(auto_now_add=True, null=True)),
        migrations.AddIndex("Note", models.Index(fields=["written"], name="note_written")),
    )
