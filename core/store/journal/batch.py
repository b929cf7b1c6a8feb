"""One batch: claim the keys, lock, read, decide each command in turn, write in bulk, commit once (L7)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from core.ledger.accounts import owner_of
from core.ledger.batch import BatchState, Effects, NotLocked, deltas
from core.ledger.batch_cache import BatchCache
from core.ledger.commands import Command, Receipt
from core.ledger.daily_giving import GIVEN_WINDOW
from core.ledger.errors import Code, Refused
from core.ledger.members import Debt
from core.metering.allowances import UsageWindow
from core.store import tables as t
from core.store.drivers.driver import Driver, ExternallyModifiedError, Row
from core.store.journal import load
from core.store.journal.load_usage import SPENDING
from core.store.journal.read_set import BatchReadSet, read_set_of
from core.store.journal.writer import Writer, append
from core.store.records import SAFELY, write_records
from core.store.seals import batch_seal
from core.store.timestamps import to_micros

_CLOCK_SET_BACK: Final = (
    SAFELY / 2
)  # a clock that was set back by more asks for what has been over since, and may live again

logger = logging.getLogger(__name__)

CHANNEL: Final = "teamcredits"  # where PostgreSQL announces commits
MAX_TOPICS: Final = 300  # more topics than this are announced as "everybody"
MAX_CACHED: Final = 50_000  # facts that are kept for the next batch; of about a dozen for each person who spends
MAX_CACHED_LOTS: Final = 200_000


class Requeue(Exception):  # noqa: N818  (a detour, not a failure)
    """The command goes to the next batch, which will lock what it turned out to need."""


BatchResult = Receipt | Refused | Requeue | BaseException


@dataclass(slots=True)
class BatchSeal:
    """What a committed batch leaves behind: the writer's new head and whom it concerns."""

    batch: int
    seal: bytes
    touched: list[int] | None


@dataclass(slots=True)
class _Claim:
    """A command with the ids set aside for it."""

    command: Command
    key: tuple[int, int, str]
    row: Row
    first_id: int
    count: int
    places: list[int] = field(default_factory=list)


def resume(driver: Driver, writer: Writer) -> None:
    """Take up the writer's chain of seals where the database has it: a lost connection may have committed."""
    driver.begin()
    query = """SELECT s.batch, s.seal FROM {wanted} w CROSS JOIN seal s WHERE s.writer_id = w.a
               AND s.batch = (SELECT max(batch) FROM seal m WHERE m.writer_id = w.a)"""
    found = driver.select(query, [(writer.writer_id,)])
    driver.rollback()
    if found:
        writer.batch, writer.seal = found[0][0], bytes(found[0][1])


def run_batch(
    driver: Driver, writer: Writer, commands: Sequence[Command]
) -> tuple[list[BatchResult], BatchSeal | None]:
    """Carry out commands in a transaction that has begun, end it, and return each one's outcome, in order.

    Everything answered with a receipt is durable on return. Raises what the database raises; then nothing of
    the batch has been kept, unless the connection was lost at commit, which the keys will tell.
    """
    known, writer.known = writer.known, BatchCache(writer.known.lots)  # of a batch that fails nothing is known
    if known.as_of is not None and writer.clock() < known.as_of - _CLOCK_SET_BACK:
        known = BatchCache(known.lots)
    outcomes: list[BatchResult] = [Requeue()] * len(commands)
    claims = _allocate_ids(writer, commands)
    wanted = read_set_of(claim.command for claim in claims)
    is_known = len(claims) <= driver.ahead and load.is_known(wanted, known)
    if is_known and driver.begin_optimistic(_rows_of(claims), sorted(wanted.accounts)):
        try:
            return outcomes, _run_optimistically(driver, writer, known, wanted, claims, outcomes)
        except ExternallyModifiedError:
            writer.committing = ()
            driver.restart()
            known = BatchCache(known.lots)
    return outcomes, _step_by_step(driver, writer, known, wanted, claims, commands, outcomes)


