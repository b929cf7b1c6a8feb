"""``teamcredits init``, ``migrate``, ``serve`` and ``demo``: set up a ledger and run the server."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from core.cli.context import check_clock, configured_ledger
from core.cli.logs import configure_logs
from core.cli.options import Json
from core.cli.output import hint, print_json
from core.cli.socket import listen, with_port_of
from core.services.common.ledger_service import LedgerService
from core.services.people import organizations
from core.settings import Mode, Settings, settings_from_environment
from core.store.migrate import migrate as migrate_database

_stop_is_success = contextlib.suppress(KeyboardInterrupt)  # however early it comes


def init(
    *,
    name: Annotated[str, typer.Option(help="Name of the organization")] = "My organization",
    admin: Annotated[str, typer.Option(metavar="NAME", help="Name of the first admin")] = "Admin",
    as_json: Json = False,
) -> None:
    """Create the database, an organization and its first admin.

    The admin's API token is only shown once.
    """
    settings = settings_from_environment()
    check_clock(settings)
    migrate_database(settings.database_url)
    with configured_ledger(settings) as ledger:
        create = organizations.create_organization(ledger, name=name, admin_name=admin)
        org_id, first, token = asyncio.run(create)
    if as_json:
        print_json({"org_id": org_id, "admin_token": token})
        return
    typer.echo(f"organization  {org_id}  {name}")
    typer.echo(f"admin         {first.id}  {first.name}")
    typer.echo(f"admin token   {token}")
    hint("Save the token now; it won't be shown again. Next: teamcredits member add --help, teamcredits serve")


def migrate() -> None:
    """Upgrade the database to this version's schema."""
    settings = settings_from_environment()
    configure_logs(settings.log_level)
    typer.echo(f"database schema: {migrate_database(settings.database_url)}")


def serve() -> None:
    """Run the server.

    One process serves the API, background jobs and, if configured, Slack. Stop it with Ctrl-C or SIGTERM.
    """
    settings = settings_from_environment()
    with _stop_is_success, _listening(settings) as (settled, listener), configured_ledger(settled) as ledger:
        _serve(ledger, settled, listener, after_ready=lambda: None)


def demo() -> None:
    """Run a demo server with sample data.

    The first start creates an organization in a SQLite file, by default under var/.
    """
    settings = settings_from_environment(mode=Mode.DEMO)
    configure_logs(settings.log_level)
    check_clock(settings)
    with _stop_is_success, _listening(settings) as (settled, listener):
        from core.demo.database import database_file, prepare  # noqa: PLC0415  (only this command needs it)
        from core.demo.guide import demo_users, things_to_try  # noqa: PLC0415

        prepare(settled, say=typer.echo)
        with configured_ledger(settled) as ledger:
            giver, recipient = asyncio.run(demo_users(ledger, database_file(settled).parent))
            text = things_to_try(settled.address, giver, recipient)
            _serve(ledger, settled, listener, after_ready=lambda: typer.echo(f"\n{text}"))


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[tuple[Settings, socket.socket]]:
    """Open the port first, so that nothing has started if it is in use."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the server handles it itself
    with contextlib.closing(listen(settings)) as listener:
        yield with_port_of(settings, listener), listener


def _serve(
    ledger: LedgerService, settings: Settings, listener: socket.socket, *, after_ready: Callable[[], None]
) -> None:
    from core.server import serve as run_server  # noqa: PLC0415  (the web stack is half a second of imports)

    def report_ready() -> None:
        typer.echo(f"listening on http://{settings.bind}")
        after_ready()

    run_server(ledger, settings, listener, on_ready=report_ready)
