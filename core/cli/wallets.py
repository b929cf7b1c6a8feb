"""What ``teamcredits member show`` and ``member statement`` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from core.cli.output import Columns, local_time, print_items, table_lines
from core.services.allowances.messages import limit_label
from core.services.common.views import BalanceView, SliceView, StatementLineView
from core.services.gifts.messages import giftable_text
from core.services.usage.messages import usage_words


def print_balance(balance: BalanceView) -> None:
    """Print what a member can spend, and from what."""
    amounts = {
        "can spend": balance.spendable,
        "own wallet": balance.available,
        "team pools": balance.pool,
        "giftable": balance.giftable,
        "held for gifts": balance.held_gifts,
        "held for usage": balance.held_usage,
        "incoming": balance.incoming,
        "owed": balance.owed,
    }
    typer.echo(f"{balance.name} ({balance.member_id})")
    for line in table_lines(["", ""], list(amounts.items()))[1:]:
        typer.echo(line)
    typer.echo(giftable_text(balance))
    for line in _allowance(balance):
        typer.echo(line)
    typer.echo()
    print_items(balance.lots, _LOT_COLUMNS, as_json=False, empty="no lots")


def print_statement(lines: Sequence[StatementLineView]) -> None:
    """Print transactions in the given order."""
    print_items(lines, _STATEMENT_COLUMNS, as_json=False, empty="There are no transactions yet.")


def _allowance(balance: BalanceView) -> Iterator[str]:
    for window in balance.allowance:
        resets = "starts with its first use" if window.resets_at is None else f"resets {local_time(window.resets_at)}"
        yield f"{limit_label(window.window)}: {window.used.shown()} of {window.limit.shown()} cr used, {resets}"
    if balance.boost is not None:
        yield f"{balance.boost.factor}× boost until {local_time(balance.boost.ends_at)}"
    if banked := balance.resets_banked.count:
        resets = "reset" if banked == 1 else "resets"
        yield f"{banked} {resets} banked, the first expiring {local_time(balance.resets_banked.expires_at)}"
    if balance.next_allotment is not None:
        yield f"next allotment: {balance.next_allotment.amount.shown()} cr on {local_time(balance.next_allotment.at)}"


def _about(line: StatementLineView) -> str:
    if line.usage is not None:
        return usage_words(line.usage)
    return "  ".join(part for part in (line.counterpart, line.note) if part)


_LOT_COLUMNS: Columns[SliceView] = {
    "SOURCE": lambda lot: lot.source.value,
    "AMOUNT": lambda lot: lot.amount,
    "EXPIRES": lambda lot: lot.expires_at or "never",
}
_STATEMENT_COLUMNS: Columns[StatementLineView] = {
    "TIME": lambda line: line.at,
    "ID": lambda line: line.transfer_id,
    "KIND": lambda line: line.kind,
    "AMOUNT": lambda line: line.amount,
    "DETAILS": _about,
}
