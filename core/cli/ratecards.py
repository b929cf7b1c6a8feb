"""``teamcredits ratecards``: what tokens cost, and loading an organisation's own figures."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from core.cli.context import as_operator
from core.cli.options import PLAIN, Json, Org, moment
from core.cli.output import hint, print_json, show_rows
from core.services import ratecards
from core.services.ledger import Ledger
from core.services.ratecards import CardView, LoadView, RateView
from core.services.views import Actor

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
_HEADER: Final = ("model", "from", "input", "cached", "write", "write 1h", "output", "tiers")

app: Final = typer.Typer(help="What tokens cost, in credits per million.", **PLAIN)


@app.command()
def show(
    *,
    at: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="In force when; now without.")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Show the rates in force."""

    async def act(ledger: Ledger, operator: Actor) -> CardView:
        return await ratecards.rate_card(ledger, actor=operator, at=at)

    card = as_operator(act, org=org)
    if as_json:
        print_json(card)
        return
    show_rows([_HEADER, *map(_row, card.rows)], nothing="")
    origin = f"with load {card.load}" if card.load else "as it comes with the house"
    typer.echo(f"rate card {card.version}, {origin}; credits per million tokens, * is every other model")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON with rows of rates.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Load rates from a file: new rows are added, others corrected, nothing is re-priced."""
    document = _read(file)

    async def act(ledger: Ledger, operator: Actor) -> LoadView:
        return await ratecards.load_rate_cards(ledger, actor=operator, document=document, dry_run=dry_run)

    done = as_operator(act, org=org)
    if as_json:
        print_json(done)
        return
    verb = "would be" if dry_run else "were"
    typer.echo(f"{done.added} rows {verb} added, {done.corrected} corrected, {done.unchanged} are as before")
    hint(f"rate card {done.version} is in force{' then' if dry_run else ''}")


def _read(file: Path) -> object:
    try:
        with file.open("rb") as opened:
            return orjson.loads(opened.read(MAX_FILE_BYTES))
    except orjson.JSONDecodeError as wrong:
        raise typer.BadParameter(f"{file} is no JSON: {wrong}") from None


def _row(row: RateView) -> tuple[str, ...]:
    tiers = ", ".join(f"{name} x{multiplier}" for name, multiplier in row.tiers.items())
    writes = (row.cache_write or "-", row.cache_write_1h or "-")
    return row.model, row.effective_from.isoformat(), row.input, row.cached_input, *writes, row.output, tiers
