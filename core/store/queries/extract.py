"""The whole ledger of one organization, streamed in a stable order, for exports. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, text

from core.ledger.accounts import AccountKind, kind_of, owner_of
from core.ledger.credits import Credits
from core.ledger.gifts import GiftState
from core.ledger.ids import Prefix, shown_id
from core.ledger.lots import Lot
from core.ledger.transfers import Entry, TransferKind
from core.store.queries.lots import LOT_NAMES, lot_of
from core.store.timestamps import from_micros

_STREAM: Final = 5_000
_HOUSE: Final = {
    AccountKind.ISSUANCE: "issuance",
    AccountKind.CONSUMED: "consumed",
    AccountKind.BREAKAGE: "breakage",
}
_STORED: Final = "account_id % 8 IN (0, 1, 2)"  # wallets, pools, escrows


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account; ``id`` is like ``wallet:mem_1``, or the word of a house account."""

    account_id: int
    id: str
    kind: AccountKind
    name: str | None


@dataclass(frozen=True, slots=True)
class TransferLine:
    """A transfer with its lines, which sum to zero for each lot (L1). ``actor_id`` 0 is the house itself."""

    transfer_id: int
    kind: TransferKind
    at: datetime
    actor_id: int
    cause_id: int | None
    settles_at: datetime | None
    note: str | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class GiftLine:
    """A gift without its words, which stand with the transfers that carry them."""

    gift_id: int
    sender_account: int
    recipient_account: int
    amount: Credits
    created_at: datetime
    settles_at: datetime
    state: GiftState


@dataclass(frozen=True, slots=True)
class Holding:
    """What a wallet, pool or escrow holds of a lot that it ever had, as its stored position says: maybe nothing."""

    account_id: int
    lot_id: int
    remaining: Credits


@dataclass(frozen=True, slots=True)
class Extract:
    """One organization's ledger. Each iterable can be gone through once, while the transaction is open."""

    org_id: int
    name: str
    created_at: datetime
    first_at: datetime
    last_at: datetime
    accounts: tuple[AccountLine, ...]
    lots: Iterable[Lot]
    transfers: Iterable[TransferLine]
    gifts: Iterable[GiftLine]
    holdings: Iterable[Holding]


def extract(connection: Connection, org_id: int, *, with_notes: bool) -> Extract | None:
    """Read an organization's ledger; None when there is no such organization.

    Accounts, lots and gifts come in the order of their ids, transfers in the order of time.
    """
    asked = {"org": org_id}
    found = connection.execute(text("SELECT name, created_at FROM organisation WHERE org_id = :org"), asked).first()
    if found is None:
        return None
    query = "SELECT min(at), max(at) FROM transfer WHERE org_id = :org"
    first, last = connection.execute(text(query), asked).one()
    created = from_micros(found.created_at)
    return Extract(
        org_id,
        found.name,
        created,
        min(created, from_micros(first) or created),
        max(created, from_micros(last) or created),
        tuple(_accounts(connection, org_id)),
        _lots(connection, org_id),
        _transfers(connection, org_id, with_notes=with_notes),
        _gifts(connection, org_id),
        _holdings(connection, org_id),
    )


def _accounts(connection: Connection, org_id: int) -> Iterator[AccountLine]:
    """Yield all accounts: those with a row, those that any line names, and the house's."""
    query = """SELECT a.account_id, m.name AS member, t.name AS team FROM
               (SELECT account_id FROM account WHERE org_id = :org
                UNION SELECT account_id FROM entry WHERE org_id = :org
                UNION SELECT :org * 8 + kind FROM (SELECT 3 AS kind UNION SELECT 4 UNION SELECT 5) house) a
               LEFT JOIN member m ON m.org_id = :org AND m.member_id = a.account_id / 8
               LEFT JOIN team t ON t.org_id = :org AND t.team_id = a.account_id / 8
               ORDER BY a.account_id"""
    for row in _rows(connection, query, org_id):
        name = row.member if row.member is not None else row.team
        yield AccountLine(row.account_id, _account_name(row, org_id), kind_of(row.account_id), name)


