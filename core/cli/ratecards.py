"""``teamcredits ratecards``: show rates, and load an organization's own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from core.cli.context import as_operator
from core.cli.options import PLAIN, Json, Org, moment
from core.cli.output import Columns, hint, print_items, print_json
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.usage import ratecards
from core.services.usage.ratecards import CardView, LoadView, RateView

MAX_FILE_BYTES: Final = 16 * 1024 * 1024

app: Final = typer.Typer(help="Show and load rate cards (credits per million tokens).", **PLAIN)


@app.command()
def show(
    *,
    at: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="As of this date (default: now)")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Show the rates in force."""

    async def act(ledger: LedgerService, operator: Actor) -> CardView:
        return await ratecards.rate_card(ledger, actor=operator, at=at)

    card = as_operator(act, org=org)
    if as_json:
        print_json(card)
        return
    print_items(card.rows, _COLUMNS, as_json=False, empty="The rate card is empty.")
    origin = f"with load {card.load}" if card.load else "built-in default"
    typer.echo(f"rate card {card.version} ({origin}); credits per million tokens; * applies to all other models")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON file of rates")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change without loading anything")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Load rates from a file. Past usage isn't repriced."""
    document = _read(file)

    async def act(ledger: LedgerService, operator: Actor) -> LoadView:
        return await ratecards.load_rate_cards(ledger, actor=operator, document=document, dry_run=dry_run)

    done = as_operator(act, org=org)
    if as_json:
        print_json(done)
        return
    counts = f"{done.added} added, {done.corrected} corrected, {done.unchanged} unchanged"
    typer.echo(f"Dry run: {counts}." if dry_run else f"Loaded: {counts}.")
    hint(f"Rate card {done.version} {'would be' if dry_run else 'is'} in force.")


def _read(file: Path) -> object:
    try:
        with file.open("rb") as opened:
            return orjson.loads(opened.read(MAX_FILE_BYTES))
    except orjson.JSONDecodeError as wrong:
        raise typer.BadParameter(f"{file} isn't valid JSON: {wrong}") from None


def _tiers(rate: RateView) -> str:
    return ", ".join(f"{name} x{multiplier}" for name, multiplier in rate.tiers.items())


_COLUMNS: Columns[RateView] = {
    "MODEL": lambda rate: rate.model,
    "FROM": lambda rate: rate.effective_from.isoformat(),
    "INPUT": lambda rate: rate.input,
    "CACHED": lambda rate: rate.cached_input,
    "CACHE WRITE": lambda rate: rate.cache_write or "-",
    "CACHE WRITE 1H": lambda rate: rate.cache_write_1h or "-",
    "OUTPUT": lambda rate: rate.output,
    "TIERS": _tiers,
}
