"""What ``teamcredits member show`` and ``statement`` print: what somebody has, and what moved it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from core.cli.output import day, show_rows
from core.services.views import Balance, StatementLine
from core.services.words.limits import limit_label
from core.services.words.usage import usage_words


def show_balance(balance: Balance) -> None:
    """Print what can be spent and of what, and what changes it by itself."""
    amounts = {
        "spendable": balance.spendable,
        "own": balance.available,
        "pool": balance.pool,
        "can be given": balance.giftable,
        "set aside in gifts": balance.held_gifts,
        "set aside for usage": balance.held_usage,
        "on its way here": balance.incoming,
        "owed": balance.owed,
    }
    typer.echo(f"{balance.name} ({balance.member_id})")
    show_rows([(name, f"{amount.shown()} cr") for name, amount in amounts.items()], nothing="")
    for line in _allowance(balance):
        typer.echo(line)
    lots = [(part.source.value, f"{part.amount.shown()} cr", "until", day(part.expires_at)) for part in balance.lots]
    show_rows(lots, nothing="no lots of their own")


def show_statement(lines: Sequence[StatementLine]) -> None:
    """Print movements, newest first, each with what was used or who was on the other side."""
    rows = [(day(line.at), line.transfer_id, line.kind, f"{line.amount.shown()} cr", _about(line)) for line in lines]
    show_rows(rows, nothing="Nothing has moved yet.")


def _allowance(balance: Balance) -> Iterator[str]:
    for window in balance.allowance:
        resets = "begins with its first use" if window.resets_at is None else f"resets {day(window.resets_at)}"
        yield f"{limit_label(window.window)}: {window.used.shown()} of {window.limit.shown()} cr used, {resets}"
    if balance.boost is not None:
        yield f"{balance.boost.factor}× boost until {day(balance.boost.ends_at)}"
    if banked := balance.resets_banked.count:
        yield f"{banked} {'reset' if banked == 1 else 'resets'} banked, until {day(balance.resets_banked.expires_at)}"
    if balance.next_allotment is not None:
        yield f"next allotment: {balance.next_allotment.amount.shown()} cr on {day(balance.next_allotment.at)}"


def _about(line: StatementLine) -> str:
    if line.usage is not None:
        return usage_words(line.usage)
    return "  ".join(part for part in (line.counterpart, line.note) if part)
