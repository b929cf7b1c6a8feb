"""Campaigns over HTTP: make one, apply, look, withdraw, decide, draw, end, and say what it was worth."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from core.api.dependencies import (
    REPLAYED,
    AdminActor,
    GiveActor,
    IdempotencyKey,
    LedgerDep,
    ReadActor,
    problems,
    replay_headers,
    required_key,
)
from core.api.guard import GuardedRoute
from core.api.schemas.base import Cursor, Id, Limit, PageShown
from core.api.schemas.boost_report import BoostReportShown, report_shown
from core.api.schemas.boosts import (
    ApplicationDecisionRequest,
    ApplicationRequest,
    ApplicationShown,
    BoostEndRequest,
    CampaignRequest,
    CampaignShown,
    DrawShown,
    FeedbackRequest,
    application_shown,
    campaign_shown,
    draw_shown,
)
from core.services.boosts import applications, campaigns
from core.services.boosts.report import boost_report
from core.services.boosts.views import ApplicationState, ApplicationView
from core.services.common.results import CommandResult

BASE = "/v1/boosts/campaigns"
router = APIRouter(prefix=BASE, route_class=GuardedRoute, tags=["boosts"])

_MADE: dict[int | str, dict[str, Any]] = {
    201: {
        "description": "It is written.",
        "headers": {"Location": {"schema": {"type": "string"}}, **REPLAYED},
    },
    **problems(409, 413, 415),
}
_APPLIED: dict[int | str, dict[str, Any]] = {
    201: {"description": "It is written, and decided as its state says.", "headers": REPLAYED},
    **problems(404, 409, 413, 415),
}
_DONE: dict[int | str, dict[str, Any]] = {200: {"description": "As it is now.", "headers": REPLAYED}}
_WITHDRAWN = {**_DONE, **problems(404, 409)}
_DECIDED = {**_DONE, **problems(404, 409, 413, 415)}


@router.get("", summary="Campaigns, newest first", responses=problems())
async def list_campaigns(
    ledger: LedgerDep, actor: ReadActor, limit: Limit = 50, cursor: Cursor = None
) -> PageShown[CampaignShown]:
    """Return the organization's campaigns, each with one's own application."""
    page = await campaigns.campaigns(ledger, actor=actor, limit=limit, cursor=cursor)
    return PageShown(items=[campaign_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.post("", status_code=201, summary="Make a campaign", responses=_MADE)
async def create(
    given: CampaignRequest, ledger: LedgerDep, actor: AdminActor, response: Response, key: IdempotencyKey = None
) -> CampaignShown:
    """An admin makes a campaign: a boost from one instant to another, for as many as its capacity admits."""
    answer = await campaigns.open_campaign(ledger, actor=actor, key=required_key(key), terms=given.terms())
    response.headers.update({"Location": f"{BASE}/{answer.item.id}", **replay_headers(answer)})
    return campaign_shown(answer.item)


@router.get("/{campaign_id}", summary="A campaign", responses=problems(404))
async def get(campaign_id: str, ledger: LedgerDep, actor: ReadActor) -> CampaignShown:
    """Return a campaign with one's own application and place in line."""
    return campaign_shown(await campaigns.campaign(ledger, actor=actor, campaign_id=campaign_id))


@router.post("/{campaign_id}/apply", status_code=201, summary="Apply", responses=_APPLIED)
async def apply(
    campaign_id: str,
    given: ApplicationRequest,
    ledger: LedgerDep,
    actor: GiveActor,
    response: Response,
    key: IdempotencyKey = None,
) -> ApplicationShown:
    """Apply for a campaign, once. By arrival the answer says whether one is in or waits."""
    answer = await applications.apply(
        ledger, actor=actor, key=required_key(key), campaign_id=campaign_id, answers=given.answers
    )
    return _shown(answer, response)


@router.post("/{campaign_id}/withdraw", summary="Take one's application back", responses=_WITHDRAWN)
async def withdraw(campaign_id: str, ledger: LedgerDep, actor: GiveActor, response: Response) -> ApplicationShown:
    """Take one's application back: a boost ends, and the next who waits moves up."""
    return _shown(await applications.withdraw(ledger, actor=actor, campaign_id=campaign_id), response)


