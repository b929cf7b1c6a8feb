"""Requests for credits and pledges, as they are sent and shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from core.api.schemas.base import Amount, AmountShown, Id, RequestModel, Shown, Words
from core.api.schemas.credits import MemberParty
from core.ledger.requests import RequestState
from core.services.common.views import PartyView
from core.services.sharing.request_commands import MAX_ASKED
from core.services.sharing.requests import RequestView


class AskForCreditsRequest(RequestModel):
    """A request for credits: how much, why, and of whom."""

    amount: Amount
    reason: Annotated[Words | None, Field(examples=["a release on Friday"])] = None
    to: Annotated[
        list[Id],
        Field(
            max_length=MAX_ASKED, examples=[["mem_2k7"]], description="Colleagues; empty: one's leads, else the admins."
        ),
    ] = Field(default_factory=list)
    lasts_hours: Annotated[int, Field(strict=True, ge=1, le=720, description="Then it lapses.")] = 72


class PledgeRequest(RequestModel):
    """What somebody promises; more than is missing is cut to that."""

    amount: Amount


class FillRequest(RequestModel):
    """The pool that pays the whole request."""

    pool: Annotated[Id, Field(examples=["team_2k5"])]


class DeclineReasonRequest(RequestModel):
    """Why not; the asker is told."""

    reason: Words | None = None


class PledgeShown(Shown):
    """One person's part in a request; ``gift`` is what their pledge became."""

    by: MemberParty
    amount: AmountShown
    was_asked: bool
    has_declined: bool
    gift: str | None


class RequestShown(Shown):
    """A request for credits with everybody's part in it."""

    id: str
    state: RequestState
    by: MemberParty
    amount: AmountShown
    pledged: AmountShown
    missing: AmountShown
    given: AmountShown
    reason: str | None
    pledges: list[PledgeShown]
    created_at: datetime
    lapses_at: datetime
    closed_at: datetime | None


def request_shown(request: RequestView) -> RequestShown:
    return RequestShown(
        id=request.id,
        state=request.state,
        by=_person(request.by),
        amount=str(request.amount),
        pledged=str(request.pledged),
        missing=str(request.missing),
        given=str(request.given),
        reason=request.reason,
        pledges=[
            PledgeShown(
                by=_person(each.by),
                amount=str(each.amount),
                was_asked=each.was_asked,
                has_declined=each.has_declined,
                gift=each.gift_id,
            )
            for each in request.pledges
        ],
        created_at=request.created_at,
        lapses_at=request.lapses_at,
        closed_at=request.closed_at,
    )


def _person(party: PartyView) -> MemberParty:
    return MemberParty(member=party.id, name=party.name)
