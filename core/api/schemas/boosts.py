"""Boosts and campaigns in requests and answers."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from core.api.schemas.base import Flag, Id, Moment, Name, RequestModel, Shown, Words
from core.services.boosts.boosts import MAX_BUDGET_DAYS, BoostTarget
from core.services.boosts.campaigns import MAX_TEAMS, CampaignTerms, DrawView
from core.services.boosts.forms import LABEL_LENGTH, MAX_OPTIONS, MAX_QUESTIONS, FormQuestion, QuestionKind
from core.services.boosts.views import (
    MAX_CAPACITY,
    MAX_FACTOR,
    MAX_LASTS,
    ApplicationState,
    ApplicationView,
    BoostDetail,
    BudgetView,
    CampaignState,
    CampaignView,
    Factor,
    Method,
)


def _factor(value: Any) -> Factor:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a factor is a number, like 10 or 1.5")  # noqa: TRY004  (pydantic wants ValueError)
    return Factor.parse(str(value))


FactorInput = Annotated[
    Factor,
    PlainValidator(_factor),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": 1,
            "maximum": MAX_FACTOR,
            "description": "At most 3 decimals.",
            "examples": [10, 1.5],
        }
    ),
]
FactorShown = Annotated[float | int, Field(examples=[10, 1.5])]


def _answer(value: Any) -> bool | int | str:
    """Take an answer as it is; whether it fits its question is told by the form."""
    if not isinstance(value, bool | int | str):
        raise ValueError("must be text, a whole number, true or false")  # noqa: TRY004  (pydantic wants ValueError)
    return value


AnswerInput = Annotated[
    bool | int | str, PlainValidator(_answer), WithJsonSchema({"type": ["string", "integer", "boolean"]})
]


class TargetRequest(RequestModel):
    """Whom a boost is for: a member, a team, or the organization."""

    member: Id | None = None
    team: Id | None = None
    org: Id | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(name is not None for name in (self.member, self.team, self.org)) != 1:
            raise ValueError("name a member, or a team, or the org")
        return self

    def target(self) -> BoostTarget:
        return BoostTarget(self.member, self.team, self.org)


class BoostRequest(RequestModel):
    """A boost to be dropped, until ``ends_at`` or for ``days``."""

    to: Annotated[TargetRequest, Field(examples=[{"team": "team_2k5"}])]
    factor: FactorInput
    starts_at: Annotated[Moment | None, Field(description="Absent is at once.")] = None
    ends_at: Moment | None = None
    days: Annotated[int | None, Field(strict=True, ge=1, le=MAX_LASTS.days)] = None
    reason: Words | None = None


class BoostEndRequest(RequestModel):
    """Why a boost or a campaign is ended early."""

    reason: Words | None = None


class BudgetRequest(RequestModel):
    """How many days of boosts the leads of a team may drop in a month."""

    days_per_month: Annotated[int, Field(strict=True, ge=0, le=MAX_BUDGET_DAYS)]
    max_factor: FactorInput


class QuestionRequest(RequestModel):
    """One question of a form."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["why"])]
    label: Annotated[str, Field(min_length=1, max_length=LABEL_LENGTH, examples=["What for?"])]
    kind: QuestionKind
    required: Flag = False
    options: Annotated[list[Name], Field(max_length=MAX_OPTIONS)] = Field(default_factory=list)

    def question(self) -> FormQuestion:
        return FormQuestion(self.name, self.label, self.kind, self.required, tuple(self.options))


class CampaignRequest(RequestModel):
    """A campaign to be made. Applications are taken from ``opens_at`` up to ``closes_at``."""

    name: Name
    factor: FactorInput
    method: Annotated[Method, Field(description="How applications are decided.")] = Method.ARRIVAL
    capacity: Annotated[int, Field(strict=True, ge=1, le=MAX_CAPACITY)]
    teams: Annotated[list[Id], Field(max_length=MAX_TEAMS, description="Only their members; none is everybody.")] = (
        Field(default_factory=list)
    )
    form: Annotated[list[QuestionRequest], Field(max_length=MAX_QUESTIONS)] = Field(default_factory=list)
    opens_at: Annotated[Moment | None, Field(description="Absent is at once.")] = None
    closes_at: Moment
    starts_at: Moment
    ends_at: Moment

    def terms(self) -> CampaignTerms:
        return CampaignTerms(
            self.name,
            self.factor,
            self.capacity,
            self.closes_at,
            self.starts_at,
            self.ends_at,
            self.opens_at,
            self.method,
            tuple(self.teams),
            tuple(each.question() for each in self.form),
        )


class ApplicationRequest(RequestModel):
    """An application: the answers to the campaign's form, by the names of its questions."""

    answers: Annotated[dict[str, AnswerInput], Field(max_length=MAX_QUESTIONS)] = Field(default_factory=dict)


