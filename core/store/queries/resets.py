"""Resets and their orders as they are read outside the journal, and how far an order has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from core.ledger.ids import MAX_ID
from core.metering.resets import WARNED_BEFORE, WARNED_QUARTER, Reset, ResetOrder
from core.store.records import query_records
from core.store.timestamps import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class BankedResets:
    """How many resets somebody has banked, and when the first of them expires."""

    count: int
    expires_at: datetime | None


_BANKED: Final = text(
    """SELECT count(*), min(expires_at) FROM reset
       WHERE org_id = :org AND member_id = :member AND used_at IS NULL AND expires_at > :now"""
)


def banked(connection: Connection, org_id: int, member_id: int, now: datetime) -> BankedResets:
    """Count the resets that a member may use now."""
    asked = {"org": org_id, "member": member_id, "now": to_micros(now)}
    count, expires_at = connection.execute(_BANKED, asked).one()
    return BankedResets(count, from_micros(expires_at))


def reset(connection: Connection, org_id: int, reset_id: int) -> Reset | None:
    which = "WHERE r.org_id = :org AND r.reset_id = :number"
    return next(iter(query_records(connection, Reset, which, org=org_id, number=reset_id)), None)


def resets(connection: Connection, org_id: int, member_id: int, *, before: int | None, limit: int) -> list[Reset]:
    """Return a member's banked resets, used and expired ones too, newest first."""
    which = """WHERE r.org_id = :org AND r.member_id = :member AND r.reset_id < :before
               ORDER BY r.reset_id DESC LIMIT :limit"""
    asked = {"org": org_id, "member": member_id, "before": before or MAX_ID + 1, "limit": limit}
    return query_records(connection, Reset, which, **asked)


def to_warn_of(connection: Connection, now: datetime, limit: int) -> list[Reset]:
    """Return unused resets of people who are here that expire soon and were not warned of. Takes no lock."""
    which = f"""JOIN member m ON m.org_id = r.org_id AND m.member_id = r.member_id AND m.deactivated_at IS NULL
                WHERE r.used_at IS NULL AND r.warned_at IS NULL AND r.expires_at > :now AND r.expires_at <= :soon
                AND (r.expires_at - :now) * {WARNED_QUARTER} <= r.expires_at - r.created_at
                ORDER BY r.expires_at LIMIT :limit"""
    asked = {"now": to_micros(now), "soon": to_micros(now + WARNED_BEFORE), "limit": limit}
    return query_records(connection, Reset, which, **asked)


def order(connection: Connection, org_id: int, order_id: int) -> ResetOrder | None:
    which = "WHERE r.org_id = :org AND r.order_id = :number"
    return next(iter(query_records(connection, ResetOrder, which, org=org_id, number=order_id)), None)


def orders(connection: Connection, org_id: int, *, before: int | None, limit: int) -> list[ResetOrder]:
    """Return an organization's orders, newest first."""
    which = "WHERE r.org_id = :org AND r.order_id < :before ORDER BY r.order_id DESC LIMIT :limit"
    return query_records(connection, ResetOrder, which, org=org_id, before=before or MAX_ID + 1, limit=limit)


def open_orders(connection: Connection, limit: int) -> list[ResetOrder]:
    """Return orders of all organizations that are not carried out yet, the oldest first. Takes no lock."""
    which = "WHERE r.finished_at IS NULL ORDER BY r.created_at, r.order_id LIMIT :limit"
    return query_records(connection, ResetOrder, which, limit=limit)


def members_of(connection: Connection, order: ResetOrder, limit: int) -> list[int]:
    """Return who comes next in an order: people and services who are here, of the team or of all."""
    seated = """AND EXISTS (SELECT 1 FROM team_member t WHERE t.org_id = m.org_id AND t.team_id = :subject
                AND t.member_id = m.member_id)"""
    query = f"""SELECT m.member_id FROM member m WHERE m.org_id = :org AND m.member_id > :after
                AND m.deactivated_at IS NULL AND m.kind <> 'bot' {"" if order.subject_id == order.org_id else seated}
                ORDER BY m.member_id LIMIT :limit"""  # noqa: S608  (our own words)
    asked = {"org": order.org_id, "after": order.after_member, "limit": limit}
    if order.subject_id != order.org_id:
        asked["subject"] = order.subject_id
    return list(connection.execute(text(query), asked).scalars())


def advance(
    connection: Connection, order: ResetOrder, *, to: int, done: int, unchanged: int, finished_at: datetime | None
) -> bool:
    """Write how far an order has come, unless another process was faster: then nothing is counted twice."""
    query = """UPDATE reset_order SET after_member = :to, done = done + :done, unchanged = unchanged + :unchanged,
               finished_at = :finished WHERE org_id = :org AND order_id = :number AND after_member = :after
               AND finished_at IS NULL"""
    asked = {
        "to": to,
        "done": done,
        "unchanged": unchanged,
        "finished": to_micros(finished_at),
        "org": order.org_id,
        "number": order.order_id,
        "after": order.after_member,
    }
    return connection.execute(text(query), asked).rowcount == 1
