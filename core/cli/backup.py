"""``teamcredits export``, ``backup`` and ``restore``."""

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
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.exports import Form
from core.settings import settings_from_environment
from core.store import backup as backups
from core.store.engine import refuse_own_file

Force = Annotated[bool, typer.Option("--force", help="Replace an existing file")]


def export(
    *,
    form: Annotated[Form, typer.Option("--format", help="File format")] = Form.JSON,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Output file (default: stdout)")
    ] = None,
    with_notes: Annotated[bool, typer.Option("--with-notes", help="Include messages and reasons")] = False,
    force: Force = False,
    org: Org = None,
) -> None:
    """Export an organization's ledger.

    The export is a consistent snapshot with exact amounts in a stable order. Messages and reasons are left out by
    default.
    """

    async def act(ledger: LedgerService, operator: Actor) -> None:
        if output is None:
            await _export(ledger, operator, lambda chunk: typer.echo(chunk, nl=False))
            return
        refuse_own_file(ledger.engine.url, output)
        with atomic_file(output, replace=force) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            await _export(ledger, operator, file.write)

    async def _export(ledger: LedgerService, operator: Actor, write: Callable[[str], object]) -> None:
        await exports.export(ledger, actor=operator, form=form, write=write, with_notes=with_notes)

    as_operator(act, org=org)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Output file (written atomically)")],
    *,
    force: Force = False,
) -> None:
    """Back up the whole database to one file while the server runs.

    The backup is a consistent snapshot. It doesn't contain the sealing key; keep that in a separate safe place.
    """
    settings = settings_from_environment()
    configure_logs(settings.log_level)
    backups.backup(settings.database_url, file, replace=force)
    typer.echo(f"Backed up to {file} ({file.stat().st_size:,} bytes).")
    hint("The backup doesn't contain the sealing key. Keep TEAMCREDITS_SECRET_KEY (or the file secret.key) as well.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Backup file")],
) -> None:
    """Restore a backup into an empty database and verify it.

    The database can be SQLite or PostgreSQL. Everything after the backup is lost, so tokens that were revoked since
    then are valid again.
    """
    settings = settings_from_environment()
    configure_logs(settings.log_level)
    rows = backups.restore(settings.database_url, file)
    typer.echo(f"Restored {rows:,} rows from {file}.")
    try:
        verify()
    except typer.Exit:
        hint("If every seal differs, TEAMCREDITS_SECRET_KEY isn't the key that this ledger was sealed with.")
        raise