def _run_optimistically(
    driver: Driver,
    writer: Writer,
    known: BatchCache,
    wanted: BatchReadSet,
    claims: list[_Claim],
    outcomes: list[BatchResult],
) -> BatchSeal | None:
    """Decide by what is known before it is certain that it still holds; if not, the database passes over all of it.

    The time (G2) may be taken before the locks are there: nobody else has written until they were.
    """
    batch = BatchState(writer.clock(), writer.new_id, known)
    batch.locked = wanted.accounts
    batch.count_given(wanted.given_by)
    sealed = _decide_and_write(driver, writer, batch, claims, outcomes)
    driver.commit()
    writer.known = _next_cache(batch, batch.now)
    return sealed


def _step_by_step(
    driver: Driver,
    writer: Writer,
    known: BatchCache,
    wanted: BatchReadSet,
    claims: list[_Claim],
    commands: Sequence[Command],
    outcomes: list[BatchResult],
) -> BatchSeal | None:
    knew_something = len(known) > 0
    ours = driver.claim(_rows_of(claims))
    load.find_accounts(driver, wanted, known)
    locked = load.lock(driver, wanted, known)
    externally_modified = driver.externally_modified()
    began = writer.clock()
    batch = BatchState(began, writer.new_id, known)
    facts = load.read(driver, wanted, batch)  # sent with the claims and locks; for one that is taken, in vain
    claims = _new_claims(driver, claims, ours(), commands, outcomes)
    if not claims:
        driver.rollback()
        return None
    batch.locked = locked()
    batch.now = writer.clock()
    facts()
    is_externally_modified = externally_modified()
    if is_externally_modified and knew_something:
        batch = _reread(driver, wanted, batch)
    sealed = _decide_and_write(driver, writer, batch, claims, outcomes)
    driver.commit()
    if not is_externally_modified:
        writer.known = _next_cache(batch, max(began, batch.now))
    return sealed


def _decide_and_write(
    driver: Driver, writer: Writer, batch: BatchState, claims: list[_Claim], outcomes: list[BatchResult]
) -> BatchSeal | None:
    """Decide the commands and write what follows. What a portion of them appends is sent at once: a server works on
    it while the next portion is decided. A batch that changed nothing leaves no seal."""
    seals: dict[int, bytes] = {}
    kept_ids: list[int] = []
    for start in range(0, len(claims), driver.portion):
        since = batch.effects.marks()
        kept, dropped = _decide(batch, claims[start : start + driver.portion], outcomes)
        driver.keep_claims([claim.row for claim in kept], [claim.key for claim in dropped])
        seals |= append(driver, writer, batch.effects.since(since), to_micros(batch.now))
        kept_ids += [claim.first_id for claim in kept]
    if not seals:
        return None
    _write_positions(driver, batch)
    _write_changes(driver, batch)
    sealed = _seal_batch(driver, writer, batch, seals)
    writer.committing = tuple(kept_ids)
    return sealed


def _allocate_ids(writer: Writer, commands: Sequence[Command]) -> list[_Claim]:
    """Give each key its ids, once; twins in one batch follow the first."""
    claims: dict[tuple[int, int, str], _Claim] = {}
    for place, command in enumerate(commands):
        key = (command.org_id, command.actor_id, command.key)
        if key not in claims:
            first_id, count = writer.new_id(), command.count
            for _ in range(count - 1):
                writer.new_id()  # they follow one another
            claims[key] = _Claim(command, key, (*key, command.digest, first_id, count), first_id, count)
        claims[key].places.append(place)
    return list(claims.values())


def _rows_of(claims: list[_Claim]) -> list[Row]:
    """Return what is claimed, in the order of the keys, which are unique."""
    return sorted([claim.row for claim in claims])


def _new_claims(
    driver: Driver, claims: list[_Claim], ours: set[int], commands: Sequence[Command], outcomes: list[BatchResult]
) -> list[_Claim]:
    """Return the commands that are new; answer those that took effect before."""
    if len(ours) == len(claims):
        return claims
    _answer_replays(driver, [claim for claim in claims if claim.first_id not in ours], commands, outcomes)
    return [claim for claim in claims if claim.first_id in ours]


