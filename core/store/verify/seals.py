"""Checks the seals: that no transfer was changed, put in, taken out or swapped since it was written (L8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import orjson
from sqlalchemy import Connection, text

from core.store.journal.load_usage import sealed_hold, usage_facts
from core.store.journal.writer import note_hash
from core.store.queries.lots import LOT_NAMES
from core.store.seals import SealKey, batch_seal, transfer_facts, transfer_seal
from core.store.verify.report import VerifyReport, grouped, rows_of, transfer_name

_TRANSFER: Final = ("org_id", "transfer_id", "kind", "at", "actor_id", "cause_id", "settles_at")

_WINDOW: Final = ("member_id", "meter", "opens_at", "closes_at", "amount")
_GIFT: Final = ("gift_id", "sender_account", "recipient_org", "recipient_account", "amount", "created_at")

# What is sealed of what a transfer made, told by a column that only it has.
_MADE: Final[dict[str, Callable[[Any], Iterable[Any]]]] = {
    "granted_at": lambda lot: [bool(lot[name]) if name == "giftable" else lot[name] for name in LOT_NAMES],
    "sender_account": lambda gift: [gift[name] for name in _GIFT],
    "event_id": usage_facts,
    "deadline_at": sealed_hold,
}


def check_seals(connection: Connection, report: VerifyReport, keys: Mapping[str, SealKey]) -> None:
    """L8: each transfer with its lines and what it made is what was sealed, and each batch follows the one before."""
    lines = _Beside(rows_of(connection, "SELECT * FROM entry ORDER BY transfer_id, line"), "transfer_id")
    lots = _Beside(rows_of(connection, "SELECT * FROM lot ORDER BY lot_id"), "lot_id")
    gifts = _Beside(rows_of(connection, "SELECT * FROM gift ORDER BY gift_id"), "gift_id")
    usage = _Beside(rows_of(connection, "SELECT * FROM usage_event ORDER BY transfer_id"), "transfer_id")
    holds = _Beside(rows_of(connection, "SELECT * FROM hold ORDER BY hold_id"), "hold_id")
    windows = _Beside(rows_of(connection, "SELECT * FROM window_posting ORDER BY transfer_id, line"), "transfer_id")
    notes = _Beside(rows_of(connection, "SELECT * FROM note ORDER BY transfer_id"), "transfer_id")
    chain = _Chain(connection, report, keys)
    for row in rows_of(connection, "SELECT * FROM transfer ORDER BY transfer_id"):
        number = row["transfer_id"]
        report.transfers += 1
        own_lines, own_windows = lines.take(number), windows.take(number)
        made = (*lots.take(number), *gifts.take(number), *usage.take(number), *holds.take(number))
        report.entries += len(own_lines)
        _check_note(report, row, notes.take(number))
        if any(line["at"] != row["at"] for line in own_lines):
            report.add(transfer_name(number), "has lines of another moment")
        key = chain.key_for(number)
        if key is None:
            report.add(transfer_name(number), "was put in: no seal covers it")
        elif transfer_seal(key, _sealed_facts(row, own_lines, made, own_windows)) != _bytes(row["seal"]):
            report.add(transfer_name(number), "was changed: it, its lines or what it made is not what was sealed")
        chain.follow(number, _bytes(row["seal"]))
    chain.finish()
    beside_transfers = {
        "entry": lines,
        "lot": lots,
        "gift": gifts,
        "usage event": usage,
        "hold": holds,
        "window posting": windows,
        "note": notes,
    }
    for name, beside in beside_transfers.items():
        for number in beside.passed_over():
            report.add(f"{name} of {transfer_name(number)}", "belongs to a transfer that is not there")


def _sealed_facts(transfer: Any, lines: list[Any], made: tuple[Any, ...], windows: list[Any]) -> list[Any]:
    facts: Iterable[Any] | None = None
    if made:
        facts = next(sealed for column, sealed in _MADE.items() if column in made[0])(made[0])
    return transfer_facts(
        [transfer[name] for name in _TRANSFER],
        None if transfer["note_hash"] is None else _bytes(transfer["note_hash"]),
        [(line["account_id"], line["lot_id"], line["amount"]) for line in lines],
        None if facts is None else tuple(facts),
        [[line[name] for name in _WINDOW] for line in windows],
    )


def _bytes(value: Any) -> bytes:
    """Return stored bytes; whatever an intruder stored instead is none of ours."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _check_note(report: VerifyReport, transfer: Any, notes: list[Any]) -> None:
    """L1: free text may have been erased, never changed."""
    for note in notes:
        if transfer["note_hash"] is None or note_hash(bytes(note["salt"]), note["body"]) != bytes(
            transfer["note_hash"]
        ):
            report.add(f"note of {transfer_name(transfer['transfer_id'])}", "is not the text that was sealed")