class ApplicationDecisionRequest(RequestModel):
    """Why an application is admitted or refused; told to who applied."""

    reason: Words | None = None


class FeedbackRequest(RequestModel):
    """What a boost was worth, from 1 (nothing) to 5 (much)."""

    rating: Annotated[int, Field(strict=True, ge=1, le=5)]
    words: Words | None = None


class BoostSubjectShown(Shown):
    """Whom a boost is for."""

    kind: Annotated[str, Field(pattern="^(member|team|org)$")]
    id: str
    name: str


class BoostDetailShown(Shown):
    """A boost; of those that are running the largest counts."""

    id: str
    to: BoostSubjectShown
    factor: FactorShown
    starts_at: datetime
    ends_at: datetime
    campaign: str | None
    running: bool


class BoostsShown(Shown):
    """The boosts that are running or will."""

    items: list[BoostDetailShown]


class BudgetShown(Shown):
    """What a team's leads may still drop this month."""

    team: str
    days_per_month: int
    days_left: int
    max_factor: FactorShown


class QuestionShown(Shown):
    """One question of a form."""

    name: str
    label: str
    kind: QuestionKind
    required: bool
    options: list[str]


class ApplicationShown(Shown):
    """An application; ``place`` is the place in line of somebody who waits."""

    id: str
    campaign: str
    member: str
    name: str
    state: ApplicationState
    place: int | None
    answers: dict[str, Any]
    applied_at: datetime
    decided_at: datetime | None
    rating: int | None
    words: str | None


class CountsShown(Shown):
    """How many applications are in each state."""

    applied: int
    admitted: int
    waitlisted: int
    refused: int
    withdrawn: int


class CampaignShown(Shown):
    """A campaign with one's own application. A lottery's seed is null up to the draw, its hash never."""

    id: str
    name: str
    state: CampaignState
    factor: FactorShown
    method: Method
    capacity: int
    teams: list[str]
    form: list[QuestionShown]
    opens_at: datetime
    closes_at: datetime
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    seed_hash: str | None
    seed: str | None
    drawn_at: datetime | None
    counts: CountsShown
    mine: ApplicationShown | None


class DrawnShown(Shown):
    """One application in the order of a draw."""

    application: str
    state: ApplicationState


class DrawShown(Shown):
    """A draw: sorted by sha256 of ``seed:application``, as anybody can check; the seed's sha256 was known before."""

    seed: str
    seed_hash: str
    drawn_at: datetime
    items: list[DrawnShown]
    next_cursor: str | None


def boost_detail_shown(boost: BoostDetail) -> BoostDetailShown:
    return BoostDetailShown(
        id=boost.id,
        to=BoostSubjectShown(kind=boost.subject.kind, id=boost.subject.id, name=boost.subject.name),
        factor=boost.factor.number,
        starts_at=boost.starts_at,
        ends_at=boost.ends_at,
        campaign=boost.campaign_id,
        running=boost.is_running,
    )


def budget_shown(budget: BudgetView) -> BudgetShown:
    return BudgetShown(
        team=budget.team_id,
        days_per_month=budget.days_per_month,
        days_left=budget.days_left,
        max_factor=budget.max_factor.number,
    )


def application_shown(application: ApplicationView) -> ApplicationShown:
    return ApplicationShown(
        id=application.id,
        campaign=application.campaign_id,
        member=application.member_id,
        name=application.member_name,
        state=application.state,
        place=application.place,
        answers=application.answers,
        applied_at=application.applied_at,
        decided_at=application.decided_at,
        rating=application.rating,
        words=application.words,
    )


def campaign_shown(campaign: CampaignView) -> CampaignShown:
    return CampaignShown(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        factor=campaign.factor.number,
        method=campaign.method,
        capacity=campaign.capacity,
        teams=list(campaign.teams),
        form=[
            QuestionShown(
                name=each.name, label=each.label, kind=each.kind, required=each.required, options=list(each.options)
            )
            for each in campaign.form
        ],
        opens_at=campaign.opens_at,
        closes_at=campaign.closes_at,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        ended_at=campaign.ended_at,
        seed_hash=campaign.seed_hash,
        seed=campaign.seed,
        drawn_at=campaign.drawn_at,
        counts=CountsShown(**asdict(campaign.counts)),
        mine=None if campaign.mine is None else application_shown(campaign.mine),
    )


def draw_shown(draw: DrawView) -> DrawShown:
    return DrawShown(
        seed=draw.seed,
        seed_hash=draw.seed_hash,
        drawn_at=draw.drawn_at,
        items=[DrawnShown(application=application, state=state) for application, state in draw.order],
        next_cursor=draw.next_cursor,
    )