def _answer_replays(
    driver: Driver, taken: list[_Claim], commands: Sequence[Command], outcomes: list[BatchResult]
) -> None:
    query = """SELECT org_id, actor_id, key, digest, first_id, count FROM {wanted} w
               CROSS JOIN command WHERE org_id = w.a AND actor_id = w.b AND key = w.c"""
    stored = {row[:3]: row[3:] for row in driver.select(query, [claim.key for claim in taken])}
    for claim in taken:
        digest, first_id, count = stored[claim.key]
        for place in claim.places:
            outcomes[place] = _replay(commands[place], bytes(digest), Receipt(first_id, count, replayed=True))


def _replay(command: Command, digest: bytes, receipt: Receipt) -> BatchResult:
    if command.digest == digest:
        return receipt
    sentence = "This idempotency key was used before with other content. Use a new key for a new request."
    return Refused(Code.IDEMPOTENCY_CONFLICT, sentence)


def _reread(driver: Driver, wanted: BatchReadSet, stale: BatchState) -> BatchState:
    """Return a book in which nothing is from before the locks but lots, which never change."""
    batch = BatchState(stale.now, stale.new_id, BatchCache(stale.lots))
    batch.locked = stale.locked
    load.read(driver, wanted, batch)()
    return batch


def _next_cache(batch: BatchState, read_at: datetime) -> BatchCache:
    """Return what the next batch may take for granted if nobody else writes: what is asked of everybody who gives or
    spends, without what holds nothing any more, and without windows and days that are safely over."""
    known, effects = batch.facts, batch.effects
    if len(known.lots) > MAX_CACHED_LOTS:
        return BatchCache()
    if len(known) > MAX_CACHED:
        return BatchCache(known.lots)
    known.records = {place: filed for place, filed in known.records.items() if place in SPENDING}
    known.accounts |= batch.locked
    known.as_of = read_at if known.as_of is None else max(read_at, known.as_of)
    for posting in effects.postings:
        for account, lot_id, _amount in posting.entries:
            held = known.positions.get(account, {})
            if lot_id in held and not held[lot_id].remaining:
                del held[lot_id]
    for giver in {(gift.org_id, owner_of(gift.sender_account)) for gift, _ in effects.gifts}:
        if given := known.given.get(giver):
            since = known.as_of - GIVEN_WINDOW - SAFELY
            known.given[giver] = {key: each for key, each in given.items() if each and each.created_at > since}
    windows: Any = known.records.get((UsageWindow, "member_id"), {})
    for record in effects.records:
        if isinstance(record, UsageWindow) and (of_one := windows.get((record.org_id, record.member_id))):
            for key in [key for key, each in of_one.items() if each.closes_at <= known.as_of - SAFELY]:
                del of_one[key]
    return known


def _decide(batch: BatchState, claims: list[_Claim], outcomes: list[BatchResult]) -> tuple[list[_Claim], list[_Claim]]:
    """Decide each command in turn. Twins of one key wait for the next batch, which will see what came of it."""
    kept: list[_Claim] = []
    dropped: list[_Claim] = []
    for claim in claims:
        outcome = outcomes[claim.places[0]] = _decide_one(batch, claim)
        (kept if isinstance(outcome, Receipt) else dropped).append(claim)
    return kept, dropped


def _decide_one(batch: BatchState, claim: _Claim) -> BatchResult:
    command = claim.command
    batch.begin(command.org_id, command.actor_id, range(claim.first_id, claim.first_id + claim.count))
    try:
        result = command.decide(batch)
    except Refused as refused:
        batch.rollback()
        return refused
    except NotLocked:
        batch.rollback()
        return Requeue()
    except Exception as defect:
        batch.rollback()
        logger.exception("a %s could not be decided", type(command).__name__)
        return defect
    return Receipt(claim.first_id, claim.count, replayed=False, result=result)


def _write_positions(driver: Driver, batch: BatchState) -> None:
    """Write net deltas (L2): what falls first, what rises next, then let empty positions go."""
    changes = deltas(batch.effects.postings)
    driver.add([(change, *key) for key, change in changes.items() if change < 0])
    rising = [(key, change) for key, change in changes.items() if change > 0]
    driver.upsert_add([(*key, change, to_micros(batch.lots[key[2]].expires_at)) for key, change in rising])
    driver.drop_empty([key for key, change in changes.items() if change < 0 and not batch.surely_holds(key[1], key[2])])


