"""What a campaign brought, in answers."""

from __future__ import annotations

from datetime import datetime

from core.api.schemas.base import AmountShown, Shown
from core.services.boosts.report import BoostReport, Cohort, CohortReport, Phase


class SpanShown(Shown):
    """One of the spans that are compared; all are equally long."""

    phase: Phase
    begins_at: datetime
    ends_at: datetime


class PhaseUsageShown(Shown):
    """What a cohort used in a span; the median is over all its people."""

    phase: Phase
    requests: int
    total: AmountShown
    median: AmountShown
    active: int


class AfterwardsShown(Shown):
    """How many people of a cohort met which fate in the span after the boost."""

    at_limit: int
    asked: int
    bought: int
    left: int


class CohortShown(Shown):
    """A cohort of people; everybody is in exactly one."""

    cohort: Cohort
    people: int
    usage: list[PhaseUsageShown]
    afterwards: AfterwardsShown | None


class RatingShown(Shown):
    """How often a rating was given."""

    rating: int
    people: int


class BoostReportShown(Shown):
    """What a campaign brought."""

    campaign: str
    name: str
    team: str | None
    as_of: datetime
    spans: list[SpanShown]
    cohorts: list[CohortShown]
    ratings: list[RatingShown]


def report_shown(report: BoostReport) -> BoostReportShown:
    return BoostReportShown(
        campaign=report.campaign_id,
        name=report.name,
        team=report.team_id,
        as_of=report.as_of,
        spans=[SpanShown(phase=each.phase, begins_at=each.begins_at, ends_at=each.ends_at) for each in report.spans],
        cohorts=[_cohort_shown(each) for each in report.cohorts],
        ratings=[RatingShown(rating=each.rating, people=each.people) for each in report.ratings],
    )


def _cohort_shown(report: CohortReport) -> CohortShown:
    after = report.afterwards
    return CohortShown(
        cohort=report.cohort,
        people=report.people,
        usage=[
            PhaseUsageShown(
                phase=each.phase,
                requests=each.requests,
                total=str(each.total),
                median=str(each.median),
                active=each.active,
            )
            for each in report.usage
        ],
        afterwards=None
        if after is None
        else AfterwardsShown(at_limit=after.at_limit, asked=after.asked, bought=after.bought, left=after.left),
    )
