"""``teamcredits boost report``: the effect of a campaign on usage."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.campaigns import Campaign, find_campaign
from core.cli.context import as_operator, find_team
from core.cli.options import Json, Org
from core.cli.output import Cell, local_time, print_json, print_table
from core.services.boosts.report import BoostReport, boost_report
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService

_USAGE_HEADERS: Final = ("COHORT", "PEOPLE", "PHASE", "REQUESTS", "CREDITS", "MEDIAN", "ACTIVE")
_AFTER_HEADERS: Final = ("AFTERWARDS", "AT A LIMIT", "REQUESTED", "BOUGHT", "LEFT")


def report(
    campaign: Campaign,
    *,
    team: Annotated[str | None, typer.Option(help="Include only members of this team (id or name)")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Show usage before, during and after a campaign, for each cohort."""

    async def act(ledger: LedgerService, operator: Actor) -> BoostReport:
        which = await find_campaign(ledger, operator, campaign)
        place = None if team is None else (await find_team(ledger, operator, team)).id
        return await boost_report(ledger, actor=operator, campaign_id=which.id, team_id=place)

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
    else:
        _print_report(found)


def _print_report(report: BoostReport) -> None:
    for span in report.spans:
        typer.echo(f"{span.phase.value}: {local_time(span.begins_at)} to {local_time(span.ends_at)}")
    typer.echo()
    usage: list[list[Cell]] = [
        [
            cohort.cohort.value,
            cohort.people,
            used.phase.value,
            used.requests,
            used.total,
            used.median,
            used.active,
        ]
        for cohort in report.cohorts
        for used in cohort.usage
        if cohort.people
    ]
    print_table(_USAGE_HEADERS, usage, empty="There are no applications.")
    typer.echo()
    after: list[list[Cell]] = [
        [each.cohort.value, later.at_limit, later.asked, later.bought, later.left]
        for each in report.cohorts
        if (later := each.afterwards) is not None and each.people
    ]
    print_table(_AFTER_HEADERS, after, empty="Figures for the time afterwards are available one day after the end.")
    typer.echo()
    ratings: list[list[Cell]] = [[each.rating, each.people] for each in report.ratings]
    print_table(("RATING", "PEOPLE"), ratings, empty="There are no ratings yet.")