def _write_changes(driver: Driver, batch: BatchState) -> None:
    effects, now = batch.effects, to_micros(batch.now)
    if effects.gift_changes:
        _write_gifts(driver, effects, now)
    if effects.debts or effects.debt_changes:
        _write_debts(driver, effects, now)
    if effects.member_changes or effects.revoked:
        _write_people(driver, effects, now)
    if effects.records:
        write_records(driver, effects.records)


def _write_gifts(driver: Driver, effects: Effects, now: int) -> None:
    changed = {gift.gift_id: gift for gift in effects.gift_changes}
    driver.assign(
        t.GiftRow,
        ("state", "settles_at"),
        ("org_id", "gift_id"),
        [(gift.state.value, to_micros(gift.settles_at), gift.org_id, gift.gift_id) for gift in changed.values()],
    )
    sent = [(gift.org_id, gift.gift_id, gift.recipient_org, "queued", 0, now) for gift in effects.deliveries]
    driver.insert(t.DeliveryRow, sent)


def _write_debts(driver: Driver, effects: Effects, now: int) -> None:
    driver.insert(t.ObligationRow, [_debt_row(org, debt, now) for org, debt in effects.debts])
    repaid = {
        debt.cause_id: (debt.repaid.micros, debt.cancelled.micros or None, org, debt.cause_id)
        for org, debt in effects.debt_changes
    }
    driver.assign(t.ObligationRow, ("repaid", "cancelled"), ("org_id", "cause_id"), list(repaid.values()))


def _write_people(driver: Driver, effects: Effects, now: int) -> None:
    people = {member.member_id: member for member in effects.member_changes}
    driver.assign(
        t.MemberRow,
        ("frozen_at", "deactivated_at"),
        ("org_id", "member_id"),
        [(to_micros(p.frozen_at), to_micros(p.deactivated_at), p.org_id, p.member_id) for p in people.values()],
    )
    driver.assign(t.TokenRow, ("revoked_at",), ("org_id", "member_id"), [(now, *key) for key in effects.revoked])


def _debt_row(org: int, debt: Debt, now: int) -> Row:
    sides = (debt.debtor_account, debt.creditor_account)
    return (org, debt.cause_id, *sides, debt.amount.micros, debt.repaid.micros, now, debt.cancelled.micros or None)


def _seal_batch(driver: Driver, writer: Writer, batch: BatchState, seals: Mapping[int, bytes]) -> BatchSeal:
    number, transfers = writer.batch + 1, sorted(seals)
    heads = writer.heads if number == 1 else None
    seal = batch_seal(
        writer.key,
        writer_id=writer.writer_id,
        batch=number,
        previous=writer.seal,
        heads=heads,
        seals=[seals[transfer] for transfer in transfers],
    )
    touched = _topics(batch.effects)
    stored = (
        None if heads is None else orjson.dumps(heads).decode(),
        None if touched is None else orjson.dumps(touched).decode(),
    )
    driver.insert(
        t.SealRow,
        [(writer.writer_id, number, transfers[0], transfers[-1], len(seals), writer.key.key_id, *stored, seal)],
    )
    driver.notify(CHANNEL, announcement(writer.writer_id, touched))
    return BatchSeal(number, seal, touched)


def announcement(writer_id: int, touched: list[int] | None) -> str:
    """Return what other processes are told: who wrote, and whose view changed (None is everybody's)."""
    return orjson.dumps([writer_id, touched]).decode()


def _topics(effects: Effects) -> list[int] | None:
    """Return the owners whose view a batch changed; None when they are too many to name."""
    owners = {owner_of(entry.account_id) for posting in effects.postings for entry in posting.entries}
    for gift in (*(gift for gift, _ in effects.gifts), *effects.gift_changes):
        owners |= {owner_of(gift.sender_account), owner_of(gift.recipient_account)}
    owners.update(member.member_id for member in effects.member_changes)
    owners.update(notice.member_id for notice in effects.notices)
    owners.update(window.member_id for window in effects.windows)
    owners.update(member_id for record in effects.records for member_id in record.concerns)
    return sorted(owners) if len(owners) <= MAX_TOPICS else None
