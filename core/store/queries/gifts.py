"""Gifts as they are read: one, a page, the due ones; with names, draws and messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, func, select, text, tuple_, union_all

from core.ledger.accounts import AccountKind, escrow_of, kind_of, owner_of, wallet_of
from core.ledger.credits import Credits
from core.ledger.daily_giving import DailyGiving
from core.ledger.gifts import OPEN, GiftState
from core.ledger.positions import Slice
from core.ledger.transfers import TransferKind
from core.store.queries.lots import LOT_COLUMNS, lot_of
from core.store.tables import (
    OPEN_GIFT,
    PENDING_GIFT,
    EntryRow,
    GiftRow,
    LotRow,
    MemberRow,
    NoteRow,
    OrganizationRow,
    PositionRow,
    TeamMemberRow,
    TeamRow,
    TransferRow,
)
from core.store.timestamps import from_micros, to_micros

_GIFT: Final = GiftRow.metadata.tables["gift"]
_ENTRY: Final = EntryRow.metadata.tables["entry"]
_LOT: Final = LotRow.metadata.tables["lot"]
_NOTE: Final = NoteRow.metadata.tables["note"]
_TRANSFER: Final = TransferRow.metadata.tables["transfer"]
_MEMBER: Final = MemberRow.metadata.tables["member"]
_TEAM: Final = TeamRow.metadata.tables["team"]
_SEAT: Final = TeamMemberRow.metadata.tables["team_member"]
_ORG: Final = OrganizationRow.metadata.tables["organisation"]
_POSITION: Final = PositionRow.metadata.tables["position"]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a gift: whose account, and what they are called."""

    account: int
    name: str
    slack_user_id: str | None = None


@dataclass(frozen=True, slots=True)
class GiftRecord:
    """A gift as stored, ready to be shown."""

    org_id: int
    gift_id: int
    sender: Side
    recipient: Side
    amount: Credits
    created_at: datetime
    settles_at: datetime
    state: GiftState
    decision: Mapping[str, Any]
    slices: tuple[Slice, ...]
    message: str | None
    reason: str | None
    recipient_org: int | None = None


def by_ids(connection: Connection, org_id: int, gift_ids: Collection[int]) -> list[GiftRecord]:
    """Return gifts of one organization, in the order of the ids given; unknown ones are left out."""
    found = _records(connection, select(_GIFT).where(_GIFT.c.org_id == org_id, _GIFT.c.gift_id.in_(gift_ids)))
    known = {record.gift_id: record for record in found}
    return [known[gift_id] for gift_id in gift_ids if gift_id in known]


