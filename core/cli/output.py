"""What commands print on standard output: tables for people, JSON for programs.

Tables show times in the terminal's time zone; JSON has exact RFC 3339 times in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import orjson
import typer

from core.ledger.credits import Credits

Item = TypeVar("Item")
Cell = str | int | Credits | datetime | None
Columns = Mapping[str, Callable[[Item], Cell]]  # the header of each column, and what it shows of an item


def print_items(items: Sequence[Item], columns: Columns[Item], *, as_json: bool, empty: str) -> None:
    """Print a list as JSON or as a table; ``empty`` is printed in place of a table without rows."""
    if as_json:
        print_json(items)
    else:
        print_table(list(columns), ([show(item) for show in columns.values()] for item in items), empty=empty)


def print_item(item: Item, columns: Columns[Item], *, as_json: bool) -> None:
    """Print one thing as JSON, or as a table with one row."""
    if as_json:
        print_json(item)
    else:
        print_items([item], columns, as_json=False, empty="")


def print_json(value: object) -> None:
    """Print a value as JSON: amounts as strings, times in UTC with ``Z``."""
    typer.echo(orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode())


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str) -> None:
    """Print rows under their headers, or ``empty`` if there are none."""
    table = list(rows)
    for line in table_lines(headers, table) if table else [empty]:
        typer.echo(line)


def table_lines(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Return the lines of a table. Numbers are right-aligned; the first column of times names the time zone."""
    columns = [[row[number] for row in rows] for number in range(len(headers))]
    titles = list(headers)
    timed = [number for number, cells in enumerate(columns) if any(isinstance(cell, datetime) for cell in cells)]
    if timed:
        titles[timed[0]] += f" ({_zones(cell for row in rows for cell in row)})"
    texts = [[title, *map(_text, cells)] for title, cells in zip(titles, columns, strict=True)]
    aligned = [
        [text.rjust(width) if _is_numeric(cells) else text.ljust(width) for text in column]
        for column, cells in zip(texts, columns, strict=True)
        for width in [max(map(len, column))]
    ]
    return ["  ".join(line).rstrip() for line in zip(*aligned, strict=True)]


def hint(sentence: str) -> None:
    """Print a sentence for the person at the terminal, on standard error."""
    typer.echo(sentence, err=True)


def local_time(moment: datetime | None, *, never: str = "never") -> str:
    """Return a time for a sentence, in the terminal's time zone and with its name."""
    return never if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return cell.astimezone().strftime("%Y-%m-%d %H:%M")
        case Credits():
            return f"{cell.shown()} cr"
        case int():
            return f"{cell:,}"
    return cell


def _is_numeric(cells: Iterable[Cell]) -> bool:
    kinds = {type(cell) for cell in cells if cell is not None}
    return bool(kinds) and kinds <= {int, Credits}


def _zones(cells: Iterable[Cell]) -> str:
    """Return the names of the local time zone that the times use, such as ``UTC`` or ``CET/CEST``."""
    names = {str(cell.astimezone().tzname()) for cell in cells if isinstance(cell, datetime)}
    return "/".join(sorted(names))
