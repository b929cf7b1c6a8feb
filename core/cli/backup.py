"""``teamcredits export``, ``backup`` and ``restore``: the ledger for other programs, and for a bad day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from core.atomic_file import atomic_file
from core.cli.context import as_operator
from core.cli.ledger import verify
from core.cli.logs import configure_logs
from core.cli.options import Org
from core.cli.output import hint
from core.services import exports
from core.services.exports import Form
from core.services.ledger import Ledger
from core.services.views import Actor
from core.settings import settings_from_environment
from core.store import backup as backups
from core.store.engine import refuse_own_file

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
            await _export(ledger, operator, lambda chunk: typer.echo(chunk, nl=False))
            return
        refuse_own_file(ledger.engine.url, output)
        with atomic_file(output, replace=force) as aside, aside.open("w", encoding="utf-8", newline="") as file:
            await _export(ledger, operator, file.write)

    async def _export(ledger: Ledger, operator: Actor, write: Callable[[str], object]) -> None:
        await exports.export(ledger, actor=operator, form=form, write=write, with_notes=with_notes)

    as_operator(act, org=org)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; it appears whole or not at all.")],
    *,
    force: Force = False,
) -> None:
    """Back up the whole database to one file, while the server runs.

    It is all of one moment, and anything answered before this command began is in it. Keep the sealing key as well:
    it is not in the file.
    """
    settings = settings_from_environment()
    configure_logs(settings.log_level)
    backups.backup(settings.database_url, file, replace=force)
    typer.echo(f"backed up to {file} ({file.stat().st_size:,} bytes)")
    hint("The sealing key is not in it: keep TEAMCREDITS_SECRET_KEY too, or the file secret.key.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What teamcredits backup wrote.")],
) -> None:
    """Restore a backup into an empty database, of either kind, and verify it.

    Tokens that were revoked since are valid again, and what was done since is not known.
    """
    settings = settings_from_environment()
    configure_logs(settings.log_level)
    rows = backups.restore(settings.database_url, file)
    typer.echo(f"restored {rows:,} rows from {file}")
    try:
        verify()
    except typer.Exit:
        hint("When everything differs, TEAMCREDITS_SECRET_KEY is not the key that these books were sealed with.")
        raise
