"""Recomputes everything from the append-only rows and compares: positions, sums, gifts, seals (L3, L8).

It reads one state, streams in the order of ids, and names each row that differs. It never repairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, text

from core.ledger.gifts import GiftState
from core.ledger.ids import Prefix, shown_id
from core.ledger.transfers import TransferKind
from core.store.batch import note_hash
from core.store.engine import is_sqlite
from core.store.lots import LOT_NAMES
from core.store.seals import SealKey, batch_seal, transfer_facts, transfer_seal

MAX_FINDINGS: Final = 1_000  # more are counted, not kept
_STREAM: Final = 5_000
_STORED: Final = "account_id % 8 IN (0, 1, 2)"  # wallets, pools, escrows

_TRANSFER: Final = ("org_id", "transfer_id", "kind", "at", "actor_id", "gift_id", "settles_at")
_ENDS: Final = {
    TransferKind.GIFT_SETTLE.value: GiftState.SETTLED,
    TransferKind.GIFT_CANCEL.value: GiftState.CANCELLED,
    TransferKind.GIFT_DECLINE.value: GiftState.DECLINED,
    TransferKind.GIFT_REJECT.value: GiftState.REJECTED,
    TransferKind.GIFT_RETURN.value: GiftState.RETURNED,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that differs: which, and how."""

    row: str
    problem: str


@dataclass(slots=True)
class Report:
    """What was read, what differs, and the heads of all writers to keep elsewhere."""

    transfers: int = 0
    entries: int = 0
    positions: int = 0
    gifts: int = 0
    batches: int = 0
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    heads: dict[str, str] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return self.found == 0

    def add(self, row: str, problem: str) -> None:
        self.found += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(row, problem))


def verify(engine: Engine, keys: Iterable[SealKey], heads: Mapping[str, str] | None = None) -> Report:
    """Check the whole database in one transaction that sees one state.

    ``heads`` are those exported earlier, ``{writer: "batch:seal"}``: with them, whatever was cut off before is
    missed too. What was written and cut off since then cannot be.
    """
    report = Report()
    level = {} if is_sqlite(engine) else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as connection, connection.begin():
        _check_sums(connection, report)
        _check_positions(connection, report)
        _check_gifts(connection, report)
        _check_commands_and_usage(connection, report)
        _check_transfers(connection, report, {key.key_id: key for key in keys})
        _check_heads(connection, report, heads or {})
    return report


def _rows(connection: Connection, query: str) -> Iterator[Any]:
    """Stream a query's rows as mappings."""
    streamed = connection.execution_options(yield_per=_STREAM).execute(text(query))
    yield from streamed.mappings()


def _check_sums(connection: Connection, report: Report) -> None:
    """L1: each transfer's lines sum to zero for each lot."""
    query = """SELECT transfer_id, lot_id, sum(amount) AS rest FROM entry
               GROUP BY org_id, transfer_id, lot_id HAVING sum(amount) <> 0"""
    for row in _rows(connection, query):
        lot = shown_id(Prefix.LOT, row["lot_id"])
        report.add(_transfer(row["transfer_id"]), f"its lines of {lot} sum to {row['rest']} micro-credits, not to zero")


def _check_positions(connection: Connection, report: Report) -> None:
    """L3: each stored position is the sum of its entries; an empty one is no row."""
    summed = f"""SELECT org_id, account_id, lot_id, sum(amount) AS due FROM entry WHERE {_STORED}
                 GROUP BY org_id, account_id, lot_id"""  # noqa: S608  (our own words)
    joined = "USING (org_id, account_id, lot_id)"
    query = f"""SELECT e.account_id, e.lot_id, e.due, coalesce(p.remaining, 0) AS stored FROM ({summed}) e
                LEFT JOIN position p {joined} WHERE e.due <> coalesce(p.remaining, 0)
                UNION ALL
                SELECT p.account_id, p.lot_id, 0 AS due, p.remaining AS stored FROM position p
                LEFT JOIN ({summed}) e {joined} WHERE e.due IS NULL"""  # noqa: S608
    for row in _rows(connection, query):
        place = f"position of {shown_id(Prefix.LOT, row['lot_id'])} in account {row['account_id']}"
        report.add(place, f"holds {row['stored']} micro-credits, its entries sum to {row['due']}")
    expiries = """SELECT p.account_id, p.lot_id FROM position p LEFT JOIN lot l USING (org_id, lot_id)
                  WHERE l.lot_id IS NULL OR coalesce(l.expires_at, -1) <> coalesce(p.expires_at, -1)"""
    for row in _rows(connection, expiries):
        place = f"position of {shown_id(Prefix.LOT, row['lot_id'])} in account {row['account_id']}"
        report.add(place, "does not repeat its lot's expiry")
    report.positions = connection.execute(text("SELECT count(*) FROM position")).scalar_one()


