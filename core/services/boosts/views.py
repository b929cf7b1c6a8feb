"""Boosts, campaigns and applications as use cases answer them: frozen values, and how they come from records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.ledger.ids import Prefix, shown_id
from core.metering.boosts import MAX_FACTOR, MAX_LASTS, Boost, Factor
from core.metering.campaigns import MAX_CAPACITY, Application, ApplicationState, BoostBudget, Campaign, Method
from core.services.boosts.forms import FormQuestion, questions_of
from core.store.queries.boosts import NamedRow

__all__ = [
    "MAX_CAPACITY",
    "MAX_FACTOR",
    "MAX_LASTS",
    "ApplicationState",
    "ApplicationView",
    "BoostDetail",
    "BudgetView",
    "CampaignState",
    "CampaignView",
    "Counts",
    "Factor",
    "Method",
    "SubjectView",
    "application_view",
    "boost_detail",
    "budget_view",
    "campaign_view",
    "state_of",
]

_PREFIX = {"member": Prefix.MEMBER, "team": Prefix.TEAM, "org": Prefix.ORG}


class CampaignState(StrEnum):
    """Where a campaign stands."""

    ANNOUNCED = "announced"  # applications are not open yet
    OPEN = "open"  # applications are taken
    CLOSED = "closed"  # no applications any more; the boost may still come, or be running
    ENDED = "ended"  # the boost is over


@dataclass(frozen=True, slots=True)
class SubjectView:
    """Whom a boost is for."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class BoostDetail:
    """A boost with its subject. ``is_running`` is whether it is in force; the largest of those counts."""

    id: str
    subject: SubjectView
    factor: Factor
    starts_at: datetime
    ends_at: datetime
    campaign_id: str | None
    is_running: bool


@dataclass(frozen=True, slots=True)
class BudgetView:
    """How many days of boosts a team's leads may still drop this month."""

    team_id: str
    days_per_month: int
    days_left: int
    max_factor: Factor


@dataclass(frozen=True, slots=True)
class ApplicationView:
    """An application; ``place`` is the place in line of somebody who waits."""

    id: str
    campaign_id: str
    member_id: str
    member_name: str
    state: ApplicationState
    place: int | None
    answers: dict[str, Any]
    applied_at: datetime
    decided_at: datetime | None
    rating: int | None
    words: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many applications are in each state."""

    applied: int
    admitted: int
    waitlisted: int
    refused: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign as one person sees it, with their own application."""

    id: str
    name: str
    state: CampaignState
    factor: Factor
    method: Method
    capacity: int
    teams: tuple[str, ...]
    form: tuple[FormQuestion, ...]
    opens_at: datetime
    closes_at: datetime
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    seed_hash: str | None
    seed: str | None
    drawn_at: datetime | None
    counts: Counts
    mine: ApplicationView | None


def boost_detail(boost: Boost, subjects: Mapping[int, NamedRow], now: datetime) -> BoostDetail:
    subject = subjects.get(boost.subject_id, NamedRow("member", "somebody"))
    return BoostDetail(
        shown_id(Prefix.BOOST, boost.boost_id),
        SubjectView(subject.kind, shown_id(_PREFIX[subject.kind], boost.subject_id), subject.name),
        boost.factor,
        boost.starts_at,
        boost.ends_at,
        None if boost.campaign_id is None else shown_id(Prefix.CAMPAIGN, boost.campaign_id),
        is_running=boost.is_in_force(now),
    )


def budget_view(budget: BoostBudget) -> BudgetView:
    return BudgetView(shown_id(Prefix.TEAM, budget.team_id), budget.days_per_month, budget.days_left, budget.max_factor)


def application_view(application: Application, subjects: Mapping[int, NamedRow], place: int | None) -> ApplicationView:
    who = subjects.get(application.member_id, NamedRow("member", "somebody"))
    return ApplicationView(
        shown_id(Prefix.APPLICATION, application.application_id),
        shown_id(Prefix.CAMPAIGN, application.campaign_id),
        shown_id(Prefix.MEMBER, application.member_id),
        who.name,
        application.state,
        place,
        application.answers,
        application.created_at,
        application.decided_at,
        application.rating,
        application.words,
    )


def campaign_view(campaign: Campaign, mine: ApplicationView | None, now: datetime) -> CampaignView:
    """Return a campaign; a lottery's seed is shown from its draw on, the seed's hash always."""
    return CampaignView(
        shown_id(Prefix.CAMPAIGN, campaign.campaign_id),
        campaign.name,
        state_of(campaign, now),
        campaign.factor,
        campaign.method,
        campaign.capacity,
        tuple(shown_id(Prefix.TEAM, team) for team in campaign.team_ids),
        questions_of(campaign.form),
        campaign.opens_at,
        campaign.closes_at,
        campaign.starts_at,
        campaign.ends_at,
        campaign.ended_at,
        campaign.seed_hash,
        campaign.seed if campaign.drawn_at is not None else None,
        campaign.drawn_at,
        Counts(campaign.applied, campaign.admitted, campaign.waitlisted, campaign.refused, campaign.withdrawn),
        mine,
    )


def state_of(campaign: Campaign, now: datetime) -> CampaignState:
    if campaign.is_over(now):
        return CampaignState.ENDED
    if now < campaign.opens_at:
        return CampaignState.ANNOUNCED
    return CampaignState.OPEN if campaign.is_open(now) else CampaignState.CLOSED
