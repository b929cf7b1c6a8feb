"""Gifts on their way to another organization: found by their state, marked when both sides are done (L9, L11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, text, update

from core.ledger.transfers import TransferKind
from core.store.tables import QUEUED_DELIVERY, DeliveryRow, TransferRow
from core.store.timestamps import to_micros

_DELIVERY: Final = DeliveryRow.metadata.tables["delivery"]
_TRANSFER: Final = TransferRow.metadata.tables["transfer"]


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One gift on its way."""

    org_id: int
    gift_id: int
    to_org: int
    attempts: int


def queued(connection: Connection, now: datetime, limit: int) -> list[DeliveryRecord]:
    """Return deliveries that are due, the longest waiting first. Takes no lock: delivering twice is harmless."""
    query = (
        select(_DELIVERY.c.org_id, _DELIVERY.c.gift_id, _DELIVERY.c.to_org, _DELIVERY.c.attempts)
        .where(text(QUEUED_DELIVERY), _DELIVERY.c.next_at <= to_micros(now))
        .order_by(_DELIVERY.c.next_at, _DELIVERY.c.gift_id)
        .limit(limit)
    )
    return [DeliveryRecord(*row) for row in connection.execute(query)]


def mark(connection: Connection, record: DeliveryRecord, *, state: str, next_at: datetime) -> None:
    """Write what came of an attempt: arrived, bounced, or still queued until ``next_at``."""
    connection.execute(
        update(_DELIVERY)
        .where(_DELIVERY.c.org_id == record.org_id, _DELIVERY.c.gift_id == record.gift_id)
        .where(_DELIVERY.c.state == "queued")
        .values(state=state, attempts=record.attempts + 1, next_at=to_micros(next_at))
    )


def was_taken(connection: Connection, org_id: int, transfer_id: int) -> bool:
    """Return whether the transfer that answered an arrival took the gift, or refused it."""
    query = select(_TRANSFER.c.kind).where(_TRANSFER.c.org_id == org_id, _TRANSFER.c.transfer_id == transfer_id)
    return bool(connection.execute(query).scalar_one() == TransferKind.GIFT_ARRIVE.value)
