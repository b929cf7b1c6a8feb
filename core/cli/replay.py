"""``teamcredits replay``: the progress bar and the summary around a replay. It decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services.ledger import Ledger
from core.services.replay.replay import replay, replaying
from core.services.replay.request_file import RequestFile, open_request_file
from core.services.replay.tally import Tally

MAX_MODELS_SHOWN: Final = 50


def replay_file(
    ledger: Ledger, path: Path, *, org: str | None = None, at: datetime | None = None, console: Console | None = None
) -> Tally:
    """Charge the requests of a CSV file, by the rate card in force at ``at`` (default: now), and print a summary.

    The progress bar goes to standard error, and nowhere unless that is a terminal. Raises Refused before
    anything is charged when the file, the date or the organisation is wrong. Interrupted, it says how far it
    came and raises KeyboardInterrupt; the next replay of the file goes on from there.
    """
    console = console or Console()
    with open_request_file(path) as requests, _progress(path, requests) as on_answer:
        actor, card = asyncio.run(replaying(ledger, org=org, at=at))
        tally = Tally(card.version)
        try:
            asyncio.run(replay(ledger, requests, actor=actor, card=card, tally=tally, on_answer=on_answer))
        except (KeyboardInterrupt, Refused):
            if tally.requests:
                _print(console, [f"Stopped after {tally.requests:,} of {requests.count:,} requests."])
            raise
    _print(console, summary(tally))
    return tally


def instant_of(text: str) -> datetime:
    """Read ``--at``: a day (its first instant in UTC) or an instant with its zone. Raises Refused(invalid_request)."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is not None and instant.date().isoformat() == text:
        return instant.replace(tzinfo=UTC)
    if instant is None or instant.tzinfo is None:
        raise Refused(Code.INVALID_REQUEST, f"{text!r} is no date; write 2026-09-29 or 2026-09-29T14:00:00Z.")
    return instant.astimezone(UTC)


def summary(tally: Tally) -> list[str]:
    """Return the lines that say what a replay did."""
    shown = sorted(tally.models.items(), key=lambda item: (-item[1].credits.micros, -item[1].requests, item[0]))[
        :MAX_MODELS_SHOWN
    ]
    names = {model: f"{model} *" if each.is_fallback else model for model, each in shown}
    width = max(len(name) for name in ("model", *names.values()))
    lines = [
        f"{'model':{width}}  {'requests':>10}  {'charged':>10}  {'duplicates':>10}  {'refused':>10}  {'credits':>14}",
        *(
            _row(names[model], width, (each.requests, each.charged, each.duplicates, each.refused), each.credits)
            for model, each in shown
        ),
        _row("all", width, (tally.requests, tally.charged, tally.duplicates, tally.refused), tally.credits),
        "",
    ]
    if len(tally.models) > len(shown):
        lines.append(f"{len(tally.models) - len(shown):,} more models are counted in the last line only.")
    if any(each.is_fallback for each in tally.models.values()):
        lines.append("* not on the rate card; rated at its fallback")
    for code, number in tally.refusals.most_common():
        lines.append(f"refused: {number:,} {code.value}")
    if tally.overage:
        lines.append(f"owed: {tally.overage.shown()} cr of it were covered by nothing")
    lines.append(f"rate card {tally.card}; {tally.seconds:.1f} s, {tally.per_second:,} requests a second")
    return lines


def _row(name: str, width: int, counts: tuple[int, ...], credits_charged: Credits) -> str:
    numbers = "  ".join(f"{number:>10,}" for number in counts)
    return f"{name:{width}}  {numbers}  {credits_charged.shown():>14}"


@contextmanager
def _progress(path: Path, requests: RequestFile) -> Iterator[Callable[[], None]]:
    """Yield what advances the bar by one request."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(path.name, total=requests.count)
        yield lambda: progress.advance(task)


def _print(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
