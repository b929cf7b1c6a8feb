"""The ``teamcredits`` command with all its subcommands."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core import __version__
from core.cli import (
    allotments,
    boosts,
    caps,
    holds,
    members,
    plans,
    ratecards,
    referrals,
    requests,
    resets,
    teams,
    tokens,
    usage,
)
from core.cli.adjustments import allocate, refund, void
from core.cli.backup import backup, export, restore
from core.cli.ledger import grant, verify
from core.cli.options import PLAIN
from core.cli.replay import replay
from core.cli.rescue import rescue
from core.cli.server import demo, init, migrate, serve
from core.cli.why import why


def _print_version(requested: bool) -> None:  # noqa: FBT001  (typer calls it like this)
    if requested:
        typer.echo(__version__)
        raise typer.Exit


app: Final = typer.Typer(help="Manage a shared ledger of AI-coding credits.", add_completion=False, **PLAIN)


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version")
    ] = False,
) -> None:
    """Manage a shared ledger of AI-coding credits.

    Settings are read from TEAMCREDITS_… environment variables, .env and teamcredits.toml.
    """
    del version


for command in (
    init,
    serve,
    demo,
    migrate,
    grant,
    allocate,
    void,
    refund,
    why,
    verify,
    replay,
    rescue,
    export,
    backup,
    restore,
):
    app.command()(command)
app.add_typer(allotments.app, name="allotment")
app.add_typer(resets.app, name="reset")
app.add_typer(boosts.app, name="boost")
app.add_typer(members.app, name="member")
app.add_typer(teams.app, name="team")
app.add_typer(tokens.app, name="token")
app.add_typer(requests.app, name="request")
app.add_typer(referrals.app, name="referral")
app.add_typer(plans.app, name="plan")
app.add_typer(caps.app, name="cap")
app.add_typer(ratecards.app, name="ratecards")
app.add_typer(usage.app, name="usage")
app.add_typer(holds.app, name="hold")
