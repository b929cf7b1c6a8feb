"""One batch: claim the keys, lock, read, decide each command in turn, write in bulk, commit once (L7)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from core.clock import Clock
from core.ledger.accounts import owner_of
from core.ledger.book import Book, Effects, Notice, NotLocked, Posting, deltas
from core.ledger.commands import Command, Receipt
from core.ledger.errors import Code, Refused
from core.ledger.gifts import Gift
from core.ledger.lots import Lot
from core.ledger.members import Debt
from core.store import load
from core.store import tables as t
from core.store.driver import Driver, Row, columns_of
from core.store.instants import to_micros
from core.store.records import write_records
from core.store.seals import SealKey, batch_seal, transfer_facts, transfer_seal
from core.store.spending import hold_facts, usage_facts, window_lines, window_rows
from core.store.wanted import Key, Wanted, wanted_by

logger = logging.getLogger(__name__)

CHANNEL: Final = "teamcredits"  # where PostgreSQL announces commits
MAX_TOUCHED: Final = 300  # more topics than this are announced as "everybody"
MAX_KNOWN_LOTS: Final = 200_000
_SALT_BYTES: Final = 16
_USAGE: Final = columns_of(t.UsageEvent)


class Again(Exception):  # noqa: N818  (a detour, not a failure)
    """The command goes to the next batch, which will lock what it turned out to need."""


Outcome = Receipt | Refused | Again | BaseException


@dataclass(slots=True)
class Writer:
    """This process as a writer: its ids, its seal's chain, and what it needs to decide and seal."""

    writer_id: int
    clock: Clock
    key: SealKey
    new_id: Callable[[], int]
    random_bytes: Callable[[int], bytes]
    heads: dict[str, str] | None
    batch: int = 0
    seal: bytes = b""
    committing: tuple[int, ...] = ()  # first ids of the commands that the batch at hand makes take effect
    lots: dict[int, Lot] = field(default_factory=dict)  # known from earlier batches; lots never change


@dataclass(slots=True)
class Sealed:
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


def run_batch(driver: Driver, writer: Writer, commands: Sequence[Command]) -> tuple[list[Outcome], Sealed | None]:
    """Carry out commands in one transaction and return each one's outcome, in order.

    Everything answered with a receipt is durable on return. Raises what the database raises; then nothing of
    the batch has been kept, unless the connection was lost at commit, which the keys will tell.
    """
    writer.committing = ()
    driver.begin()
    outcomes: list[Outcome] = [Again()] * len(commands)
    claims = _set_aside(writer, commands)
    ours = driver.claim(sorted((claim.row for claim in claims), key=lambda row: row[:3]))
    wanted = wanted_by(claim.command for claim in claims)
    load.find_accounts(driver, wanted)
    locked = load.lock(driver, wanted)  # sent with the claims; for one that turns out to be taken, in vain
    claims = _claimed(driver, claims, ours(), commands, outcomes)
    if not claims:
        driver.rollback()
        return outcomes, None
    book = _read(driver, writer, wanted, locked)
    kept, dropped = _decide(book, claims, outcomes)
    driver.keep_claims([claim.row for claim in kept], [claim.key for claim in dropped])
    sealed = _write(driver, writer, book)
    writer.committing = tuple(claim.first_id for claim in kept)
    driver.commit()
    return outcomes, sealed


def _set_aside(writer: Writer, commands: Sequence[Command]) -> list[_Claim]:
    """Give each key its ids, once; twins in one batch follow the first."""
    claims: dict[tuple[int, int, str], _Claim] = {}
    for place, command in enumerate(commands):
        key = (command.org_id, command.actor_id, command.key)
        if key not in claims:
            ids = [writer.new_id() for _ in range(command.count)]
            claims[key] = _Claim(command, key, (*key, command.digest, ids[0], command.count), ids[0])
        claims[key].places.append(place)
    return list(claims.values())


