"""Statements as text: CSV for spreadsheets, Beancount for people who keep books. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from core.services.views import StatementLine

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_COMMODITY: Final = "CREDITS"
_WALLET: Final = "Assets:Wallet"


def statement_csv(lines: Iterable[StatementLine]) -> str:
    """Return a statement as CSV (RFC 4180), newest first; no cell can be taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("at", "transfer", "kind", "amount", "counterpart", "note"))
    for line in lines:
        words = (_plain(line.counterpart), _plain(line.note))
        writer.writerow((_moment(line), line.transfer_id, line.kind, str(line.amount), *words))
    return out.getvalue()


def statement_beancount(lines: Iterable[StatementLine]) -> str:
    """Return a statement as Beancount: each movement between the wallet and where it went, oldest first."""
    ordered = sorted(lines, key=lambda line: (line.at, line.transfer_id))
    accounts = sorted({_account(line) for line in ordered} | {_WALLET})
    parts = [f"1970-01-01 open {account} {_COMMODITY}\n" for account in accounts]
    for line in ordered:
        payee, narration = _quoted(line.counterpart or line.kind), _quoted(line.note or line.kind)
        parts.append(
            f"\n{line.at:%Y-%m-%d} * {payee} {narration}\n"
            f'  at: "{_moment(line)}"\n'
            f'  transfer: "{line.transfer_id}"\n'
            f"  {_WALLET}  {line.amount} {_COMMODITY}\n"
            f"  {_account(line)}  {-line.amount} {_COMMODITY}\n"
        )
    return "".join(parts)


def _moment(line: StatementLine) -> str:
    return line.at.isoformat().replace("+00:00", "Z")


def _plain(text: str | None) -> str:
    return f"'{text}" if text and text.startswith(_FORMULA) else text or ""


def _quoted(text: str) -> str:
    escaped = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _account(line: StatementLine) -> str:
    return "Equity:" + line.kind.replace("_", " ").title().replace(" ", "")
