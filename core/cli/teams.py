"""``teamcredits team``: groups with a pool, and who leads them."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_member, find_team
from core.cli.options import PLAIN, Json, Member, Org, Team
from core.cli.output import print_json, show_rows
from core.services import organisations
from core.services.ledger import Ledger
from core.services.organisations import TeamView
from core.services.views import Actor

app: Final = typer.Typer(help="Groups with a pool, and who leads them.", **PLAIN)
MAX_SHOWN: Final = 200


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The team's name.")],
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Begin a team, with an empty pool."""

    async def act(ledger: Ledger, operator: Actor) -> TeamView:
        return await organisations.create_team(ledger, actor=operator, name=name)

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command("list")
def list_(*, org: Org = None, as_json: Json = False) -> None:
    """List the teams."""

    async def act(ledger: Ledger, operator: Actor) -> list[TeamView]:
        return list((await organisations.list_teams(ledger, actor=operator, limit=MAX_SHOWN)).items)

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def add(
    team: Team,
    member: Member,
    *,
    lead: Annotated[bool, typer.Option("--lead", help="They lead it.")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Put a member into a team, or change whether they lead it."""

    async def act(ledger: Ledger, operator: Actor) -> TeamView:
        place, who = await find_team(ledger, operator, team), await find_member(ledger, operator, member)
        return await organisations.add_to_team(ledger, actor=operator, team_id=place.id, member_id=who.id, is_lead=lead)

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command()
def remove(team: Team, member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Take a member out of a team."""

    async def act(ledger: Ledger, operator: Actor) -> TeamView:
        place, who = await find_team(ledger, operator, team), await find_member(ledger, operator, member)
        return await organisations.remove_from_team(ledger, actor=operator, team_id=place.id, member_id=who.id)

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


def _show(teams: list[TeamView], *, as_json: bool, alone: bool = False) -> None:
    if as_json:
        print_json(teams[0] if alone else teams)
        return
    rows = [(team.id, team.name, f"{len(team.members)} members", f"{len(team.leads)} leads") for team in teams]
    show_rows(rows, nothing="There is no team yet. See: teamcredits team create --help")