def _claimed(
    driver: Driver, claims: list[_Claim], ours: set[int], commands: Sequence[Command], outcomes: list[Outcome]
) -> list[_Claim]:
    """Return the commands that are new; answer those that took effect before."""
    if len(ours) == len(claims):
        return claims
    _answer_taken(driver, [claim for claim in claims if claim.first_id not in ours], commands, outcomes)
    return [claim for claim in claims if claim.first_id in ours]


def _answer_taken(driver: Driver, taken: list[_Claim], commands: Sequence[Command], outcomes: list[Outcome]) -> None:
    query = """SELECT org_id, actor_id, key, digest, first_id, count FROM {wanted} w
               CROSS JOIN command WHERE org_id = w.a AND actor_id = w.b AND key = w.c"""
    stored = {row[:3]: row[3:] for row in driver.select(query, [claim.key for claim in taken])}
    for claim in taken:
        digest, first_id, count = stored[claim.key]
        for place in claim.places:
            outcomes[place] = _replay(commands[place], bytes(digest), Receipt(first_id, count, replayed=True))


def _replay(command: Command, digest: bytes, receipt: Receipt) -> Outcome:
    if command.digest == digest:
        return receipt
    sentence = "This idempotency key was used before with other content. Use a new key for a new request."
    return Refused(Code.IDEMPOTENCY_CONFLICT, sentence)


def _read(driver: Driver, writer: Writer, wanted: Wanted, locked: set[Key]) -> Book:
    if len(writer.lots) > MAX_KNOWN_LOTS:
        writer.lots.clear()
    book = Book(writer.clock(), writer.new_id, writer.lots)
    book.locked = locked
    load.read(driver, wanted, book)
    return book


def _decide(book: Book, claims: list[_Claim], outcomes: list[Outcome]) -> tuple[list[_Claim], list[_Claim]]:
    """Decide each command in turn. Twins of one key wait for the next batch, which will see what came of it."""
    kept: list[_Claim] = []
    dropped: list[_Claim] = []
    for claim in claims:
        outcome = outcomes[claim.places[0]] = _decide_one(book, claim)
        (kept if isinstance(outcome, Receipt) else dropped).append(claim)
    return kept, dropped


def _decide_one(book: Book, claim: _Claim) -> Outcome:
    command = claim.command
    own_ids = range(claim.first_id, claim.first_id + command.count)
    book.begin(command.org_id, command.actor_id, own_ids)
    try:
        result = command.decide(book)
    except Refused as refused:
        book.rollback()
        return refused
    except NotLocked:
        book.rollback()
        return Again()
    except Exception as defect:
        book.rollback()
        logger.exception("a %s could not be decided", type(command).__name__)
        return defect
    return Receipt(claim.first_id, command.count, replayed=False, result=result)


def _write(driver: Driver, writer: Writer, book: Book) -> Sealed | None:
    """Append the effects and seal them. A batch that changed nothing leaves no seal."""
    effects = book.effects
    if not effects.postings:
        return None
    lots = {row[1]: row for row in (_lot_row(org, lot) for org, lot in effects.lots)}
    gifts = {row[1]: row for row in (_gift_row(gift, decision) for gift, decision in effects.gifts)}
    notes, hashes = _notes(writer, effects.postings)
    usage = [(org, number, *facts, to_micros(book.now)) for org, number, facts in effects.usage]
    made = (
        {row[1]: row[1:] for row in lots.values()}
        | {row[1]: usage_facts(dict(zip(_USAGE, row, strict=True))) for row in usage}
        | {row[1]: row[1:7] for row in gifts.values()}
    )
    made |= hold_facts(effects)
    transfers, seals = _seal_transfers(writer, effects.postings, hashes, made, window_lines(effects.windows))
    driver.insert(t.Lot, list(lots.values()))
    driver.insert(t.Transfer, transfers)
    driver.insert(t.Entry, _entry_rows(effects.postings))
    _write_positions(driver, book)
    driver.insert(t.Gift, list(gifts.values()))
    driver.insert(t.Note, notes)
    driver.insert(t.UsageEvent, usage)
    driver.insert(t.WindowPosting, window_rows(effects.windows))
    _write_changes(driver, writer, book)
    return _seal_batch(driver, writer, book, transfers, seals)


