"""``teamcredits boost``: who has a boost, dropping one, ending one, what leads may drop."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli import applications, boost_report, campaigns
from core.cli.context import as_operator, find_member, find_subject, find_team, new_key
from core.cli.options import EVERYBODY, PLAIN, Json, Org, Reason, Team, moment
from core.cli.output import day, print_json, show_rows
from core.ledger.ids import Prefix
from core.metering.boosts import Factor
from core.services.boosts import boosts
from core.services.boosts.boosts import BoostTarget
from core.services.boosts.views import BoostDetail, BudgetView
from core.services.ledger import Ledger
from core.services.views import Actor

app: Final = typer.Typer(help="Multipliers on allowances, and the campaigns people apply for.", **PLAIN)
app.add_typer(campaigns.app, name="campaign")
for command in (applications.apply, applications.withdraw, applications.feedback, boost_report.report):
    app.command()(command)


def factor(text: str) -> Factor:
    """Read a multiplier, like ``10`` or ``1.5``."""
    try:
        return Factor.parse(text)
    except ValueError as wrong:
        raise typer.BadParameter(f"{text!r}: {wrong}") from None


@app.command("list")
def list_(
    member: Annotated[str | None, typer.Argument(metavar="[MEMBER]", help="Absent is the operator.")] = None,
    *,
    team: Annotated[str | None, typer.Option("--team", help="A team's boosts instead of a member's.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List the boosts that run or will. Of those running the largest counts."""

    async def act(ledger: Ledger, operator: Actor) -> list[BoostDetail]:
        who = None if member is None else (await find_member(ledger, operator, member)).id
        which = None if team is None else (await find_team(ledger, operator, team)).id
        return list(await boosts.boosts(ledger, actor=operator, member_id=who, team_id=which))

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def drop(  # noqa: PLR0913  (what a boost is made of)
    to: Annotated[str, typer.Argument(metavar="TO", help=f"A member or a team, by id or name, or {EVERYBODY}.")],
    *,
    factor: Annotated[Factor, typer.Option(parser=factor, metavar="FACTOR", help="Like 10 or 1.5.")],
    days: Annotated[int | None, typer.Option(help="How many days it lasts.")] = None,
    ends: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="When it ends, instead of days.")
    ] = None,
    starts: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="When it begins; at once without.")
    ] = None,
    reason: Reason = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key again drops no other.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Boost a member, a team or everybody."""

    async def act(ledger: Ledger, operator: Actor) -> BoostDetail:
        answer = await boosts.drop(
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

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command()
def end(
    boost: Annotated[str, typer.Argument(metavar="BOOST", help="The boost's id.")],
    *,
    reason: Reason = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """End a boost early: limits fall at once, nothing resets."""

    async def act(ledger: Ledger, operator: Actor) -> BoostDetail:
        return (await boosts.end(ledger, actor=operator, boost_id=boost, reason=reason)).item

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command()
def budget(
    team: Team,
    *,
    days: Annotated[int | None, typer.Option(help="Days of boosts its leads may drop each month.")] = None,
    most: Annotated[
        Factor | None, typer.Option("--max", parser=factor, metavar="FACTOR", help="The largest factor they may drop.")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Show or set how many days of boosts the leads of a team may drop each month."""
    if (days is None) != (most is None):
        raise typer.BadParameter("say both --days and --max to set a budget")

    async def act(ledger: Ledger, operator: Actor) -> BudgetView:
        place = await find_team(ledger, operator, team)
        if days is None or most is None:
            return await boosts.budget(ledger, actor=operator, team_id=place.id)
        return await boosts.set_budget(ledger, actor=operator, team_id=place.id, days_per_month=days, max_factor=most)

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
    else:
        left = f"{found.days_left} of {found.days_per_month} days left this month"
        show_rows([(found.team_id, left, f"at most {found.max_factor}×")], nothing="")


async def _target(ledger: Ledger, operator: Actor, named: str) -> BoostTarget:
    found = await find_subject(ledger, operator, named)
    if found.startswith(f"{Prefix.MEMBER.value}_"):
        return BoostTarget(member=found)
    return BoostTarget(org=found) if found.startswith(f"{Prefix.ORG.value}_") else BoostTarget(team=found)


def _show(found: list[BoostDetail], *, as_json: bool, alone: bool = False) -> None:
    if as_json:
        print_json(found[0] if alone else found)
        return
    rows = [
        (
            each.id,
            f"{each.factor}×",
            f"{each.subject.kind} {each.subject.name}",
            f"from {day(each.starts_at)}",
            f"until {day(each.ends_at)}",
            "running" if each.is_running else "",
        )
        for each in found
    ]
    show_rows(rows, nothing="There is no boost. See: teamcredits boost drop --help")