def of_member(
    connection: Connection,
    org_id: int,
    member_id: int,
    *,
    state: GiftState | None,
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[GiftRecord]:
    """Return the gifts a member sent or received, newest first, older than ``before`` (created_at, id)."""
    wallet = wallet_of(member_id)
    newest = (_GIFT.c.created_at.desc(), _GIFT.c.gift_id.desc())
    sides = []
    for side in (_GIFT.c.sender_account, _GIFT.c.recipient_account):
        query = select(_GIFT.c.created_at, _GIFT.c.gift_id).where(_GIFT.c.org_id == org_id, side == wallet)
        if state is not None:
            query = query.where(_GIFT.c.state == state.value)
        if before is not None:
            place = (to_micros(before[0]), before[1])
            query = query.where(tuple_(_GIFT.c.created_at, _GIFT.c.gift_id) < place)
        # Each side from its own index, newest first; an ``or`` would read the whole history.
        sides.append(select(query.order_by(*newest).limit(limit).subquery()))
    ids = union_all(*sides).subquery()
    page = select(ids.c.gift_id).order_by(ids.c.created_at.desc(), ids.c.gift_id.desc()).limit(limit)
    return by_ids(connection, org_id, [row[0] for row in connection.execute(page)])


def is_reviewer(connection: Connection, org_id: int, actor: int, record: GiftRecord) -> bool:
    """Return whether somebody leads a team of the gift's sender, or the team whose pool receives it."""
    led = select(_SEAT.c.team_id).where(_SEAT.c.org_id == org_id, _SEAT.c.member_id == actor, _SEAT.c.is_lead)
    theirs = select(_SEAT.c.team_id).where(
        _SEAT.c.org_id == org_id, _SEAT.c.member_id == owner_of(record.sender.account), _SEAT.c.team_id.in_(led)
    )
    if connection.execute(theirs.limit(1)).first() is not None:
        return True
    return owner_of(record.recipient.account) in {row[0] for row in connection.execute(led)}


def due(connection: Connection, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Return (organization, gift) of gifts whose settlement period is over. Takes no lock (G2)."""
    query = (
        select(_GIFT.c.org_id, _GIFT.c.gift_id)
        .where(text(PENDING_GIFT), _GIFT.c.settles_at <= to_micros(now))
        .order_by(_GIFT.c.settles_at)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def open_of(connection: Connection, org_id: int, member_id: int) -> list[int]:
    """Return the open gifts a member sent or receives."""
    wallet = wallet_of(member_id)
    sides = [
        select(_GIFT.c.gift_id).where(_GIFT.c.org_id == org_id, side == wallet, text(OPEN_GIFT))
        for side in (_GIFT.c.sender_account, _GIFT.c.recipient_account)
    ]
    return [row[0] for row in connection.execute(union_all(*sides))]


def stranded(connection: Connection, limit: int) -> list[tuple[int, int]]:
    """Return (organization, gift) of open gifts with a side who has left, or whose sender is frozen (G4, G8)."""
    query = text(
        f"""SELECT DISTINCT g.org_id, g.gift_id FROM gift g JOIN member m ON m.org_id = g.org_id
            AND m.member_id IN (g.sender_account / 8, g.recipient_account / 8)
            WHERE {OPEN_GIFT} AND (m.deactivated_at IS NOT NULL
                                   OR (m.frozen_at IS NOT NULL AND m.member_id = g.sender_account / 8))
            LIMIT :most"""  # noqa: S608  (our own words)
    )
    return [(row[0], row[1]) for row in connection.execute(query, {"most": limit})]


def with_lapsed_slices(connection: Connection, org_id: int, escrow: int, lot_id: int) -> list[int]:
    """Return the open gifts that hold a lot in an escrow."""
    query = (
        select(_GIFT.c.gift_id)
        .join(
            _ENTRY,
            and_(
                _ENTRY.c.org_id == _GIFT.c.org_id,
                _ENTRY.c.account_id == escrow,
                _ENTRY.c.at == _GIFT.c.created_at,
                _ENTRY.c.transfer_id == _GIFT.c.gift_id,
                _ENTRY.c.lot_id == lot_id,
            ),
        )
        .where(
            _GIFT.c.org_id == org_id,
            _GIFT.c.sender_account == wallet_of(owner_of(escrow)),
            text(OPEN_GIFT),
        )
        .distinct()
    )
    return [row[0] for row in connection.execute(query)]


def _records(connection: Connection, query: Select[Any]) -> list[GiftRecord]:
    rows = connection.execute(query).all()
    if not rows:
        return []
    accounts = {(row.org_id, row.sender_account) for row in rows}
    accounts |= {(row.recipient_org or row.org_id, row.recipient_account) for row in rows}
    names = sides(connection, accounts)
    draws = _draws(
        connection, [(row.org_id, escrow_of(row.sender_account), row.created_at, row.gift_id) for row in rows]
    )
    notes = _notes(connection, [(row.org_id, row.gift_id) for row in rows])
    return [
        GiftRecord(
            row.org_id,
            row.gift_id,
            names[row.sender_account],
            names[row.recipient_account],
            Credits(row.amount),
            from_micros(row.created_at),
            from_micros(row.settles_at),
            GiftState(row.state),
            row.decision,
            draws[row.gift_id],
            *notes.get(row.gift_id, (None, None)),
            row.recipient_org,
        )
        for row in rows
    ]


def sides(connection: Connection, accounts: Iterable[tuple[int, int]]) -> dict[int, Side]:
    """Return whom accounts belong to: members by their wallets, teams and organizations by their pools."""
    owners: defaultdict[int, set[int]] = defaultdict(set)
    for org_id, account in accounts:
        owners[org_id].add(account)
    found: dict[int, Side] = {}
    for org_id, members in owners.items():
        ids = [owner_of(account) for account in members]
        people = select(_MEMBER.c.member_id, _MEMBER.c.name, _MEMBER.c.slack_user_id)
        known = {
            row.member_id: (row.name, row.slack_user_id)
            for row in connection.execute(people.where(_MEMBER.c.org_id == org_id, _MEMBER.c.member_id.in_(ids)))
        }
        pools = [owner_of(account) for account in members if kind_of(account) is AccountKind.POOL]
        if pools:
            teams = select(_TEAM.c.team_id, _TEAM.c.name).where(_TEAM.c.org_id == org_id, _TEAM.c.team_id.in_(pools))
            known |= {row.team_id: (f"{row.name} pool", None) for row in connection.execute(teams)}
            orgs = select(_ORG.c.org_id, _ORG.c.name).where(_ORG.c.org_id == org_id, _ORG.c.org_id.in_(pools))
            known |= {row.org_id: (f"{row.name} pool", None) for row in connection.execute(orgs)}
        found |= {account: Side(account, *known.get(owner_of(account), ("somebody", None))) for account in members}
    return found


def _draws(connection: Connection, gifts: list[tuple[int, int, int, int]]) -> dict[int, tuple[Slice, ...]]:
    """Return each gift's recorded draw, in its order: what its reservation put into escrow (L4)."""
    draws: defaultdict[int, list[Slice]] = defaultdict(list)
    for org_id, escrow, created_at, gift_id in gifts:
        query = (
            select(_ENTRY.c.amount, *LOT_COLUMNS)
            .join(_LOT, and_(_LOT.c.org_id == _ENTRY.c.org_id, _LOT.c.lot_id == _ENTRY.c.lot_id))
            .where(
                _ENTRY.c.org_id == org_id,
                _ENTRY.c.account_id == escrow,
                _ENTRY.c.at == created_at,
                _ENTRY.c.transfer_id == gift_id,
            )
            .order_by(_ENTRY.c.line)
        )
        for amount, *lot in connection.execute(query):
            draws[gift_id].append(Slice(lot_of(lot), Credits(amount)))
    return defaultdict(tuple, {gift_id: tuple(slices) for gift_id, slices in draws.items()})


def _notes(connection: Connection, gifts: list[tuple[int, int]]) -> dict[int, tuple[str | None, str | None]]:
    """Return each gift's message and the reason of what became of it."""
    messages: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for org_id, gift_id in gifts:
        query = (
            select(_TRANSFER.c.kind, _NOTE.c.body)
            .join(_NOTE, and_(_NOTE.c.org_id == _TRANSFER.c.org_id, _NOTE.c.transfer_id == _TRANSFER.c.transfer_id))
            .where(_TRANSFER.c.org_id == org_id, _TRANSFER.c.cause_id == gift_id)
            .order_by(_TRANSFER.c.transfer_id)
        )
        for kind, body in connection.execute(query):
            (messages if kind == TransferKind.GIFT_RESERVE.value else reasons)[gift_id] = body
    ids = messages.keys() | reasons.keys()
    return {gift_id: (messages.get(gift_id), reasons.get(gift_id)) for gift_id in ids}


_INCOMING: Final = select(func.coalesce(func.sum(_GIFT.c.amount), 0)).where(
    _GIFT.c.org_id == bindparam("org"),
    _GIFT.c.recipient_account == bindparam("account"),
    _GIFT.c.recipient_org.is_(None),
    text(OPEN_GIFT),
    text(PENDING_GIFT),
)
_OUTGOING: Final = select(func.coalesce(func.sum(_GIFT.c.amount), 0)).where(
    _GIFT.c.org_id == bindparam("org"),
    _GIFT.c.sender_account == bindparam("account"),
    text(OPEN_GIFT),
)
_GIVEN: Final = (
    select(_GIFT.c.recipient_account, func.count(), func.sum(_GIFT.c.amount), func.min(_GIFT.c.created_at))
    .where(
        _GIFT.c.org_id == bindparam("org"),
        _GIFT.c.sender_account == bindparam("account"),
        _GIFT.c.created_at > bindparam("since"),
        _GIFT.c.state.in_([state.value for state in (*sorted(OPEN), GiftState.SETTLED)]),
    )
    .group_by(_GIFT.c.recipient_account)
)


def incoming(connection: Connection, org_id: int, account: int) -> Credits:
    """Return what pending gifts will bring an account."""
    return Credits(int(connection.execute(_INCOMING, {"org": org_id, "account": account}).scalar_one()))


def outgoing(connection: Connection, org_id: int, account: int) -> Credits:
    """Return what an account has set aside for its open gifts."""
    return Credits(int(connection.execute(_OUTGOING, {"org": org_id, "account": account}).scalar_one()))


def given_since(
    connection: Connection, org_id: int, account: int, since: datetime
) -> tuple[DailyGiving, datetime | None]:
    """Return what an account gave since an instant, as the policy counts it, and when the first of it was."""
    values = {"org": org_id, "account": account, "since": to_micros(since)}
    rows = connection.execute(_GIVEN, values).all()
    given = DailyGiving(
        sum(row[1] for row in rows), Credits(sum(int(row[2]) for row in rows)), {row[0]: row[1] for row in rows}
    )
    return given, from_micros(min((row[3] for row in rows), default=None))
