"""``teamcredits replay``: charge a file of requests, with a progress bar and a summary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.cli.context import configured_ledger
from core.cli.options import Json, Org, moment
from core.cli.output import Cell, print_json, table_lines
from core.ledger.errors import Refused
from core.services.common.ledger_service import LedgerService
from core.services.usage.replay import replay as charge_requests
from core.services.usage.replay import replaying
from core.services.usage.replay_tally import ModelTally, Tally
from core.services.usage.request_file import RequestFile, open_request_file

MAX_MODELS_SHOWN: Final = 50
_HEADERS: Final = ("MODEL", "REQUESTS", "CHARGED", "DUPLICATES", "REFUSED", "CREDITS")


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file of requests")],
    *,
    at: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="DATE", help="Use the rate card in force at this time (default: now)"),
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Charge a file of requests.

    Sessions are assigned to the organization's members in turn. A request is charged once, however often the file
    is replayed.
    """
    with configured_ledger() as ledger:
        replay_file(ledger, file, org=org, at=at, as_json=as_json)


def replay_file(
    ledger: LedgerService,
    path: Path,
    *,
    org: str | None = None,
    at: datetime | None = None,
    as_json: bool = False,
    console: Console | None = None,
) -> Tally:
    """Charge the requests of a CSV file, by the rate card in force at ``at`` (default: now), and print a summary.

    The progress bar goes to standard error, if that is a terminal. Raises Refused before anything is charged when
    the file, the date or the organization is wrong. Interrupted, it prints how far it came and raises
    KeyboardInterrupt; the next replay of the file continues from there.
    """
    console = console or Console()
    with open_request_file(path) as requests, _progress(path, requests) as advance:
        actor, card = asyncio.run(replaying(ledger, org=org, at=at))
        tally = Tally(card.version)
        try:
            asyncio.run(charge_requests(ledger, requests, actor=actor, card=card, tally=tally, on_answer=advance))
        except (KeyboardInterrupt, Refused):
            if tally.requests:
                _print(console, [f"Stopped after {tally.requests:,} of {requests.count:,} requests."])
            raise
    if as_json:
        print_json(_document(tally))
    else:
        _print(console, summary(tally))
    return tally


def summary(tally: Tally) -> list[str]:
    """Return the lines that say what a replay did: the most expensive models first, then the total."""
    models = sorted(tally.models.items(), key=lambda item: (-item[1].credits.micros, -item[1].requests, item[0]))
    rows = [_row(f"{model} *" if each.is_fallback else model, each) for model, each in models[:MAX_MODELS_SHOWN]]
    lines = [*table_lines(_HEADERS, [*rows, _row("total", tally)]), ""]
    if len(models) > MAX_MODELS_SHOWN:
        lines.append(f"The total includes {len(models) - MAX_MODELS_SHOWN:,} more models.")
    if any(each.is_fallback for each in tally.models.values()):
        lines.append("* not on the rate card; the default rate applies")
    for code, number in tally.refusals.most_common():
        lines.append(f"refused ({code.value}): {number:,}")
    if tally.overage:
        lines.append(f"not covered by any credits: {tally.overage.shown()} cr (deducted from the next grant)")
    lines.append(f"rate card {tally.card}; {tally.seconds:.1f} s, {tally.per_second:,} requests per second")
    return lines


def _row(name: str, tally: Tally | ModelTally) -> list[Cell]:
    return [name, tally.requests, tally.charged, tally.duplicates, tally.refused, tally.credits]


def _document(tally: Tally) -> dict[str, object]:
    def counts(each: Tally | ModelTally) -> dict[str, object]:
        return dict(zip([header.lower() for header in _HEADERS[1:]], _row("", each)[1:], strict=True))

    return {
        **counts(tally),
        "overage": tally.overage,
        "rate_card": tally.card,
        "models": {name: {**counts(each), "is_fallback": each.is_fallback} for name, each in tally.models.items()},
        "refusals": {code.value: number for code, number in tally.refusals.items()},
    }


@contextmanager
def _progress(path: Path, requests: RequestFile) -> Iterator[Callable[[], None]]:
    """Yield a function that advances the bar by one request."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(path.name, total=requests.count)
        yield lambda: progress.advance(task)


def _print(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
