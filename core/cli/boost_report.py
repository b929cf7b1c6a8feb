"""``teamcredits boost report``: what a campaign brought."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.campaigns import Campaign, find_campaign
from core.cli.context import as_operator, find_team
from core.cli.options import Json, Org
from core.cli.output import day, print_json, show_rows
from core.services.boosts.report import BoostReport, boost_report
from core.services.ledger import Ledger
from core.services.views import Actor


def report(
    campaign: Campaign,
    *,
    team: Annotated[str | None, typer.Option(help="Only its people.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Show what a campaign brought: usage before, during and after, for each cohort."""

    async def act(ledger: Ledger, operator: Actor) -> BoostReport:
        which = await find_campaign(ledger, operator, campaign)
        place = None if team is None else (await find_team(ledger, operator, team)).id
        return await boost_report(ledger, actor=operator, campaign_id=which.id, team_id=place)

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
    else:
        _show_report(found)


def _show_report(report: BoostReport) -> None:
    spans = [(span.phase.value, f"{day(span.begins_at)} to {day(span.ends_at)}") for span in report.spans]
    show_rows(spans, nothing="")
    rows: list[tuple[str, ...]] = [("cohort", "people", "span", "requests", "credits", "median", "active")]
    rows += [
        (
            cohort.cohort.value,
            f"{cohort.people:,}",
            used.phase.value,
            f"{used.requests:,}",
            used.total.shown(),
            used.median.shown(),
            f"{used.active:,}",
        )
        for cohort in report.cohorts
        for used in cohort.usage
        if cohort.people
    ]
    show_rows(rows, nothing="")
    after: list[tuple[str, ...]] = [("afterwards", "at a limit", "asked", "bought", "left")]
    after += [
        (each.cohort.value, *(f"{count:,}" for count in (fate.at_limit, fate.asked, fate.bought, fate.left)))
        for each in report.cohorts
        if (fate := each.afterwards) is not None and each.people
    ]
    show_rows(after if len(after) > 1 else [], nothing="What came after is told from a day after the end on.")
    rated = [(f"rated {each.rating}", f"{each.people:,}") for each in report.ratings]
    show_rows(rated, nothing="Nobody has said yet what it was worth.")