def _account_name(row: Any, org_id: int) -> str:
    kind, owner = kind_of(row.account_id), owner_of(row.account_id)
    if kind in _HOUSE:
        return _HOUSE[kind]
    if kind is AccountKind.CLEARING or owner == org_id:
        prefix = Prefix.ORG
    else:
        prefix = Prefix.MEMBER if row.team is None else Prefix.TEAM
    return f"{kind.name.lower()}:{shown_id(prefix, owner)}"


def _lots(connection: Connection, org_id: int) -> Iterator[Lot]:
    query = f"SELECT {', '.join(LOT_NAMES)} FROM lot WHERE org_id = :org ORDER BY lot_id"  # noqa: S608  (our own names)
    yield from map(lot_of, _rows(connection, query, org_id))


def _transfers(connection: Connection, org_id: int, *, with_notes: bool) -> Iterator[TransferLine]:
    """Go through transfers and lines side by side, both in the order of time."""
    body = "n.body" if with_notes else "NULL"
    notes = "LEFT JOIN note n ON n.org_id = t.org_id AND n.transfer_id = t.transfer_id" if with_notes else ""
    query = f"""SELECT t.transfer_id, t.kind, t.at, t.actor_id, t.cause_id, t.settles_at, {body} AS note
                FROM transfer t {notes} WHERE t.org_id = :org ORDER BY t.at, t.transfer_id"""  # noqa: S608
    lines = _rows(
        connection,
        """SELECT at, transfer_id, account_id, lot_id, amount FROM entry WHERE org_id = :org
           ORDER BY at, transfer_id, line""",
        org_id,
    )
    line = next(lines, None)
    for row in _rows(connection, query, org_id):
        entries = []
        while line is not None and (line.at, line.transfer_id) <= (row.at, row.transfer_id):
            if line.transfer_id == row.transfer_id:  # a line of no transfer is for verify to name
                entries.append(Entry(line.account_id, line.lot_id, Credits(line.amount)))
            line = next(lines, None)
        yield TransferLine(
            row.transfer_id,
            TransferKind(row.kind),
            from_micros(row.at),
            row.actor_id,
            row.cause_id,
            from_micros(row.settles_at),
            row.note,
            tuple(entries),
        )


def _gifts(connection: Connection, org_id: int) -> Iterator[GiftLine]:
    query = """SELECT gift_id, sender_account, recipient_account, amount, created_at, settles_at, state
               FROM gift WHERE org_id = :org ORDER BY gift_id"""
    for number, sender, recipient, amount, created, settles, state in _rows(connection, query, org_id):
        created_at, settles_at = from_micros(created), from_micros(settles)
        yield GiftLine(number, sender, recipient, Credits(amount), created_at, settles_at, GiftState(state))


def _holdings(connection: Connection, org_id: int) -> Iterator[Holding]:
    """Yield stored positions, and nothing where lines say that a lot has come and gone."""
    query = f"""SELECT e.account_id, e.lot_id, coalesce(p.remaining, 0) FROM
                (SELECT account_id, lot_id FROM entry WHERE org_id = :org AND {_STORED}
                 UNION SELECT account_id, lot_id FROM position WHERE org_id = :org) e
                LEFT JOIN position p
                ON p.org_id = :org AND p.account_id = e.account_id AND p.lot_id = e.lot_id
                ORDER BY e.account_id, e.lot_id"""  # noqa: S608  (our own words)
    for account, lot, remaining in _rows(connection, query, org_id):
        yield Holding(account, lot, Credits(remaining))


def _rows(connection: Connection, query: str, org_id: int) -> Iterator[Any]:
    """Stream a query's rows, so that a ledger of any size fits."""
    asked = text(query).bindparams(bindparam("org", org_id))
    yield from connection.execute(asked, execution_options={"yield_per": _STREAM})