def _lot_row(org: int, lot: Lot) -> Row:
    return (
        org,
        lot.lot_id,
        lot.source.value,
        to_micros(lot.expires_at),
        lot.giftable,
        lot.priority,
        to_micros(lot.granted_at),
        lot.amount.micros,
        lot.account_id,
        lot.origin_org,
        lot.origin_lot,
    )


def _gift_row(gift: Gift, decision: Mapping[str, Any]) -> Row:
    return (
        gift.org_id,
        gift.gift_id,
        gift.sender_account,
        gift.recipient_org,
        gift.recipient_account,
        gift.amount.micros,
        to_micros(gift.created_at),
        to_micros(gift.settles_at),
        gift.state._value_,
        orjson.dumps(decision).decode(),
    )


def _entry_rows(postings: Iterable[Posting]) -> list[Row]:
    return [
        (posting.org_id, account, at, posting.transfer_id, line, lot_id, amount.micros)
        for posting in postings
        for at in (to_micros(posting.at),)
        for line, (account, lot_id, amount) in enumerate(posting.entries)
    ]


def _notes(writer: Writer, postings: Iterable[Posting]) -> tuple[list[Row], dict[int, bytes]]:
    """Return the erasable rows of free text, and the salted hash that the books keep of each (L1)."""
    noted = [(posting.org_id, posting.transfer_id, posting.note) for posting in postings if posting.note is not None]
    random = writer.random_bytes(_SALT_BYTES * len(noted))
    salts = [random[start : start + _SALT_BYTES] for start in range(0, len(random), _SALT_BYTES)]
    rows = [(org, number, salt, note) for (org, number, note), salt in zip(noted, salts, strict=True)]
    return rows, {number: note_hash(salt, note) for _org, number, salt, note in rows}


def note_hash(salt: bytes, body: str) -> bytes:
    """Return what the books keep of free text."""
    return hashlib.sha256(salt + body.encode()).digest()


def _seal_transfers(
    writer: Writer,
    postings: Iterable[Posting],
    hashes: Mapping[int, bytes],
    made: Mapping[int, Row],
    windows: Mapping[int, list[Row]],
) -> tuple[list[Row], dict[int, bytes]]:
    """Return the rows of transfers and their seals; ``made`` is what of a lot, gift or usage event never changes."""
    rows: list[Row] = []
    seals: dict[int, bytes] = {}
    for posting in postings:
        number = posting.transfer_id
        at, settles_at = to_micros(posting.at), to_micros(posting.settles_at)
        row = (posting.org_id, number, posting.kind._value_, at, posting.actor_id, posting.cause_id, settles_at)
        lines = [(account, lot_id, amount.micros) for account, lot_id, amount in posting.entries]
        note = hashes.get(number)
        seals[number] = seal = transfer_seal(
            writer.key, transfer_facts(row, note, lines, made.get(number), windows.get(number, ()))
        )
        rows.append((*row, note, seal))
    return rows, seals


def _write_positions(driver: Driver, book: Book) -> None:
    """Write net deltas (L2): what falls first, what rises next, then let empty positions go."""
    changes = deltas(book.effects.postings)
    driver.add([(change, *key) for key, change in changes.items() if change < 0])
    rising = [(key, change) for key, change in changes.items() if change > 0]
    driver.upsert_add([(*key, change, to_micros(book.lots[key[2]].expires_at)) for key, change in rising])
    driver.drop_empty([key for key, change in changes.items() if change < 0 and not book.surely_holds(key[1], key[2])])


