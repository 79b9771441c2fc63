"""What has been spent of budgets: rows of `charges`, one for each use, in a window that slides.

A window that begins anew every hour lets twice its limit through around the hour; this one never does.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from pgmaskproxy.model import Charge
from pgmaskproxy.store.protocol import Exhausted
from pgmaskproxy.store.schema import CHARGES


def exhausted(connection: Connection, principal: str, charges: Sequence[Charge], now: float) -> Exhausted | None:
    """The first of the budgets behind `charges` that has not enough left, with the time when it will."""
    for charge in charges:
        wanted = sum(1 for each in charges if (each.label, each.use) == (charge.label, charge.use))
        spent = _spent(principal, charge, now)
        count = connection.scalar(select(func.count()).select_from(CHARGES).where(*spent)) or 0
        short = count + wanted - charge.limit
        if short <= 0:
            continue
        if wanted > charge.limit:
            return Exhausted(charge, None)
        # So many of the oldest must be forgotten first.
        oldest = select(CHARGES.c.at).where(*spent).order_by(CHARGES.c.at).offset(short - 1).limit(1)
        at = connection.scalar(oldest)
        return Exhausted(charge, (now if at is None else at) + charge.seconds)
    return None


def spend(connection: Connection, principal: str, charges: Sequence[Charge], now: float) -> None:
    """Note every one of `charges`, and forget what no window reaches back to."""
    connection.execute(delete(CHARGES).where(CHARGES.c.expires <= now))
    rows = [
        {
            "principal": principal,
            "label": charge.label,
            "use": charge.use.value,
            "at": now,
            "expires": now + charge.seconds,
        }
        for charge in charges
    ]
    connection.execute(insert(CHARGES), rows)


def _spent(principal: str, charge: Charge, now: float) -> tuple[ColumnElement[bool], ...]:
    """Of one budget, what counts now. What lies ahead (the clock was put back) counts too."""
    return (
        CHARGES.c.principal == principal,
        CHARGES.c.label == charge.label,
        CHARGES.c.use == charge.use.value,
        CHARGES.c.at > now - charge.seconds,
    )
