"""What commands print: lines for people, JSON for programs, both on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import orjson
import typer


def print_json(value: object) -> None:
    """Print a value: ids and amounts as strings, moments in UTC with ``Z``."""
    typer.echo(orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode())


def show_rows(rows: Iterable[Sequence[str]], *, nothing: str) -> None:
    """Print rows in columns as wide as they need, or say that there are none."""
    table = [list(row) for row in rows]
    if not table:
        typer.echo(nothing)
        return
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def hint(sentence: str) -> None:
    """Say something to the person that is no part of the output."""
    typer.echo(sentence, err=True)


def day(moment: datetime | None, *, never: str = "never") -> str:
    """Return a moment as a list shows it."""
    return never if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