def _check_gifts(connection: Connection, report: Report) -> None:
    """L3: a gift's state and settlement instant follow from its transfers; what it reserved is its amount."""
    query = """SELECT g.gift_id, g.state, g.settles_at AS stored_settles_at, g.amount, g.decision, t.kind,
                      t.settles_at
               FROM gift g LEFT JOIN transfer t ON t.org_id = g.org_id AND t.gift_id = g.gift_id
               ORDER BY g.gift_id, t.transfer_id"""
    for rows in _grouped(_rows(connection, query), "gift_id"):
        report.gifts += 1
        gift = rows[0]
        kinds = [row["kind"] for row in rows]
        due_state = _state_of(kinds, gift["decision"])
        if due_state != gift["state"]:
            report.add(_gift(gift["gift_id"]), f"is stored as {gift['state']}, its transfers make it {due_state}")
        due_at = max((row["settles_at"] for row in rows if row["settles_at"] is not None), default=None)
        if due_at != gift["stored_settles_at"]:
            report.add(_gift(gift["gift_id"]), "is stored with another settlement instant than its transfers set")
    reserved = """SELECT g.gift_id, g.amount, sum(e.amount) AS reserved FROM gift g
                  LEFT JOIN entry e ON e.org_id = g.org_id AND e.account_id = g.sender_account + 2
                  AND e.at = g.created_at AND e.transfer_id = g.gift_id
                  GROUP BY g.org_id, g.gift_id, g.amount HAVING coalesce(sum(e.amount), 0) <> g.amount"""
    for row in _rows(connection, reserved):
        report.add(_gift(row["gift_id"]), f"is of {row['amount']} micro-credits, but {row['reserved']} were reserved")


def _state_of(kinds: list[str | None], decision: Any) -> str:
    """Return the state that a gift's transfers make, in whichever order processes numbered them."""
    ends = [_ENDS[kind] for kind in kinds if kind in _ENDS]
    if TransferKind.GIFT_RESERVE.value not in kinds or len(ends) > 1:
        return "impossible"
    if TransferKind.GIFT_REVERSE.value in kinds:
        return GiftState.REVERSED.value
    if ends:
        return ends[0].value
    reviewed = '"outcome":"review"' in str(decision).replace(" ", "").replace("'", '"')
    waits = reviewed and TransferKind.GIFT_APPROVE.value not in kinds
    return (GiftState.IN_REVIEW if waits else GiftState.PENDING).value


def _check_commands_and_usage(connection: Connection, report: Report) -> None:
    """L6, S4: each key that took effect names a transfer; each usage event's amount is what was charged for it."""
    orphans = """SELECT c.key, c.actor_id FROM command c
                 LEFT JOIN transfer t ON t.org_id = c.org_id AND t.transfer_id = c.first_id
                 WHERE t.transfer_id IS NULL"""
    for row in _rows(connection, orphans):
        report.add(f"command {row['key']!r} of actor {row['actor_id']}", "names a transfer that is not there")
    usage = """SELECT u.transfer_id, u.amount, sum(e.amount) AS charged FROM usage_event u
               LEFT JOIN transfer t ON t.org_id = u.org_id AND t.transfer_id = u.transfer_id
               LEFT JOIN entry e ON e.org_id = u.org_id AND e.account_id = u.org_id * 8 + 4 AND e.at = t.at
               AND e.transfer_id = u.transfer_id
               GROUP BY u.org_id, u.transfer_id, u.amount HAVING coalesce(sum(e.amount), 0) <> u.amount"""
    for row in _rows(connection, usage):
        name = f"usage event of {_transfer(row['transfer_id'])}"
        report.add(name, f"is of {row['amount']} micro-credits, but {row['charged'] or 0} were charged")


