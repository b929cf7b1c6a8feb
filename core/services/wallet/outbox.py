"""Messages to be delivered: taken under a lease, marked when they are out. The front end only sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.services.common.ledger_service import LedgerService
from core.services.common.views import GiftView
from core.services.gifts.mappers import gift_view
from core.services.wallet.messages import notice_text
from core.store.queries import gifts, notices


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message to one person; ``channel`` and ``ts`` name the earlier message about the same gift, if any."""

    org_id: int
    notice_id: int
    kind: str
    gift: GiftView | None
    body: dict[str, Any]
    slack_team_id: str
    slack_user_id: str
    attempts: int
    channel: str | None
    ts: str | None
    created_at: datetime


async def take_messages(ledger: LedgerService, *, limit: int, lease: timedelta) -> list[OutboxMessage]:
    """Take due messages; one not marked within the lease is due again, so each is sent at least once."""
    now = ledger.clock()

    def take(connection: Connection) -> list[OutboxMessage]:
        taken = notices.take(connection, now, limit=limit, lease=lease)
        return [_message(connection, record) for record in taken]

    return await ledger.write(take)


async def mark_sent(ledger: LedgerService, message: OutboxMessage, *, channel: str, ts: str) -> None:
    """It is out; remember where, so that the same message can change when the gift does."""
    await ledger.write(
        lambda connection: notices.mark_sent(connection, message.org_id, message.notice_id, channel=channel, ts=ts)
    )


async def mark_retry(ledger: LedgerService, message: OutboxMessage, *, at: datetime) -> None:
    """It could not be sent now; try again at ``at``."""
    await ledger.write(lambda connection: notices.mark_retry(connection, message.org_id, message.notice_id, at=at))


async def mark_failed(ledger: LedgerService, message: OutboxMessage) -> None:
    """It can never be sent."""
    await ledger.write(lambda connection: notices.mark_failed(connection, message.org_id, message.notice_id))


def _message(connection: Connection, record: notices.NoticeRecord) -> OutboxMessage:
    gift, place = None, None
    if record.gift_id is not None:
        found = gifts.by_ids(connection, record.org_id, [record.gift_id])
        gift = gift_view(found[0]) if found else None
        place = notices.sent_about(connection, record.org_id, record.gift_id, record.member_id)
    channel, ts = place or (None, None)
    return OutboxMessage(
        record.org_id,
        record.notice_id,
        record.kind,
        gift,
        {**record.body, "text": notice_text(record.kind, record.body, gift)},
        str(record.slack_team_id),
        str(record.slack_user_id),
        record.attempts,
        channel,
        ts,
        record.created_at,
    )