@router.post("/{campaign_id}/feedback", summary="Say what a boost was worth", responses=_DECIDED)
async def feedback(
    campaign_id: str,
    given: FeedbackRequest,
    ledger: LedgerDep,
    actor: GiveActor,
    response: Response,
    key: IdempotencyKey = None,
) -> ApplicationShown:
    """Whoever was admitted says what it was worth to them; the last answer counts."""
    answer = await applications.rate(
        ledger,
        actor=actor,
        key=required_key(key),
        campaign_id=campaign_id,
        rating=given.rating,
        words=given.words,
    )
    return _shown(answer, response)


@router.get("/{campaign_id}/applications", summary="Who has applied", responses=problems(404))
async def list_applications(
    campaign_id: str,
    ledger: LedgerDep,
    actor: AdminActor,
    state: Annotated[ApplicationState | None, Query(description="Only applications in this state.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageShown[ApplicationShown]:
    """Return applications with their answers to an admin, by state and in the order in which they move up."""
    page = await applications.applications(
        ledger, actor=actor, campaign_id=campaign_id, state=state, limit=limit, cursor=cursor
    )
    return PageShown(items=[application_shown(each) for each in page.items], next_cursor=page.next_cursor)


@router.post("/{campaign_id}/applications/{application_id}/admit", summary="Admit by hand", responses=_DECIDED)
async def admit(
    campaign_id: str,
    application_id: str,
    given: ApplicationDecisionRequest,
    ledger: LedgerDep,
    actor: AdminActor,
    response: Response,
) -> ApplicationShown:
    """An admin admits somebody who is not decided, as long as there is a place."""
    answer = await applications.decide(
        ledger,
        actor=actor,
        campaign_id=campaign_id,
        application_id=application_id,
        verdict=ApplicationState.ADMITTED,
        reason=given.reason,
    )
    return _shown(answer, response)


@router.post("/{campaign_id}/applications/{application_id}/refuse", summary="Refuse by hand", responses=_DECIDED)
async def refuse(
    campaign_id: str,
    application_id: str,
    given: ApplicationDecisionRequest,
    ledger: LedgerDep,
    actor: AdminActor,
    response: Response,
) -> ApplicationShown:
    """An admin refuses somebody who is not decided; they are told the reason."""
    answer = await applications.decide(
        ledger,
        actor=actor,
        campaign_id=campaign_id,
        application_id=application_id,
        verdict=ApplicationState.REFUSED,
        reason=given.reason,
    )
    return _shown(answer, response)


@router.post("/{campaign_id}/draw", summary="Draw a lottery", responses=problems(404, 409))
async def draw(campaign_id: str, ledger: LedgerDep, actor: AdminActor) -> CampaignShown:
    """An admin draws a lottery whose applications have closed; twice is once. The worker does so by itself, too."""
    return campaign_shown(await campaigns.draw(ledger, actor=actor, campaign_id=campaign_id))


@router.get("/{campaign_id}/draw", summary="Check a draw", responses=problems(404, 409))
async def drawn(
    campaign_id: str, ledger: LedgerDep, actor: ReadActor, limit: Limit = 200, cursor: Cursor = None
) -> DrawShown:
    """Return a draw's seed and order, without the people, so that anybody can work it out again."""
    found = await campaigns.drawn(ledger, actor=actor, campaign_id=campaign_id, limit=limit, cursor=cursor)
    return draw_shown(found)


@router.post("/{campaign_id}/end", summary="End a campaign early", responses=problems(404, 409, 413, 415))
async def end(campaign_id: str, given: BoostEndRequest, ledger: LedgerDep, actor: AdminActor) -> CampaignShown:
    """An admin ends a campaign: its boosts end now."""
    ended = await campaigns.end_campaign(ledger, actor=actor, campaign_id=campaign_id, reason=given.reason)
    return campaign_shown(ended)


@router.get("/{campaign_id}/report", summary="What a campaign brought", responses=problems(404, 409))
async def report(
    campaign_id: str,
    ledger: LedgerDep,
    actor: ReadActor,
    team: Annotated[Id | None, Query(description="Only a team's people: for its leads.")] = None,
) -> BoostReportShown:
    """Return usage before, during and after the boost for each cohort, in equally long spans, and what came after."""
    found = await boost_report(ledger, actor=actor, campaign_id=campaign_id, team_id=team)
    return report_shown(found)


def _shown(answer: CommandResult[ApplicationView], response: Response) -> ApplicationShown:
    response.headers.update(replay_headers(answer))
    return application_shown(answer.item)
