"""Referral codes, and who came by whom, as they are read outside the journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, text

from core.ledger.credits import Credits
from core.ledger.referrals import MAX_CHAIN, OPEN_FOR, Referral
from core.store.queries.people import insert_once
from core.store.records import query_records
from core.store.tables import OPEN_REFERRAL, ReferralCodeRow
from core.store.timestamps import from_micros, to_micros

_CODE: Final = ReferralCodeRow.metadata.tables["referral_code"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open referral whose invited is verified, and what they have really used: see ``open_referrals``."""

    referral: Referral
    used: Credits


def code_of(connection: Connection, org_id: int, member_id: int) -> str | None:
    query = select(_CODE.c.code).where(_CODE.c.org_id == org_id, _CODE.c.member_id == member_id)
    return connection.execute(query).scalar()


def owner_of_code(connection: Connection, org_id: int, code: str) -> int | None:
    query = select(_CODE.c.member_id).where(_CODE.c.org_id == org_id, _CODE.c.code == code)
    return connection.execute(query).scalar()


def add_code(connection: Connection, org_id: int, member_id: int, code: str, now: datetime) -> bool:
    """Keep a code; False when the member has one, or somebody has this one."""
    values = {"org_id": org_id, "member_id": member_id, "code": code, "created_at": to_micros(now)}
    return insert_once(connection, "referral_code", values)


def referral_of(connection: Connection, org_id: int, invited_id: int) -> Referral | None:
    """Return by whom somebody came."""
    which = "WHERE r.org_id = :org AND r.invited_id = :invited"
    return next(iter(query_records(connection, Referral, which, org=org_id, invited=invited_id)), None)


def chain_above(connection: Connection, org_id: int, member_id: int) -> tuple[int, ...]:
    """Return a member, who invited them, who invited those, and so on, at most MAX_CHAIN."""
    chain = [member_id]
    while len(chain) < MAX_CHAIN and (above := referral_of(connection, org_id, chain[-1])) is not None:
        chain.append(above.inviter_id)
    return tuple(chain)


def invited_by(connection: Connection, org_id: int, inviter_id: int, limit: int) -> list[Referral]:
    """Return whom somebody invited, newest first."""
    which = "WHERE r.org_id = :org AND r.inviter_id = :inviter ORDER BY r.created_at DESC, r.invited_id LIMIT :most"
    return query_records(connection, Referral, which, org=org_id, inviter=inviter_id, most=limit)


# What was refunded or is still owed was not paid. What people report of themselves has their id before its source.
_PAID: Final = """(SELECT CAST(coalesce(sum(
        u.amount - coalesce((SELECT sum(f.amount) FROM refund f
                             WHERE f.org_id = u.org_id AND f.charge_id = u.transfer_id), 0)
                 - coalesce((SELECT o.amount - o.repaid - coalesce(o.cancelled, 0) FROM obligation o
                             WHERE o.org_id = u.org_id AND o.cause_id = u.transfer_id), 0)), 0) AS BIGINT)
    FROM usage_event u JOIN transfer t ON t.org_id = u.org_id AND t.transfer_id = u.transfer_id
    WHERE u.org_id = r.org_id AND u.member_id = r.invited_id
    AND t.actor_id <> r.invited_id AND u.source NOT LIKE 'mem!_%/%' ESCAPE '!')"""


def open_referrals(connection: Connection, now: datetime, *, after: tuple[int, int], limit: int) -> list[Candidate]:
    """Return open referrals of verified people, oldest first, beyond a place (micro-seconds, invited).

    What they have used is what lots and allowances paid of usage that somebody else reported or captured.
    """
    query = text(
        f"""SELECT r.org_id, r.invited_id, r.inviter_id, r.created_at, {_PAID}
            FROM referral r JOIN member m ON m.org_id = r.org_id AND m.member_id = r.invited_id
            WHERE {OPEN_REFERRAL} AND r.created_at > :since AND (r.created_at, r.invited_id) > (:at, :invited)
            AND m.verified_at IS NOT NULL AND m.deactivated_at IS NULL
            ORDER BY r.created_at, r.invited_id LIMIT :most"""  # noqa: S608  (our own words)
    )
    at, invited = after
    values = {"since": to_micros(now - OPEN_FOR), "at": at, "invited": invited, "most": limit}
    rows = connection.execute(query, values).all()
    return [Candidate(Referral(row[0], row[1], row[2], from_micros(row[3])), Credits(int(row[4]))) for row in rows]
