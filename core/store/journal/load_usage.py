"""Holds and windows in a batch: what is found, read and sealed of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, Final

import orjson

from core.ledger.accounts import escrow_of, pool_of, wallet_of
from core.ledger.batch import BatchState, Effects, WindowPosting
from core.ledger.credits import Credits
from core.ledger.members import TeamSeat
from core.ledger.records import RecordQuery
from core.ledger.transfers import TransferKind
from core.metering.allowances import Plan, PlanAssignment, UsageWindow
from core.metering.boosts import Boost
from core.metering.caps import Cap
from core.metering.holds import Hold
from core.store.drivers.driver import Driver, Row, columns_of
from core.store.drivers.round_trips import Reader
from core.store.journal.read_set import BatchReadSet
from core.store.records import row_of
from core.store.seals import LATER
from core.store.tables import HoldRow, UsageEventRow
from core.store.timestamps import from_micros, to_micros

# What is sealed of a hold and of a usage event: what never changes.
HOLD_FACTS: Final = (
    "hold_id", "member_id", "model", "card", "amount", "allowance", "sources", "created_at", "deadline_at",
)  # fmt: skip
# What is looked up of everybody who spends: records whose value in that column never changes.
SPENDING: Final = frozenset({
    (UsageWindow, "member_id"), (Plan, "org_id"), (PlanAssignment, "member_id"),
    (Cap, "subject_id"), (Boost, "subject_id"),
})  # fmt: skip
_FACTS_OF_HOLD: Final = itemgetter(*HOLD_FACTS)
USAGE_FACTS: Final = tuple(name for name in columns_of(UsageEventRow) if name not in {"org_id", "at", *LATER})


def find_holds(driver: Driver, wanted: BatchReadSet) -> None:
    """Find whose the holds are and where they lie; neither ever changes. Takes no lock."""
    query = """SELECT h.org_id, h.hold_id, h.member_id, CAST(h.sources AS TEXT) FROM {wanted} w
               CROSS JOIN hold h WHERE h.org_id = w.a AND h.hold_id = w.b"""
    for org, _hold_id, member, sources in driver.select(query, sorted(wanted.holds)):
        wanted.members.add((org, member))
        wanted.spending_of.add((org, member))
        for source in orjson.loads(sources):
            wanted.accounts.add((org, escrow_of(source)))
            wanted.positions.add((org, source))
    wanted.records.update((org, RecordQuery(Hold, "hold_id", hold_id)) for org, hold_id in wanted.holds)


def find_spending(wanted: BatchReadSet, seats: Mapping[tuple[int, int], Iterable[TeamSeat]]) -> None:
    """Add all that the evaluator asks: the pools of people's teams, and what is set for them, their teams and all."""
    wanted.seats_of |= wanted.spending_of
    for org, member in wanted.spending_of:
        teams = [seat.team_id for seat in seats[org, member]]
        ids = {member, org, *teams}
        wanted.positions.update([(org, pool_of(team)) for team in teams])
        wanted.positions.add((org, wallet_of(member)))
        wanted.records.add((org, RecordQuery(UsageWindow, "member_id", member)))
        wanted.records.add((org, RecordQuery(Plan, "org_id", org)))
        wanted.records.update((org, RecordQuery(PlanAssignment, "member_id", seat)) for seat in (member, org))
        for subject in ids:
            wanted.records.add((org, RecordQuery(Cap, "subject_id", subject)))
            wanted.records.add((org, RecordQuery(Boost, "subject_id", subject)))


def read_reserved(wanted: BatchReadSet, batch: BatchState) -> Reader[None]:
    """Read what holds have reserved in windows."""
    query = """SELECT p.org_id, p.transfer_id, p.member_id, p.meter, p.opens_at, p.closes_at, p.amount FROM {wanted} w
               CROSS JOIN window_posting p WHERE p.org_id = w.a AND p.transfer_id = w.b
               ORDER BY p.transfer_id, p.line"""
    for org, number, member, meter, opens_at, closes_at, amount in (yield query, sorted(wanted.holds)):
        posting = WindowPosting(
            org, number, member, meter, from_micros(opens_at), from_micros(closes_at), Credits(amount)
        )
        batch.reserved[number] = (*batch.reserved.get(number, ()), posting)


def window_rows(postings: Iterable[WindowPosting]) -> list[Row]:
    """Return the rows of window postings, numbered within their transfer."""
    return [
        (posting.org_id, number, line, posting.member_id, posting.meter, *_window_facts(posting))
        for number, lines in _by_transfer(postings).items()
        for line, posting in enumerate(lines)
    ]


def window_lines(postings: Iterable[WindowPosting]) -> dict[int, list[Row]]:
    """Return what is sealed of a transfer's window postings: (member, meter, opens_at, closes_at, amount)."""
    return {
        number: [(posting.member_id, posting.meter, *_window_facts(posting)) for posting in lines]
        for number, lines in _by_transfer(postings).items()
    }


def hold_facts(effects: Effects) -> dict[int, Row]:
    """Return what is sealed of each hold that was opened."""
    holds = [record for record in effects.records if isinstance(record, Hold)]
    if not holds:
        return {}
    opened = {posting.transfer_id for posting in effects.postings if posting.kind is TransferKind.HOLD}
    facts: dict[int, Row] = {}
    for hold in holds:
        if hold.hold_id in opened:
            row = dict(zip(columns_of(HoldRow), row_of(hold), strict=True))
            facts.setdefault(hold.hold_id, sealed_hold(row))
    return facts


def sealed_hold(row: Mapping[str, Any]) -> Row:
    """Return what is sealed of a hold, from its stored values: that of its first schema, and its tier if it has one."""
    sources = row["sources"]
    stored = {**row, "sources": orjson.loads(sources) if isinstance(sources, str) else sources}
    tier = () if row["tier"] is None else (["tier", row["tier"]],)
    return (*_FACTS_OF_HOLD(stored), *tier)


def usage_facts(row: Mapping[str, Any]) -> Row:
    """Return what is sealed of a usage event: what its first schema had, and by name what came later, if it is set."""
    first = [bool(row[name]) if name == "is_fallback" else row[name] for name in USAGE_FACTS]
    return (*first, *[[name, row[name]] for name in LATER if row.get(name) is not None])


def _window_facts(posting: WindowPosting) -> Row:
    return (to_micros(posting.opens_at), to_micros(posting.closes_at), posting.amount.micros)


def _by_transfer(postings: Iterable[WindowPosting]) -> dict[int, list[WindowPosting]]:
    grouped: defaultdict[int, list[WindowPosting]] = defaultdict(list)
    for posting in postings:
        grouped[posting.transfer_id].append(posting)
    return grouped
