"""``boost report``: what a campaign brought, for whoever decides on more. Definitions stand in docs/boosts.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.metering.boost_report import (
    Afterwards,
    Cohort,
    CohortReport,
    Phase,
    PhaseUsage,
    ReportSpan,
    spans_of,
    usage_of,
)
from core.metering.campaigns import ApplicationState, Campaign
from core.services.boosts.campaigns import campaign_in
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.store.queries import boost_report as stored
from core.store.queries import organizations

__all__ = [
    "Afterwards",
    "BoostReport",
    "Cohort",
    "CohortReport",
    "Phase",
    "PhaseUsage",
    "RatingView",
    "SpanView",
    "boost_report",
]

_COHORTS: Final = {
    ApplicationState.ADMITTED: Cohort.ADMITTED,
    ApplicationState.WAITLISTED: Cohort.WAITLISTED,
    ApplicationState.REFUSED: Cohort.REFUSED,
    ApplicationState.APPLIED: Cohort.REFUSED,
    ApplicationState.WITHDRAWN: Cohort.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class SpanView:
    """One of the spans that are compared."""

    phase: Phase
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class RatingView:
    """How many people gave a rating."""

    rating: int
    people: int


@dataclass(frozen=True, slots=True)
class BoostReport:
    """A report: the spans that are compared, every cohort, and how often each rating was given."""

    campaign_id: str
    name: str
    team_id: str | None
    as_of: datetime
    spans: tuple[SpanView, ...]
    cohorts: tuple[CohortReport, ...]
    ratings: tuple[RatingView, ...]


async def boost_report(
    ledger: LedgerService, *, actor: Actor, campaign_id: str, team_id: str | None = None
) -> BoostReport:
    """Return what a campaign brought, over the organization to an admin, over a team to its leads too.

    Raises Refused: not_found, not_allowed, campaign_closed before the boost has begun.
    """
    number, now = parse_id(Prefix.CAMPAIGN, campaign_id), ledger.clock()
    team = None if team_id is None else parse_id(Prefix.TEAM, team_id)

    def read(connection: Connection) -> BoostReport:
        campaign = campaign_in(connection, actor, number)
        _check_reader(connection, actor, team)
        ends_at = min(campaign.ends_at, campaign.ended_at or campaign.ends_at)
        spans = spans_of(campaign.starts_at, ends_at, now)
        if not spans:
            sentence = "The boost has not begun; there is nothing to report yet."
            raise Refused(Code.CAMPAIGN_CLOSED, sentence, state="not_begun")
        cohorts = _cohorts(connection, campaign, spans, team)
        rated = stored.ratings(connection, actor.org_id, number)
        ratings = tuple(RatingView(rating, count) for rating, count in sorted(rated.items()))
        shown = tuple(SpanView(phase, *span) for phase, span in spans.items())
        return BoostReport(campaign_id, campaign.name, team_id, now, shown, cohorts, ratings)

    return await ledger.read(read)


def _cohorts(
    connection: Connection, campaign: Campaign, spans: dict[Phase, ReportSpan], team: int | None
) -> tuple[CohortReport, ...]:
    """Divide who was here into cohorts, by their applications, and count each."""
    org, during = campaign.org_id, spans[Phase.DURING]
    here = stored.people(connection, org, team_id=team, until=during.ends_at, since=during.begins_at)
    states = stored.states(connection, org, campaign.campaign_id)
    people: dict[Cohort, list[int]] = {cohort: [] for cohort in Cohort}
    for person in here:
        state = states.get(person)
        people[Cohort.NOBODY if state is None else _COHORTS[state]].append(person)
    used = {phase: stored.used(connection, org, span) for phase, span in spans.items()}
    fates = stored.resolutions(connection, org, spans[Phase.AFTER]) if Phase.AFTER in spans else None
    return tuple(
        CohortReport(
            cohort,
            len(members),
            tuple(usage_of(phase, members, used[phase]) for phase in spans),
            None if fates is None else Afterwards(*(len(fate.intersection(members)) for fate in fates)),
        )
        for cohort, members in people.items()
    )


def _check_reader(connection: Connection, actor: Actor, team: int | None) -> None:
    if team is None:
        if not actor.is_admin:
            raise Refused(Code.NOT_ALLOWED, "Only an admin can see the whole report; a lead names their team.")
        return
    found = organizations.team(connection, org_id=actor.org_id, team_id=team)
    if found is None:
        raise Refused(Code.NOT_FOUND, "Team not found.")
    if not actor.is_admin and actor.member_id not in found.leads:
        raise Refused(Code.NOT_ALLOWED, "Only its leads and admins can see a team's report.")