def _write_changes(driver: Driver, writer: Writer, book: Book) -> None:
    effects, now = book.effects, to_micros(book.now)
    changed = {gift.gift_id: gift for gift in effects.gift_changes}
    driver.assign(
        t.Gift,
        ("state", "settles_at"),
        ("org_id", "gift_id"),
        [(gift.state.value, to_micros(gift.settles_at), gift.org_id, gift.gift_id) for gift in changed.values()],
    )
    sent = [(gift.org_id, gift.gift_id, gift.recipient_org, "queued", 0, now) for gift in effects.deliveries]
    driver.insert(t.Delivery, sent)
    driver.insert(t.Obligation, [_debt_row(org, debt, now) for org, debt in effects.debts])
    repaid = {
        debt.cause_id: (debt.repaid.micros, debt.cancelled.micros or None, org, debt.cause_id)
        for org, debt in effects.debt_changes
    }
    driver.assign(t.Obligation, ("repaid", "cancelled"), ("org_id", "cause_id"), list(repaid.values()))
    people = {member.member_id: member for member in effects.member_changes}
    driver.assign(
        t.Member,
        ("frozen_at", "deactivated_at"),
        ("org_id", "member_id"),
        [(to_micros(p.frozen_at), to_micros(p.deactivated_at), p.org_id, p.member_id) for p in people.values()],
    )
    driver.assign(t.Token, ("revoked_at",), ("org_id", "member_id"), [(now, *key) for key in effects.revoked])
    write_records(driver, effects.records)
    driver.insert(t.Outbox, [_outbox_row(writer, notice, now) for notice in effects.notices])


def _debt_row(org: int, debt: Debt, now: int) -> Row:
    sides = (debt.debtor_account, debt.creditor_account)
    return (org, debt.cause_id, *sides, debt.amount.micros, debt.repaid.micros, now, debt.cancelled.micros or None)


def _outbox_row(writer: Writer, notice: Notice, now: int) -> Row:
    """A notice waits for both doors; a door that does not know the person leaves it alone."""
    number, body = writer.new_id(), orjson.dumps(dict(notice.body)).decode() if notice.body else "{}"
    heard = (notice.org_id, number, notice.member_id, notice.kind, notice.gift_id, body, now, notice.for_editor, None)
    return (*heard, "queued" if notice.in_slack else "none", None, None, 0, now)


def _seal_batch(driver: Driver, writer: Writer, book: Book, transfers: list[Row], seals: Mapping[int, bytes]) -> Sealed:
    batch, numbers = writer.batch + 1, sorted(seals)
    heads = writer.heads if batch == 1 else None
    seal = batch_seal(
        writer.key,
        writer_id=writer.writer_id,
        batch=batch,
        previous=writer.seal,
        heads=heads,
        seals=[seals[number] for number in numbers],
    )
    touched = _touched(book.effects)
    stored = (
        None if heads is None else orjson.dumps(heads).decode(),
        None if touched is None else orjson.dumps(touched).decode(),
    )
    driver.insert(
        t.Seal,
        [(writer.writer_id, batch, numbers[0], numbers[-1], len(transfers), writer.key.key_id, *stored, seal)],
    )
    driver.notify(CHANNEL, announcement(writer.writer_id, touched))
    return Sealed(batch, seal, touched)


def announcement(writer_id: int, touched: list[int] | None) -> str:
    """Return what other processes are told: who wrote, and whose view changed (None is everybody's)."""
    return orjson.dumps([writer_id, touched]).decode()


def _touched(effects: Effects) -> list[int] | None:
    """Return the owners whose view a batch changed; None when they are too many to name."""
    owners = {owner_of(entry.account_id) for posting in effects.postings for entry in posting.entries}
    for gift in (*(gift for gift, _ in effects.gifts), *effects.gift_changes):
        owners |= {owner_of(gift.sender_account), owner_of(gift.recipient_account)}
    owners.update(member.member_id for member in effects.member_changes)
    owners.update(notice.member_id for notice in effects.notices)
    owners.update(window.member_id for window in effects.windows)
    owners.update(member_id for record in effects.records for member_id in record.concerns)
    return sorted(owners) if len(owners) <= MAX_TOUCHED else None
