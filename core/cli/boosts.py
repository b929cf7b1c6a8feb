"""``teamcredits boost``: grant, list and end boosts, and set the budgets of leads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli import applications, boost_report, campaigns
from core.cli.context import as_operator, find_member, find_subject, find_team, new_key
from core.cli.options import PLAIN, Anybody, Json, Key, Org, Reason, Team, factor, moment
from core.cli.output import Columns, print_item, print_items
from core.ledger.ids import Prefix
from core.metering.boosts import Factor
from core.services.boosts import boosts
from core.services.boosts.boosts import BoostTarget
from core.services.boosts.views import BoostDetail, BudgetView
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService

app: Final = typer.Typer(help="Manage boosts (multipliers on allowances) and their campaigns.", **PLAIN)
app.add_typer(campaigns.app, name="campaign")
for command in (applications.apply, applications.withdraw, applications.feedback, boost_report.report):
    app.command()(command)


@app.command("list")
def list_(
    member: Annotated[
        str | None, typer.Argument(metavar="MEMBER", help="Member id or name (default: the first admin)")
    ] = None,
    *,
    team: Annotated[str | None, typer.Option("--team", help="List a team's boosts instead")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List current and scheduled boosts. If several are running, the largest one applies."""

    async def act(ledger: LedgerService, operator: Actor) -> list[BoostDetail]:
        who = None if member is None else (await find_member(ledger, operator, member)).id
        which = None if team is None else (await find_team(ledger, operator, team)).id
        return list(await boosts.boosts(ledger, actor=operator, member_id=who, team_id=which))

    empty = "There are no boosts. Grant one with: teamcredits boost grant TO --factor FACTOR --days DAYS"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def grant(  # noqa: PLR0913  (the properties of a boost)
    to: Anybody,
    *,
    factor: Annotated[Factor, typer.Option(parser=factor, metavar="FACTOR", help="Multiplier, like 10 or 1.5")],
    days: Annotated[int | None, typer.Option(help="Duration in days")] = None,
    ends: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="End date (instead of --days)")
    ] = None,
    starts: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="Start date (default: now)")
    ] = None,
    reason: Reason = None,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Grant a boost to a member, a team or everybody."""

    async def act(ledger: LedgerService, operator: Actor) -> BoostDetail:
        answer = await boosts.grant(
            ledger,
            actor=operator,
            key=new_key(ledger) if key is None else key,
            to=await _target(ledger, operator, to),
            factor=factor,
            starts_at=starts,
            ends_at=ends,
            days=days,
            reason=reason,
        )
        return answer.item

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def end(
    boost: Annotated[str, typer.Argument(metavar="BOOST", help="Boost id")],
    *,
    reason: Reason = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """End a boost early. Limits fall immediately; nothing is reset."""

    async def act(ledger: LedgerService, operator: Actor) -> BoostDetail:
        return (await boosts.end(ledger, actor=operator, boost_id=boost, reason=reason)).item

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def budget(
    team: Team,
    *,
    days: Annotated[int | None, typer.Option(help="Boost days per month that its leads may grant")] = None,
    most: Annotated[
        Factor | None, typer.Option("--max", parser=factor, metavar="FACTOR", help="Largest multiplier they may grant")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Show or set how many boost days a team's leads may grant."""
    if (days is None) != (most is None):
        raise typer.BadParameter("use both --days and --max to set a budget")

    async def act(ledger: LedgerService, operator: Actor) -> BudgetView:
        place = await find_team(ledger, operator, team)
        if days is None or most is None:
            return await boosts.budget(ledger, actor=operator, team_id=place.id)
        return await boosts.set_budget(ledger, actor=operator, team_id=place.id, days_per_month=days, max_factor=most)

    print_item(as_operator(act, org=org), _BUDGET_COLUMNS, as_json=as_json)


async def _target(ledger: LedgerService, operator: Actor, named: str) -> BoostTarget:
    found = await find_subject(ledger, operator, named)
    if found.startswith(f"{Prefix.MEMBER.value}_"):
        return BoostTarget(member=found)
    return BoostTarget(org=found) if found.startswith(f"{Prefix.ORG.value}_") else BoostTarget(team=found)


_COLUMNS: Columns[BoostDetail] = {
    "ID": lambda boost: boost.id,
    "FACTOR": lambda boost: f"{boost.factor}×",
    "FOR": lambda boost: f"{boost.subject.name} ({boost.subject.kind})",
    "STARTS": lambda boost: boost.starts_at,
    "ENDS": lambda boost: boost.ends_at,
    "STATE": lambda boost: "running" if boost.is_running else "",
}
_BUDGET_COLUMNS: Columns[BudgetView] = {
    "TEAM": lambda budget: budget.team_id,
    "DAYS LEFT THIS MONTH": lambda budget: f"{budget.days_left:,} of {budget.days_per_month:,}",
    "LARGEST FACTOR": lambda budget: f"{budget.max_factor}×",
}
