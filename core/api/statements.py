"""Statements as text: CSV for spreadsheets, Beancount for people who keep books. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from core.services.common.views import StatementLineView, UsageView
from core.services.exports.labels import cell, moment, quoted

_COMMODITY: Final = "CREDITS"
_WALLET: Final = "Assets:Wallet"
_USAGE: Final = ("model", "happened_at", "card", "fallback", "cost", "allowance", "overage", "late")


def statement_csv(lines: Iterable[StatementLineView]) -> str:
    """Return a statement as CSV (RFC 4180), newest first; no cell can be taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("at", "transfer", "kind", "amount", "counterpart", "note", *_USAGE))
    for line in lines:
        words = (cell(line.counterpart), cell(line.note))
        writer.writerow((moment(line.at), line.transfer_id, line.kind, str(line.amount), *words, *_usage(line.usage)))
    return out.getvalue()


def statement_beancount(lines: Iterable[StatementLineView]) -> str:
    """Return a statement as Beancount: each movement between the wallet and where it went, oldest first."""
    ordered = sorted(lines, key=lambda line: (line.at, line.transfer_id))
    accounts = sorted({_account(line) for line in ordered} | {_WALLET})
    parts = [f"1970-01-01 open {account} {_COMMODITY}\n" for account in accounts]
    for line in ordered:
        payee, narration = _one_line(line.counterpart or line.kind), _one_line(line.note or line.kind)
        parts.append(
            f"\n{line.at:%Y-%m-%d} * {payee} {narration}\n"
            f'  at: "{moment(line.at)}"\n'
            f'  transfer: "{line.transfer_id}"\n'
            f"  {_WALLET}  {line.amount} {_COMMODITY}\n"
            f"  {_account(line)}  {-line.amount} {_COMMODITY}\n"
        )
    return "".join(parts)


def _usage(usage: UsageView | None) -> tuple[str, ...]:
    if usage is None:
        return ("",) * len(_USAGE)
    rated = (cell(usage.model), moment(usage.happened_at) or "", usage.card, "fallback" if usage.is_fallback else "")
    return (*rated, str(usage.cost), str(usage.allowance), str(usage.overage), "late" if usage.is_late else "")


def _one_line(text: str) -> str:
    return quoted(" ".join(text.split()))


def _account(line: StatementLineView) -> str:
    return "Equity:" + line.kind.replace("_", " ").title().replace(" ", "")
