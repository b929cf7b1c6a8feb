"""``teamcredits usage``: usage that comes in as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, cast

import typer

from core.cli.context import as_operator
from core.cli.options import PLAIN, Json, Org
from core.cli.output import hint, print_json
from core.ledger.errors import Refused
from core.services.csv_file import copied
from core.services.ledger import Ledger
from core.services.usage.importing import DEFAULT_SOURCE, ImportView, import_usage
from core.services.views import Actor

MAX_REJECTED_SHOWN: Final = 20

app: Final = typer.Typer(help="What was used.", **PLAIN)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file: member, time, model, tokens or credits.")],
    *,
    source: Annotated[str, typer.Option(metavar="TOOL", help="Which tool the file is of.")] = DEFAULT_SOURCE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Charge a file of usage from a tool without a gateway.

    The whole file is checked before anything is charged. A line is charged once, however often it is imported.
    """
    with copied(file) as (stream, _):

        async def act(ledger: Ledger, operator: Actor) -> ImportView:
            return await import_usage(ledger, actor=operator, stream=stream, source=source, dry_run=dry_run)

        try:
            done = as_operator(act, org=org)
        except Refused as refused:
            _tell_other_lines(refused)
            raise
    if as_json:
        print_json(done)
        return
    verb = "would be" if dry_run else "were"
    cost = done.credits.shown()
    typer.echo(
        f"{done.accepted:,} of {done.lines:,} lines {verb} charged: {cost} cr; {done.duplicates:,} had been before"
    )
    for each in done.rejected[:MAX_REJECTED_SHOWN]:
        hint(f"line {each.index}: {each.detail}")


def _tell_other_lines(refused: Refused) -> None:
    """The refusal's sentence names the first wrong line only."""
    errors = cast("list[dict[str, str]]", refused.fields.get("errors", []))
    for each in errors[1:]:
        hint(f"{each['field']}: {each['message']}")
