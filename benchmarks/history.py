"""A long history that leaves nothing behind: lots granted, given on, settled and spent, month after month.

A first stretch is made by real commands. Its rows are then copied many times over by the database itself, each
copy further in the past and with ids of its own, so that positions, gifts and sums stay consistent; only the
seals of the copies are not real.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlmodel import SQLModel

from benchmarks.fixture_data import Town
from core.ledger.accounts import wallet_of
from core.ledger.commands import Command
from core.ledger.credits import Credits
from core.ledger.ids import first_id_of
from core.ledger.lots import GiftOrder, Source
from core.metering.usage import Rating, Usage
from core.services.common.ledger_service import LedgerService
from core.services.gifts.gift_commands import Give
from core.services.gifts.settlement_commands import Settle
from core.services.grants.grant_commands import Grant
from core.services.usage.charge_commands import Charge
from core.store import tables as t
from core.store.drivers.driver import columns_of, table_of
from core.store.engine import is_sqlite, writing
from tests.support.clock import SettableClock

PEOPLE: Final = 125
ROUNDS: Final = 10
ENTRIES_EACH: Final = 8  # of one grant, gift, settlement and charge
FIRST_ENTRIES: Final = PEOPLE * ROUNDS * ENTRIES_EACH
AMOUNT: Final = Credits.of(10)
_WAIT: Final = timedelta(hours=25)
_LASTS: Final = timedelta(days=7)  # sooner than the town's own lots, so that these are drawn first
_BETWEEN: Final = 3_600_000_000  # micro-seconds from one copy to the one before
_AT_ONCE: Final = 25  # copies in one transaction
_MOMENTS: Final = frozenset({"at", "created_at", "settles_at", "expires_at", "granted_at", "claimed_at", "next_at"})
_IDS: Final = frozenset({"transfer_id", "gift_id", "cause_id", "lot_id", "notice_id", "first_id"})
_TEXTS: Final = frozenset({"key", "event_id"})
_OWN_KEYS: Final[dict[type[SQLModel], str]] = {  # the tables that grow with the books, and which id is their own
    t.LotRow: "lot_id",
    t.TransferRow: "transfer_id",
    t.EntryRow: "transfer_id",
    t.GiftRow: "gift_id",
    t.NoteRow: "transfer_id",
    t.CommandRow: "first_id",
    t.UsageEventRow: "transfer_id",
    t.OutboxRow: "notice_id",
}


def live_through(ledger: LedgerService, clock: SettableClock, town: Town, *, rounds: int = ROUNDS) -> None:
    """Make the first stretch, and let its messages be delivered and seen."""
    people = town.members[town.big][:PEOPLE]
    for number in range(rounds):
        _carry_out(ledger, [_grant(town.big, each, number, clock) for each in people])
        gifts = _carry_out(ledger, [_give(town.big, people, place, number) for place in range(len(people))])
        clock.advance(_WAIT)
        _carry_out(ledger, [Settle(town.big, gift) for gift in gifts])
        _carry_out(ledger, [_charge(town.big, each, number) for each in people])
    with writing(ledger.engine) as connection:
        connection.execute(
            text("UPDATE outbox SET slack_state = 'sent', claimed_at = created_at WHERE claimed_at IS NULL")
        )


def multiply(engine: Engine, copies: int) -> None:
    """Copy what the newest writer wrote, ``copies`` times, each an hour further back. Nobody else may write."""
    with engine.connect() as connection:
        with connection.begin():
            first = first_id_of(connection.execute(text("SELECT max(writer_id) FROM seal")).scalar_one())
            span = max(_keep_aside(connection, table, first) for table in _OWN_KEYS) - first + 1
        for start in range(1, copies + 1, _AT_ONCE):
            with connection.begin():
                for table in _OWN_KEYS:
                    _copy(connection, table, range(start, min(start + _AT_ONCE, copies + 1)), span)
    if not is_sqlite(engine):  # what the autovacuum does for a database that grows by and by
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))


def _carry_out(ledger: LedgerService, commands: Sequence[Command]) -> list[int]:
    futures = [ledger.journal.submit(command) for command in commands]
    return [future.result().first_id for future in futures]


def _grant(org: int, member: int, number: int, clock: SettableClock) -> Grant:
    return Grant(
        org_id=org,
        actor_id=member,
        key=f"old lot {number} of {member}",
        account=wallet_of(member),
        amount=AMOUNT,
        source=Source.PURCHASE,
        expires_at=clock() + _LASTS,
        giftable=True,
        priority=100,
        reason=None,
    )


def _give(org: int, people: Sequence[int], place: int, number: int) -> Give:
    to = people[(place + 1 + number) % len(people)]
    return Give(
        org_id=org,
        actor_id=people[place],
        key=f"old gift {number}",
        recipients=(wallet_of(to),),
        amount=AMOUNT,
        message="thanks for the review",
        prefer=GiftOrder.SOONEST,
    )


def _charge(org: int, member: int, number: int) -> Charge:
    return Charge(
        org_id=org,
        member_id=member,
        source="history",
        event_id=f"{member}/{number}",
        subject=str(member),
        usage=Usage("a-model", input_tokens=1_000, output_tokens=500),
        rating=Rating(AMOUNT, "a-card", is_fallback=False),
    )


def _keep_aside(connection: Connection, table: type[SQLModel], first: int) -> int:
    """Keep the rows that are copied in a table of their own, and return their highest id."""
    name, key = table_of(table).name, _OWN_KEYS[table]
    connection.execute(text(f"CREATE TEMPORARY TABLE first_{name} AS SELECT * FROM {name} WHERE {key} >= {first}"))
    highest: int = connection.execute(text(f"SELECT max({key}) FROM first_{name}")).scalar_one()
    return highest


def _copy(connection: Connection, table: type[SQLModel], numbers: range, span: int) -> None:
    """Copy k has ids ``k * span`` higher and moments k steps earlier."""
    name, names = table_of(table).name, columns_of(table)
    columns = ", ".join(f'"{each}"' for each in names)
    values = ", ".join(_copied(each, span) for each in names)
    copies = f"""WITH RECURSIVE copies (k) AS (SELECT CAST({numbers.start} AS BIGINT)
                 UNION ALL SELECT k + 1 FROM copies WHERE k < {numbers.stop - 1})"""
    connection.execute(text(f"INSERT INTO {name} ({columns}) {copies} SELECT {values} FROM copies, first_{name}"))


def _copied(column: str, span: int) -> str:
    if column in _IDS:
        return f'"{column}" + k * {span}'
    if column in _MOMENTS:
        return f'"{column}" - k * {_BETWEEN}'
    return f"\"{column}\" || '/' || k" if column in _TEXTS else f'"{column}"'
