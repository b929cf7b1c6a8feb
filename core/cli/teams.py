"""``teamcredits team``: teams, their members and leads."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import PAGE_SIZE, as_operator, find_member, find_team
from core.cli.options import PLAIN, Json, Member, Org, Team
from core.cli.output import Columns, print_item, print_items
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.people import organizations
from core.services.people.organizations import TeamView

_COLUMNS: Columns[TeamView] = {
    "ID": lambda team: team.id,
    "NAME": lambda team: team.name,
    "MEMBERS": lambda team: len(team.members),
    "LEADS": lambda team: len(team.leads),
}

app: Final = typer.Typer(help="Manage teams and their members.", **PLAIN)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the team")],
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Create a team with an empty pool."""

    async def act(ledger: LedgerService, operator: Actor) -> TeamView:
        return await organizations.create_team(ledger, actor=operator, name=name)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command("list")
def list_(*, org: Org = None, as_json: Json = False) -> None:
    """List teams."""

    async def act(ledger: LedgerService, operator: Actor) -> list[TeamView]:
        return list((await organizations.list_teams(ledger, actor=operator, limit=PAGE_SIZE)).items)

    empty = "There are no teams yet. Create one with: teamcredits team create NAME"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def add(
    team: Team,
    member: Member,
    *,
    lead: Annotated[bool, typer.Option("--lead", help="Make the member a lead of the team")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Add a member to a team, or change whether they lead it."""

    async def act(ledger: LedgerService, operator: Actor) -> TeamView:
        place, who = await find_team(ledger, operator, team), await find_member(ledger, operator, member)
        return await organizations.add_to_team(ledger, actor=operator, team_id=place.id, member_id=who.id, is_lead=lead)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def remove(team: Team, member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Remove a member from a team."""

    async def act(ledger: LedgerService, operator: Actor) -> TeamView:
        place, who = await find_team(ledger, operator, team), await find_member(ledger, operator, member)
        return await organizations.remove_from_team(ledger, actor=operator, team_id=place.id, member_id=who.id)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)
