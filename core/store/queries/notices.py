"""The outbox: what people are told, written with what caused it; delivered by Slack, claimed once by an editor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select, text, update

from core.store.engine import is_sqlite
from core.store.tables import DUE_MESSAGE, UNCLAIMED_NOTICE, MemberRow, OutboxRow
from core.store.timestamps import from_micros, to_micros

_OUTBOX: Final = OutboxRow.metadata.tables["outbox"]
_MEMBER: Final = MemberRow.metadata.tables["member"]
_MAX_ATTEMPTS: Final = 30


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """A notice as stored, with where its person is found in Slack."""

    org_id: int
    notice_id: int
    member_id: int
    kind: str
    gift_id: int | None
    body: dict[str, Any]
    created_at: datetime
    attempts: int
    slack_team_id: str | None
    slack_user_id: str | None
    channel: str | None
    ts: str | None


def add(
    connection: Connection, *, org_id: int, notice_id: int, member_id: int, kind: str, text: str, at: datetime
) -> None:
    """Queue a message about something outside the books; editors do not show it."""
    connection.execute(
        _OUTBOX.insert().values(
            org_id=org_id,
            notice_id=notice_id,
            member_id=member_id,
            kind=kind,
            body={"text": text},
            created_at=to_micros(at),
            for_editor=False,
            slack_state="queued",
            attempts=0,
            next_at=to_micros(at),
        )
    )


def take(connection: Connection, now: datetime, *, limit: int, lease: timedelta) -> list[NoticeRecord]:
    """Take due messages for delivery; whoever dies on the way loses them again when the lease is over.

    Those of people who have no Slack account are set aside for good.
    """
    due = (
        select(_OUTBOX, _MEMBER.c.slack_team_id, _MEMBER.c.slack_user_id)
        .join(_MEMBER, and_(_MEMBER.c.org_id == _OUTBOX.c.org_id, _MEMBER.c.member_id == _OUTBOX.c.member_id))
        .where(text(DUE_MESSAGE), _OUTBOX.c.next_at <= to_micros(now))
        .order_by(_OUTBOX.c.next_at, _OUTBOX.c.notice_id)
        .limit(limit)
    )
    if not is_sqlite(connection):
        due = due.with_for_update(of=_OUTBOX, skip_locked=True)
    taken = [_record(row) for row in connection.execute(due)]
    for record in taken:
        reachable = record.slack_user_id is not None and record.attempts < _MAX_ATTEMPTS
        state = "sending" if reachable else "failed" if record.slack_user_id else "none"
        _set(
            connection,
            record.org_id,
            record.notice_id,
            slack_state=state,
            attempts=record.attempts + 1,
            next_at=to_micros(now + lease),
        )
    return [record for record in taken if record.slack_user_id is not None and record.attempts < _MAX_ATTEMPTS]


def mark_sent(connection: Connection, org_id: int, notice_id: int, *, channel: str, ts: str) -> None:
    _set(connection, org_id, notice_id, slack_state="sent", slack_channel=channel, slack_ts=ts)


def mark_retry(connection: Connection, org_id: int, notice_id: int, *, at: datetime) -> None:
    _set(connection, org_id, notice_id, slack_state="queued", next_at=to_micros(at))


def mark_failed(connection: Connection, org_id: int, notice_id: int) -> None:
    _set(connection, org_id, notice_id, slack_state="failed")


def sent_about(connection: Connection, org_id: int, gift_id: int, member_id: int) -> tuple[str, str] | None:
    """Return (channel, ts) of the first message a member got about a gift: the one with the buttons."""
    query = (
        select(_OUTBOX.c.slack_channel, _OUTBOX.c.slack_ts)
        .where(
            _OUTBOX.c.org_id == org_id,
            _OUTBOX.c.gift_id == gift_id,
            _OUTBOX.c.member_id == member_id,
            _OUTBOX.c.slack_state == "sent",
        )
        .order_by(_OUTBOX.c.notice_id)
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


_UNCLAIMED: Final = (
    select(_OUTBOX)
    .where(
        _OUTBOX.c.org_id == bindparam("org"),
        _OUTBOX.c.member_id == bindparam("member"),
        text(UNCLAIMED_NOTICE),
    )
    .order_by(_OUTBOX.c.notice_id)
    .limit(bindparam("most"))
)


def unclaimed(connection: Connection, org_id: int, member_id: int, limit: int) -> list[NoticeRecord]:
    """Return what a member's editor has not shown yet, oldest first."""
    values = {"org": org_id, "member": member_id, "most": limit}
    return [_record(row) for row in connection.execute(_UNCLAIMED, values)]


def claim(connection: Connection, org_id: int, member_id: int, notice_id: int, now: datetime) -> bool | None:
    """Claim a notice for the first window that shows it; False when it was claimed, None when there is none."""
    mine = and_(
        _OUTBOX.c.org_id == org_id,
        _OUTBOX.c.notice_id == notice_id,
        _OUTBOX.c.member_id == member_id,
        _OUTBOX.c.for_editor,
    )
    changed = connection.execute(
        update(_OUTBOX).where(mine, _OUTBOX.c.claimed_at.is_(None)).values(claimed_at=to_micros(now))
    )
    if changed.rowcount:
        return True
    return None if connection.execute(select(_OUTBOX.c.notice_id).where(mine)).first() is None else False


def _record(row: Any) -> NoticeRecord:
    return NoticeRecord(
        row.org_id,
        row.notice_id,
        row.member_id,
        row.kind,
        row.gift_id,
        row.body,
        from_micros(row.created_at),
        row.attempts,
        getattr(row, "slack_team_id", None),
        getattr(row, "slack_user_id", None),
        row.slack_channel,
        row.slack_ts,
    )


def _set(connection: Connection, org_id: int, notice_id: int, **values: Any) -> None:
    connection.execute(
        update(_OUTBOX).where(_OUTBOX.c.org_id == org_id, _OUTBOX.c.notice_id == notice_id).values(**values)
    )
