"""``teamcredits export``: the books for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.house import as_operator
from core.cli.options import Org
from core.services import exports
from core.services.exports import Form
from core.services.ledger import Ledger
from core.services.views import Actor
from core.whole_files import whole_file

Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


def export(
    *,
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.JSON,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; standard output without.")
    ] = None,
    with_notes: Annotated[bool, typer.Option("--with-notes", help="Include messages and reasons.")] = False,
    force: Force = False,
    org: Org = None,
) -> None:
    """Write down the whole ledger of an organisation.

    Amounts are exact, the order is stable, and it is all of one moment. People's words are left out unless asked for.
    """

    async def act(ledger: Ledger, operator: Actor) -> None:
        if output is None:
            await exports.export(
                ledger,
                actor=operator,
                form=form,
                write=lambda chunk: typer.echo(chunk, nl=False),
                with_notes=with_notes,
            )
            return
        with whole_file(output, replace=force) as aside, aside.open("w", encoding="utf-8", newline="") as file:
            await exports.export(ledger, actor=operator, form=form, write=file.write, with_notes=with_notes)

    as_operator(act, org=org)