def _check_transfers(connection: Connection, report: Report, keys: Mapping[str, SealKey]) -> None:
    """L8: each transfer with its lines and what it made is what was sealed, and each batch follows the one before."""
    lines = _Beside(_rows(connection, "SELECT * FROM entry ORDER BY transfer_id, line"), "transfer_id")
    lots = _Beside(_rows(connection, "SELECT * FROM lot ORDER BY lot_id"), "lot_id")
    gifts = _Beside(_rows(connection, "SELECT * FROM gift ORDER BY gift_id"), "gift_id")
    notes = _Beside(_rows(connection, "SELECT * FROM note ORDER BY transfer_id"), "transfer_id")
    chain = _Chain(connection, report, keys)
    for row in _rows(connection, "SELECT * FROM transfer ORDER BY transfer_id"):
        number = row["transfer_id"]
        report.transfers += 1
        own_lines, made = lines.take(number), (*lots.take(number), *gifts.take(number))
        report.entries += len(own_lines)
        _check_note(report, row, notes.take(number))
        if any(line["at"] != row["at"] for line in own_lines):
            report.add(_transfer(number), "has lines of another moment")
        key = chain.key_for(number)
        if key is None:
            report.add(_transfer(number), "was put in: no seal covers it")
        elif transfer_seal(key, _sealed_facts(row, own_lines, made)) != bytes(row["seal"]):
            report.add(_transfer(number), "was changed: it, its lines or what it made is not what was sealed")
        chain.follow(number, bytes(row["seal"]))
    chain.finish()
    for beside, name in ((lines, "entry"), (lots, "lot"), (gifts, "gift"), (notes, "note")):
        for number in beside.passed_over():
            report.add(f"{name} of {_transfer(number)}", "belongs to a transfer that is not there")


def _sealed_facts(transfer: Any, lines: list[Any], made: tuple[Any, ...]) -> list[Any]:
    facts: list[Any] | None = None
    if made:
        names = LOT_NAMES if "lot_id" in made[0] else _GIFT_FACTS
        facts = [bool(made[0][name]) if name == "giftable" else made[0][name] for name in names]
    return transfer_facts(
        [transfer[name] for name in _TRANSFER],
        transfer["note_hash"],
        [(line["account_id"], line["lot_id"], line["amount"]) for line in lines],
        facts,
    )


_GIFT_FACTS: Final = ("gift_id", "sender_account", "recipient_account", "amount", "created_at")


def _check_note(report: Report, transfer: Any, notes: list[Any]) -> None:
    """L1: free text may have been erased, never changed."""
    for note in notes:
        if transfer["note_hash"] is None or note_hash(bytes(note["salt"]), note["body"]) != bytes(
            transfer["note_hash"]
        ):
            report.add(f"note of {_transfer(transfer['transfer_id'])}", "is not the text that was sealed")


class _Beside:
    """Rows of another table in the same order of ids, taken along as the transfers pass."""

    def __init__(self, rows: Iterator[Any], key: str) -> None:
        self._groups = _grouped(rows, key)
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

    def __init__(self, connection: Connection, report: Report, keys: Mapping[str, SealKey]) -> None:
        query = "SELECT * FROM seal ORDER BY writer_id, batch"
        self._seals = _rows(connection, query)
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
            span = f"{_transfer(row['first_id'])} to {_transfer(row['last_id'])}"
            self._report.add(name, f"{what} ({span})")
        if (key := self._keys.get(row["key_id"])) is None:
            self._report.add(name, f"is sealed with key {row['key_id']!r}, which is not at hand")
        elif follows and bytes(row["seal"]) != self._due_seal(row, key, previous if batch else b""):
            self._report.add(name, "has another seal than its transfers make")
        self._report.batches += 1
        self._last = (row["writer_id"], row["batch"], bytes(row["seal"]))
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


def _check_heads(connection: Connection, report: Report, exported: Mapping[str, str]) -> None:
    """L8: every head that a writer saw at its start, or that was exported, is still there."""
    seen: dict[str, set[str]] = {}
    for row in _rows(connection, "SELECT heads FROM seal WHERE batch = 1 AND heads IS NOT NULL"):
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
            if found is None or bytes(found).hex() != seal:
                report.add(f"batch {batch} of writer {writer}", "is not there as it was seen: the end was cut off")


def _grouped(rows: Iterator[Any], key: str) -> Iterator[list[Any]]:
    group: list[Any] = []
    for row in rows:
        if group and row[key] != group[0][key]:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _transfer(number: int) -> str:
    return shown_id(Prefix.TRANSFER, number)


def _gift(number: int) -> str:
    return shown_id(Prefix.GIFT, number)
