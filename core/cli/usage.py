"""``teamcredits usage``: import usage from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, cast

import typer

from core.cli.context import as_operator
from core.cli.options import PLAIN, Json, Org
from core.cli.output import hint, print_json
from core.ledger.errors import Refused
from core.services.common.actors import Actor
from core.services.common.csv_file import copied
from core.services.common.ledger_service import LedgerService
from core.services.usage.imports import DEFAULT_SOURCE, ImportView, import_usage

MAX_REJECTED_SHOWN: Final = 20

app: Final = typer.Typer(help="Import usage.", **PLAIN)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV file with member, time, model, and tokens or credits")
    ],
    *,
    source: Annotated[str, typer.Option(metavar="TOOL", help="Tool that the usage comes from")] = DEFAULT_SOURCE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be charged without charging anything")
    ] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Charge usage from a CSV file.

    The whole file is checked before anything is charged. A line is charged once, however often it is imported.
    """
    with copied(file) as (stream, _):

        async def act(ledger: LedgerService, operator: Actor) -> ImportView:
            return await import_usage(ledger, actor=operator, stream=stream, source=source, dry_run=dry_run)

        try:
            done = as_operator(act, org=org)
        except Refused as refused:
            _print_other_lines(refused)
            raise
    if as_json:
        print_json(done)
        return
    verb = "Would charge" if dry_run else "Charged"
    lines = f"{done.accepted:,} of {done.lines:,} lines"
    typer.echo(f"{verb} {lines}: {done.credits.shown()} cr. {done.duplicates:,} had already been charged.")
    for each in done.rejected[:MAX_REJECTED_SHOWN]:
        hint(f"line {each.index}: {each.detail}")


def _print_other_lines(refused: Refused) -> None:
    """Print the wrong lines after the first, which the refusal's own sentence names."""
    errors = cast("list[dict[str, str]]", refused.fields.get("errors", []))
    for each in errors[1:]:
        hint(f"{each['field']}: {each['message']}")
