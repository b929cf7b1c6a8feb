"""Who has credits that will lapse, and who in the same teams has hardly any left. Bounded, by indexes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, text

from core.ledger.accounts import owner_of, wallet_of
from core.ledger.credits import Credits
from core.ledger.daily_giving import NOTHING_GIVEN, DailyGiving
from core.ledger.positions import Position
from core.store.queries.lots import LOT_NAMES, lot_of
from core.store.timestamps import to_micros

MAX_LAPSING: Final = 1_000  # positions looked at, those that lapse soonest
MAX_DRY: Final = 300  # wallets looked at, those with the least left
MAX_EVENTS: Final = 200  # of one person's usage, the newest

_LOT: Final = ", ".join(f"l.{name}" for name in LOT_NAMES)
_PRESENT: Final = "m.kind = 'person' AND m.deactivated_at IS NULL AND m.frozen_at IS NULL"
# The few teams of a member are looked up, and not the member in each of many teams: "+ 0" hides the other index.
_IN_TEAMS: Final = """EXISTS (SELECT 1 FROM team_member s WHERE s.org_id = m.org_id AND s.member_id = m.member_id
                      AND s.team_id + 0 IN :teams)"""


def lapsing(
    connection: Connection,
    org_id: int,
    *,
    after: datetime,
    until: datetime,
    teams: Collection[int],
    verified_only: bool,
    giver: int | None,
) -> dict[int, list[Position]]:
    """Return by member what of wallets in some teams lapses between two instants, the soonest first."""
    query = text(
        f"""SELECT p.account_id, p.remaining, {_LOT} FROM position p
            JOIN member m ON m.org_id = p.org_id AND m.member_id = p.account_id / 8
            JOIN lot l ON l.org_id = p.org_id AND l.lot_id = p.lot_id
            WHERE p.expires_at > :after AND p.expires_at <= :until AND p.org_id = :org AND p.account_id % 8 = 0
            AND p.remaining > 0 AND l.giftable AND {_PRESENT} AND {_IN_TEAMS}
            {"AND m.verified_at IS NOT NULL" if verified_only else ""}
            {"AND m.member_id = :giver" if giver is not None else ""}
            ORDER BY p.expires_at, p.account_id, p.lot_id LIMIT :most"""  # noqa: S608  (our own words)
    ).bindparams(bindparam("teams", expanding=True))
    values = {"org": org_id, "after": to_micros(after), "until": to_micros(until), "teams": list(teams)}
    more = {} if giver is None else {"giver": giver}
    found: defaultdict[int, list[Position]] = defaultdict(list)
    for account, remaining, *lot in connection.execute(query, {**values, **more, "most": MAX_LAPSING}):
        found[owner_of(account)].append(Position(lot_of(lot), Credits(remaining)))
    return found


def emptiest(
    connection: Connection, org_id: int, *, now: datetime, since: datetime, teams: Collection[int]
) -> list[int]:
    """Return whose wallets in some teams were used since an instant and hold the least now, the emptiest first.

    Used is: something went out of it, or something is owed for usage that nothing covered.
    """
    query = text(
        f"""SELECT m.member_id, (SELECT coalesce(sum(p.remaining), 0) FROM position p
                                 WHERE p.org_id = m.org_id AND p.account_id = m.member_id * 8
                                 AND (p.expires_at IS NULL OR p.expires_at > :now)) AS held FROM member m
            WHERE m.org_id = :org AND {_PRESENT} AND {_IN_TEAMS}
            AND (EXISTS (SELECT 1 FROM entry e WHERE e.org_id = m.org_id AND e.account_id = m.member_id * 8
                         AND e.at > :since AND e.amount < 0)
                 OR EXISTS (SELECT 1 FROM obligation o WHERE o.org_id = m.org_id AND o.debtor_account = m.member_id * 8
                            AND o.repaid < o.amount AND o.created_at > :since))
            ORDER BY held, m.member_id LIMIT :most"""  # noqa: S608  (our own words)
    ).bindparams(bindparam("teams", expanding=True))
    values = {"org": org_id, "now": to_micros(now), "since": to_micros(since), "teams": list(teams)}
    return [row[0] for row in connection.execute(query, {**values, "most": MAX_DRY})]


_GIVEN: Final = text(
    """SELECT sender_account, recipient_account, count(*), CAST(sum(amount) AS BIGINT) FROM gift
       WHERE org_id = :org AND sender_account IN :senders AND created_at > :since
       AND state IN ('pending', 'in_review', 'settled') GROUP BY sender_account, recipient_account"""
).bindparams(bindparam("senders", expanding=True))


def given_by(connection: Connection, org_id: int, members: Iterable[int], since: datetime) -> dict[int, DailyGiving]:
    """Return what people gave since an instant, as the policy counts it; whoever gave nothing is left out."""
    values = {"org": org_id, "senders": [wallet_of(each) for each in members], "since": to_micros(since)}
    found: dict[int, DailyGiving] = {}
    for sender, recipient, number, amount in connection.execute(_GIVEN, values):
        before = found.get(owner_of(sender), NOTHING_GIVEN)
        pairs = {**before.per_recipient, recipient: number}
        found[owner_of(sender)] = DailyGiving(before.gifts + number, before.amount + Credits(amount), pairs)
    return found


_USED: Final = text(
    """SELECT u.amount FROM usage_event u JOIN transfer t ON t.org_id = u.org_id AND t.transfer_id = u.transfer_id
       WHERE u.org_id = :org AND u.member_id = :member AND t.at > :since ORDER BY u.transfer_id DESC LIMIT :most"""
)


def used_since(connection: Connection, org_id: int, member_id: int, since: datetime) -> Credits:
    """Return what somebody has used since an instant, as far as their newest events tell."""
    values = {"org": org_id, "member": member_id, "since": to_micros(since), "most": MAX_EVENTS}
    return Credits(sum(row[0] for row in connection.execute(_USED, values)))


_SEATS: Final = text(
    "SELECT member_id, team_id FROM team_member WHERE org_id = :org AND member_id IN :members AND team_id IN :teams"
).bindparams(bindparam("members", expanding=True), bindparam("teams", expanding=True))


def team_members(
    connection: Connection, org_id: int, members: Iterable[int], teams: Collection[int]
) -> dict[int, frozenset[int]]:
    """Return in which of some teams people are."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    values = {"org": org_id, "members": list(members), "teams": list(teams)}
    for member, team in connection.execute(_SEATS, values):
        found[member].add(team)
    return {member: frozenset(its) for member, its in found.items()}


def all_teams(connection: Connection, org_id: int) -> tuple[int, ...]:
    """Return every team of an organization."""
    return tuple(connection.execute(text("SELECT team_id FROM team WHERE org_id = :org"), {"org": org_id}).scalars())
