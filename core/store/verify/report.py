"""What verify found, and how its checks read the database: streamed, in the order of ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, text

from core.ledger.ids import Prefix, shown_id

MAX_FINDINGS: Final = 1_000  # more are counted, not kept
_STREAM: Final = 5_000


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One row that differs: which, and how."""

    row: str
    problem: str


@dataclass(slots=True)
class VerifyReport:
    """What was read, what differs, and the heads of all writers to keep elsewhere."""

    transfers: int = 0
    entries: int = 0
    positions: int = 0
    gifts: int = 0
    holds: int = 0
    batches: int = 0
    findings: list[Discrepancy] = field(default_factory=list)
    found: int = 0
    heads: dict[str, str] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return self.found == 0

    def add(self, row: str, problem: str) -> None:
        self.found += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Discrepancy(row, problem))


def rows_of(connection: Connection, query: str) -> Iterator[Any]:
    """Stream a query's rows as mappings."""
    streamed = connection.execution_options(yield_per=_STREAM).execute(text(query))
    yield from streamed.mappings()


def grouped(rows: Iterator[Any], key: str) -> Iterator[list[Any]]:
    group: list[Any] = []
    for row in rows:
        if group and row[key] != group[0][key]:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def transfer_name(number: int) -> str:
    return shown_id(Prefix.TRANSFER, number)


def gift_name(number: int) -> str:
    return shown_id(Prefix.GIFT, number)