class _Beside:
    """Rows of another table in the same order of ids, taken along as the transfers pass."""

    def __init__(self, rows: Iterator[Any], key: str) -> None:
        self._groups = grouped(rows, key)
        self._key = key
        self._next: list[Any] | None = next(self._groups, None)
        self._passed: list[int] = []

    def take(self, number: int) -> list[Any]:
        """Return the rows of a transfer; whatever belongs to none before it is kept as passed over."""
        while self._next is not None and self._next[0][self._key] < number:
            self._pass()
        if self._next is None or self._next[0][self._key] != number:
            return []
        rows, self._next = self._next, next(self._groups, None)
        return rows

    def passed_over(self) -> list[int]:
        while self._next is not None:
            self._pass()
        return self._passed

    def _pass(self) -> None:
        assert self._next is not None
        self._passed.append(self._next[0][self._key])
        self._next = next(self._groups, None)


class _Chain:
    """Follows the seals of all writers in the order of ids; a writer's batches follow one another in it."""

    def __init__(self, connection: Connection, report: VerifyReport, keys: Mapping[str, SealKey]) -> None:
        query = "SELECT * FROM seal ORDER BY writer_id, batch"
        self._seals = rows_of(connection, query)
        self._report, self._keys = report, keys
        self._present: Any = next(self._seals, None)
        self._taken: list[bytes] = []
        self._last: tuple[int, int, bytes] = (0, 0, b"")

    def key_for(self, number: int) -> SealKey | None:
        """Return the key of the batch that covers a transfer, or None when none does."""
        while self._present is not None and self._present["last_id"] < number:
            self._close()
        if self._present is None or number < self._present["first_id"]:
            return None
        return self._keys.get(self._present["key_id"]) or SealKey("unknown", b"")

    def follow(self, number: int, seal: bytes) -> None:
        if self._present is not None and self._present["first_id"] <= number <= self._present["last_id"]:
            self._taken.append(seal)

    def finish(self) -> None:
        while self._present is not None:
            self._close()

    def _close(self) -> None:
        """Check the batch whose transfers have all passed, and go on to the next."""
        row, taken = self._present, self._taken
        name = f"batch {row['batch']} of writer {row['writer_id']}"
        writer, batch, previous = self._last
        follows = row["batch"] == (batch + 1 if row["writer_id"] == writer else 1)
        if not follows:
            self._report.add(name, "does not follow the batch before: a seal was taken out")
        if len(taken) != row["transfers"]:
            missing = row["transfers"] - len(taken)
            what = f"{missing} of its transfers were taken out" if missing > 0 else f"{-missing} transfers were put in"
            span = f"{transfer_name(row['first_id'])} to {transfer_name(row['last_id'])}"
            self._report.add(name, f"{what} ({span})")
        if (key := self._keys.get(row["key_id"])) is None:
            self._report.add(name, f"is sealed with key {row['key_id']!r}, which is not at hand")
        elif follows and _bytes(row["seal"]) != self._due_seal(row, key, previous if batch else b""):
            self._report.add(name, "has another seal than its transfers make")
        self._report.batches += 1
        self._last = (row["writer_id"], row["batch"], _bytes(row["seal"]))
        self._report.heads[str(row["writer_id"])] = f"{row['batch']}:{bytes(row['seal']).hex()}"
        self._taken = []
        self._present = next(self._seals, None)

    def _due_seal(self, row: Any, key: SealKey, previous: bytes) -> bytes:
        heads = row["heads"]
        return batch_seal(
            key,
            writer_id=row["writer_id"],
            batch=row["batch"],
            previous=previous if row["batch"] > 1 else b"",
            heads=heads if isinstance(heads, dict | None) else orjson.loads(heads),
            seals=self._taken,
        )


def check_heads(connection: Connection, report: VerifyReport, exported: Mapping[str, str]) -> None:
    """L8: every head that a writer saw at its start, or that was exported, is still there."""
    seen: dict[str, set[str]] = {}
    for row in rows_of(connection, "SELECT heads FROM seal WHERE batch = 1 AND heads IS NOT NULL"):
        heads = row["heads"] if isinstance(row["heads"], dict) else orjson.loads(row["heads"])
        for writer, head in (heads or {}).items():
            seen.setdefault(writer, set()).add(head)
    for writer, head in exported.items():
        seen.setdefault(writer, set()).add(head)
    query = text("SELECT seal FROM seal WHERE writer_id = :writer AND batch = :batch")
    for writer, heads_of in seen.items():
        for head in sorted(heads_of):
            batch, _, seal = head.partition(":")
            found = connection.execute(query, {"writer": int(writer), "batch": int(batch)}).scalar()
            if found is None or _bytes(found).hex() != seal:
                report.add(f"batch {batch} of writer {writer}", "is not there as it was seen: the end was cut off")
