"""What a batch appends: rows that are never written again, made from what was decided, and sealed (L1, L8)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from core.clock import Clock
from core.ledger.batch import Effects, Notice, Posting
from core.ledger.batch_cache import BatchCache
from core.ledger.gifts import Gift
from core.ledger.lots import Lot
from core.store import tables as t
from core.store.drivers.driver import Driver, Row, columns_of
from core.store.journal.load_usage import hold_facts, usage_facts, window_lines, window_rows
from core.store.seals import SealKey, transfer_facts, transfer_seal
from core.store.timestamps import to_micros

_SALT_BYTES: Final = 16
_USAGE: Final = columns_of(t.UsageEventRow)


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
    known: BatchCache = field(default_factory=BatchCache)  # from earlier batches, as long as nobody else writes


def append(driver: Driver, writer: Writer, effects: Effects, now: int) -> dict[int, bytes]:
    """Append what decisions made and return the seal of each transfer, by its id."""
    if not effects.postings:
        return {}
    made: dict[int, Row] = {}  # what is sealed of what a transfer made, by its id
    if effects.lots:
        lots = {row[1]: row for row in (_lot_row(org, lot) for org, lot in effects.lots)}
        driver.insert(t.LotRow, list(lots.values()))
        made |= {number: row[1:] for number, row in lots.items()}
    if effects.gifts:
        gifts = [_gift_row(gift, decision) for gift, decision in effects.gifts]
        driver.insert(t.GiftRow, gifts)
        made |= {row[1]: row[1:7] for row in gifts}
    if effects.usage:
        usage = [(org, number, *facts, now) for org, number, facts in effects.usage]
        driver.insert(t.UsageEventRow, usage)
        made |= {row[1]: usage_facts(dict(zip(_USAGE, row, strict=True))) for row in usage}
    if effects.records:
        made |= hold_facts(effects)
    notes, hashes = _notes(writer, effects.postings)
    transfers, seals = _seal_transfers(writer, effects.postings, hashes, made, window_lines(effects.windows))
    driver.insert(t.TransferRow, transfers)
    driver.insert(t.EntryRow, _entry_rows(effects.postings))
    driver.insert(t.NoteRow, notes)
    driver.insert(t.WindowPostingRow, window_rows(effects.windows))
    driver.insert(t.OutboxRow, [_outbox_row(writer, notice, now) for notice in effects.notices])
    return seals


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


def _outbox_row(writer: Writer, notice: Notice, now: int) -> Row:
    """A notice waits for both doors; a door that does not know the person leaves it alone."""
    number, body = writer.new_id(), orjson.dumps(dict(notice.body)).decode() if notice.body else "{}"
    heard = (notice.org_id, number, notice.member_id, notice.kind, notice.gift_id, body, now, notice.for_editor, None)
    return (*heard, "queued" if notice.in_slack else "none", None, None, 0, now)
