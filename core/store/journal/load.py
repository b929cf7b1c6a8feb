"""What a batch reads: what its commands need, found before the locks, read again after them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import orjson

from core.ledger.accounts import AccountKind as Kind
from core.ledger.accounts import escrow_of, kind_of, owner_of, wallet_of
from core.ledger.batch import BatchState
from core.ledger.batch_cache import BatchCache
from core.ledger.credits import Credits
from core.ledger.daily_giving import GIVEN_WINDOW, NOTHING_GIVEN, CountedGift, DailyGiving
from core.ledger.gifts import Gift, GiftState
from core.ledger.lots import Lot
from core.ledger.members import Debt, Member, TeamSeat
from core.ledger.positions import Position, Slice
from core.metering.holds import Hold
from core.policy.limits import Policy
from core.store.drivers.driver import Deferred, Driver, Row
from core.store.drivers.round_trips import Reader, run_reader, start_readers
from core.store.journal.load_usage import find_holds, find_spending, read_reserved
from core.store.journal.read_set import BatchReadSet, RowKey
from core.store.queries.lots import LOT_NAMES, lot_of
from core.store.queries.requests import find_requests
from core.store.records import SAFELY, records_readers
from core.store.timestamps import from_micros, to_micros

FEW_A_DAY: Final = 20  # gifts: who may make no more is known gift by gift, others are counted by the database
_GIVEN: Final = """FROM {wanted} w CROSS JOIN gift g
                   WHERE g.org_id = w.a AND g.sender_account = w.b AND g.created_at > w.c
                   AND g.state IN ('pending', 'in_review', 'settled')"""
_LOT = ", ".join(f"l.{name}" for name in LOT_NAMES)


def find_accounts(driver: Driver, wanted: BatchReadSet, known: BatchCache) -> None:
    """Find which accounts the commands mean: both sides of gifts, the pools of people's teams. Takes no lock.

    It may go by what was known before, for what is decided by is what is read after the locks.
    """
    if wanted.gifts:
        query = """SELECT g.org_id, g.gift_id, g.sender_account, g.recipient_account FROM {wanted} w
                   CROSS JOIN gift g WHERE g.org_id = w.a AND g.gift_id = w.b"""
        for org, gift_id, *sides in driver.select(query, sorted(wanted.gifts)):
            if (org, gift_id) in wanted.judged:
                wanted.seats_of.add((org, owner_of(sides[0])))
            if (org, gift_id) in wanted.claw_back:
                wanted.positions.add((org, sides[1]))
            wanted.accounts.update((org, side) for side in sides)
            wanted.members.update((org, owner_of(side)) for side in sides if kind_of(side) is Kind.WALLET)
    if wanted.holds:
        find_holds(driver, wanted)
    if wanted.requests:
        find_requests(driver, wanted)
    if wanted.spending_of:
        seats = {key: known.seats[key] for key in wanted.spending_of if key in known.seats}
        if unknown := wanted.spending_of.difference(seats):
            seats |= run_reader(driver, _seats(unknown))
        find_spending(wanted, seats)
    if wanted.debts_of:
        wanted.accounts.update(
            (org, debt.creditor_account) for org, debt in run_reader(driver, _debts(wanted.debts_of))
        )
    _add_accounts(wanted)


def is_known(wanted: BatchReadSet, known: BatchCache) -> bool:
    """Return whether the batch need ask nothing; then the accounts that its commands mean have been found.

    What is known of others costs nothing: ``a.difference(b)`` goes through a, where ``a - b.keys()`` goes through b.
    """
    if wanted.gifts or wanted.holds or wanted.requests or wanted.debts_of or wanted.spending_of.difference(known.seats):
        return False
    find_spending(wanted, known.seats)
    _add_accounts(wanted)
    return not (
        wanted.accounts - known.accounts
        or {org for org, _ in wanted.accounts}.difference(known.policies)
        or any(Policy.of(known.policies[org]).counts_days for org, _ in wanted.given_by.difference(known.given))
        or _unknown(wanted.members, known.members)
        or wanted.seats_of.difference(known.seats)
        or _unknown(wanted.positions, known.positions)
        or any(
            (org, value) not in known.records.get((kind, column), ()) for org, (kind, column, value) in wanted.records
        )
    )


def _add_accounts(wanted: BatchReadSet) -> None:
    wanted.accounts.update((org, wallet_of(member)) for org, member in wanted.members)
    wanted.accounts.update(wanted.positions)


def lock(driver: Driver, wanted: BatchReadSet, known: BatchCache) -> Deferred[set[RowKey]]:
    """Lock the accounts in id order. Fetched are those that exist; what is known to is not asked about without need."""
    there = set() if driver.locks_rows else wanted.accounts & known.accounts
    missing = wanted.accounts - there if there else wanted.accounts
    if not missing:
        return lambda: there
    found = driver.lock(sorted(missing))
    return lambda: there.union(found())


def existing(driver: Driver, wanted: BatchReadSet) -> set[RowKey]:
    """Return which of the accounts exist, without a lock: for dry runs."""
    query = "SELECT org_id, account_id FROM {wanted} w CROSS JOIN account WHERE org_id = w.a AND account_id = w.b"
    return set(driver.select(query, sorted(wanted.accounts))) if wanted.accounts else set()


def read(driver: Driver, wanted: BatchReadSet, batch: BatchState) -> Deferred[None]:
    """Read the facts into the book, in statements after the locks, as many side by side as can be.

    The first of them are sent at once, so that they wait for the locks where the locks are. Before what is returned
    carries on, the book is told which accounts are locked, and the time (G2).
    """
    readers: list[Reader[None]] = []
    orgs = {org for org, _ in wanted.accounts}.difference(batch.policies)
    if (givers := wanted.given_by.difference(batch.facts.given)) or orgs:
        readers.append(_read_limits(orgs, givers, batch))
    if members := _unknown(wanted.members, batch.members):
        readers.append(_read_members(members, batch))
    if seated := wanted.seats_of.difference(batch.seats):
        readers.append(_read_seats(seated, batch))
    if accounts := _unknown(wanted.positions, batch.positions):
        readers.append(_read_positions(accounts, batch))
    if wanted.gifts:
        readers.append(_read_gifts(wanted, batch))
    if wanted.debts_of:
        readers.append(_read_debts(wanted, batch))
    if wanted.holds:
        readers.append(read_reserved(wanted, batch))
    found = start_readers(driver, readers + records_readers(wanted.records, batch))

    def carry_on() -> None:
        found()
        batch.count_given(wanted.given_by)
        if wanted.holds:
            run_reader(driver, _read_hold_draws(wanted, batch))

    return carry_on


def _unknown(wanted: set[RowKey], known: Mapping[int, object]) -> list[RowKey]:
    """Return the keys (organization, id) of which nothing is known, in order."""
    return sorted([key for key in wanted if key[1] not in known])


def _read_limits(orgs: set[int], given_by: set[RowKey], batch: BatchState) -> Reader[None]:
    """Read policies, then what was given in the last day where a rule looks at it: behind the locks, when it is known
    since when that is."""
    yield from _read_policies(orgs, batch)
    counted = {key: Policy.of(batch.policies.get(key[0])) for key in given_by}
    counted = {key: policy for key, policy in counted.items() if policy.counts_days}
    if few := [key for key, policy in counted.items() if _allows_few(policy)]:
        yield from _read_given(few, batch)
    if many := sorted(counted.keys() - set(few)):
        yield from _count_given(many, batch)


def _allows_few(policy: Policy) -> bool:
    return policy.gifts_per_day is not None and policy.gifts_per_day <= FEW_A_DAY


def _read_seats(members: set[RowKey], batch: BatchState) -> Reader[None]:
    batch.seats.update((yield from _seats(members)))


def _read_debts(wanted: BatchReadSet, batch: BatchState) -> Reader[None]:
    for _, debt in (yield from _debts(wanted.debts_of)):
        batch.debts[debt.debtor_account] = (*batch.debts.get(debt.debtor_account, ()), debt)


def _seats(members: set[RowKey]) -> Reader[dict[RowKey, tuple[TeamSeat, ...]]]:
    """Return the teams of each member."""
    query = """SELECT t.org_id, t.member_id, t.team_id, t.is_lead FROM {wanted} w
               CROSS JOIN team_member t WHERE t.org_id = w.a AND t.member_id = w.b
               ORDER BY t.org_id, t.member_id, t.team_id"""
    seats: defaultdict[RowKey, list[TeamSeat]] = defaultdict(list)
    for org, member, team, is_lead in (yield query, sorted(members)):
        seats[org, member].append(TeamSeat(team, bool(is_lead)))
    return {key: tuple(seats[key]) for key in members}


def _debts(debtors: set[RowKey]) -> Reader[list[tuple[int, Debt]]]:
    """Return (organization, debt) of what accounts still owe, oldest first."""
    query = """SELECT o.org_id, o.cause_id, o.debtor_account, o.creditor_account, o.amount, o.repaid,
                      coalesce(o.cancelled, 0)
               FROM {wanted} w CROSS JOIN obligation o WHERE o.org_id = w.a AND o.debtor_account = w.b
               AND o.repaid < o.amount AND o.repaid + coalesce(o.cancelled, 0) < o.amount
               ORDER BY o.created_at, o.cause_id"""
    rows = yield query, sorted(debtors)
    return [
        (org, Debt(cause, debtor, creditor, Credits(amount), Credits(repaid), Credits(cancelled)))
        for org, cause, debtor, creditor, amount, repaid, cancelled in rows
    ]


def _find_open_gifts(wanted: BatchReadSet) -> Reader[None]:
    """Add the open gifts that recipients of a claw-back have sent on; their wallets are locked."""
    query = """SELECT o.org_id, o.gift_id FROM {wanted} w CROSS JOIN gift g CROSS JOIN gift o
               WHERE g.org_id = w.a AND g.gift_id = w.b AND o.org_id = g.org_id
               AND o.sender_account = g.recipient_account AND o.state IN ('pending', 'in_review')"""
    rows = yield query, sorted(wanted.claw_back)
    wanted.gifts.update((row[0], row[1]) for row in rows)


def _read_policies(orgs: set[int], batch: BatchState) -> Reader[None]:
    query = """SELECT p.org_id, CAST(p.body AS TEXT) FROM {wanted} w CROSS JOIN policy p WHERE p.org_id = w.a
               AND p.version = (SELECT max(version) FROM policy q WHERE q.org_id = w.a)"""
    rows = yield query, [(org,) for org in sorted(orgs)]
    batch.policies.update(dict.fromkeys(orgs))
    batch.policies.update((org, _policy(body)) for org, body in rows)


@lru_cache(maxsize=1024)
def _policy(stored: str) -> Policy:
    return Policy.of(orjson.loads(stored))


def _read_members(members: list[RowKey], batch: BatchState) -> Reader[None]:
    query = """SELECT m.member_id, m.org_id, m.name, m.kind, m.role, m.verified_at, m.joined_at, m.frozen_at,
                      m.deactivated_at, m.slack_user_id IS NOT NULL
               FROM {wanted} w CROSS JOIN member m WHERE m.org_id = w.a AND m.member_id = w.b"""
    rows = yield query, members
    batch.members.update((row[0], _member(row)) for row in rows)


@lru_cache(maxsize=8_192)  # what is stored of most people is the same in many batches
def _member(row: Row) -> Member:
    number, org, name, kind, role, verified, joined, frozen, left, slack = row
    return Member(
        number,
        org,
        name,
        kind,
        role,
        from_micros(verified),
        from_micros(joined),
        from_micros(frozen),
        from_micros(left),
        bool(slack),
    )


def _read_positions(accounts: list[RowKey], batch: BatchState) -> Reader[None]:
    query = """SELECT p.org_id, p.account_id, p.lot_id, p.remaining FROM {wanted} w
               CROSS JOIN position p WHERE p.org_id = w.a AND p.account_id = w.b"""
    rows = yield query, accounts
    lots = yield from _lots(batch, {(row[0], row[2]) for row in rows})
    found: dict[int, dict[int, Position]] = {key[1]: {} for key in accounts if key in batch.locked}
    for _org, account, lot_id, remaining in rows:
        if account in found:
            found[account][lot_id] = Position(lots[lot_id], Credits(remaining))
    batch.positions.update(found)


def _lots(batch: BatchState, wanted: set[RowKey]) -> Reader[dict[int, Lot]]:
    """Return lots by id. They never change, so a book may know them from batches before."""
    if unknown := [key for key in wanted if key[1] not in batch.lots]:
        query = f"""SELECT {_LOT} FROM {{wanted}} w CROSS JOIN lot l
                    WHERE l.org_id = w.a AND l.lot_id = w.b"""  # noqa: S608  (our own column names)
        rows = yield query, sorted(unknown)
        batch.lots.update((row[0], lot_of(row)) for row in rows)
    return batch.lots


def _read_gifts(wanted: BatchReadSet, batch: BatchState) -> Reader[None]:
    if wanted.claw_back:
        yield from _find_open_gifts(wanted)
    query = """SELECT g.gift_id, g.org_id, g.sender_account, g.recipient_account, g.amount, g.created_at,
                      g.settles_at, g.state, g.recipient_org FROM {wanted} w CROSS JOIN gift g
               WHERE g.org_id = w.a AND g.gift_id = w.b"""
    rows = yield query, sorted(wanted.gifts)
    draws = yield from _read_slices(batch, [(row[1], escrow_of(row[2]), row[5], row[0]) for row in rows])
    for gift_id, org, sender, recipient, amount, created, settles, state, recipient_org in rows:
        batch.gifts[gift_id] = Gift(
            gift_id,
            org,
            sender,
            recipient,
            Credits(amount),
            from_micros(created),
            from_micros(settles),
            GiftState(state),
            draws[org, escrow_of(sender), created, gift_id],
            recipient_org,
        )


def _read_slices(batch: BatchState, places: list[Row]) -> Reader[dict[Row, tuple[Slice, ...]]]:
    """Return recorded draws, each in its order: what a transfer put into an escrow (L4).

    ``places`` are (org, escrow account, moment, transfer); a gift's id, and a hold's, is that of the transfer that
    reserved it.
    """
    draws: dict[Row, list[Slice]] = {place: [] for place in places}
    query = """SELECT e.org_id, e.account_id, e.at, e.transfer_id, e.lot_id, e.amount
               FROM {wanted} w CROSS JOIN entry e
               WHERE e.org_id = w.a AND e.account_id = w.b AND e.at = w.c AND e.transfer_id = w.d
               ORDER BY e.transfer_id, e.line"""
    rows = yield query, places
    lots = yield from _lots(batch, {(row[0], row[4]) for row in rows})
    for *place, lot_id, amount in rows:
        draws[tuple(place)].append(Slice(lots[lot_id], Credits(amount)))
    return {place: tuple(slices) for place, slices in draws.items()}


def _read_hold_draws(wanted: BatchReadSet, batch: BatchState) -> Reader[None]:
    """Return what each hold set aside of its sources, in its order (L4)."""
    places: dict[int, list[tuple[int, Row]]] = {}
    for org, hold_id in wanted.holds:
        for hold in batch.filed(Hold, "hold_id", org, hold_id):
            at = to_micros(hold.created_at)
            places[hold_id] = [(source, (org, escrow_of(source), at, hold_id)) for source in hold.sources]
    rows = [row for draws in places.values() for _, row in draws]
    drawn = yield from _read_slices(batch, rows)
    for hold_id, draws in places.items():
        batch.draws[hold_id] = tuple((source, drawn[row]) for source, row in draws)


def _read_given(members: list[RowKey], batch: BatchState) -> Reader[None]:
    """Read the gifts of the last day and a little before, one by one, so that the next batch can count them anew."""
    since = to_micros(batch.now - GIVEN_WINDOW - SAFELY)
    query = f"""SELECT g.org_id, g.sender_account, g.gift_id, g.created_at, g.recipient_account, g.amount
                {_GIVEN}"""
    rows = yield query, _since(members, since)
    given: dict[RowKey, dict[int, CountedGift | None]] = {key: {} for key in members}
    for org, sender, gift_id, created_at, recipient, amount in rows:
        given[org, owner_of(sender)][gift_id] = CountedGift(from_micros(created_at), recipient, Credits(amount))
    batch.facts.given.update(given)


def _count_given(members: list[RowKey], batch: BatchState) -> Reader[None]:
    """Let the database count what may be many gifts."""
    query = f"""SELECT g.sender_account, g.recipient_account, count(*), CAST(sum(g.amount) AS BIGINT)
                {_GIVEN} GROUP BY g.sender_account, g.recipient_account"""
    rows = yield query, _since(members, to_micros(batch.now - GIVEN_WINDOW))
    batch.given.update({member: NOTHING_GIVEN for _, member in members})
    for sender, recipient, gifts, amount in rows:
        before = batch.given[owner_of(sender)]
        batch.given[owner_of(sender)] = DailyGiving(
            before.gifts + gifts,
            before.amount + Credits(amount),
            {**before.per_recipient, recipient: gifts},
        )


def _since(members: list[RowKey], since: int) -> list[Row]:
    return [(org, wallet_of(member), since) for org, member in sorted(members)]
