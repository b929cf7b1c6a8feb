"""Plans, who has which, and caps, in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from core.api.schemas.base import Amount, AmountShown, Id, Moment, Name, RequestModel, Shown
from core.services.allowances.caps import CapState, CapView, Period
from core.services.allowances.plans import PlanAssignmentView, PlanView

_Window = Annotated[Amount | None, Field(description='What a window includes; absent is no such window, "0" nothing.')]
_WindowShown = Annotated[AmountShown | None, Field(description="null is no such window.")]


class PlanRequest(RequestModel):
    """A plan to be; at least one window."""

    name: Name
    five_hours: _Window = None
    weekly: _Window = None
    monthly: _Window = None


class PlanAssignmentRequest(RequestModel):
    """Which plan somebody gets."""

    plan: Annotated[Id, Field(examples=["plan_2k7"])]
    anchor_at: Annotated[
        Moment | None, Field(description="From when weeks and months are counted; absent, they go on as before.")
    ] = None


class PlanShown(Shown):
    """How much usage is included, in nested windows."""

    id: str
    name: str
    five_hours: _WindowShown
    weekly: _WindowShown
    monthly: _WindowShown
    created_at: datetime


class PlanAssignmentShown(Shown):
    """Who has which plan; the organization's id stands for everybody without one of their own."""

    subject: str
    name: str
    plan: PlanShown | None
    own: Annotated[bool, Field(description="false for a member who has everybody's.")]
    from_at: datetime | None
    anchor_at: datetime | None


class CapRequest(RequestModel):
    """A cap on what is taken from lots and pools in a period."""

    subject: Annotated[Id, Field(description="A member, a team for each in it, or the organization for everybody.")]
    period: Period
    amount: Annotated[Amount | None, Field(description='null is unlimited, "0" is blocked.', examples=["500"])]
    pool: Annotated[Id | None, Field(description="A team: only what is taken from its pool.")] = None


class CapShown(Shown):
    """A cap; asked for one person, ``why`` tells whether it counts for them."""

    id: str
    subject: str
    name: str
    pool: str | None
    period: Period
    amount: Annotated[AmountShown | None, Field(description='null is unlimited, "0" is blocked.')]
    inherits: Annotated[bool, Field(description="It takes its subject's own away.")]
    from_at: datetime
    state: CapState
    why: str
    used: AmountShown | None
    headroom: AmountShown | None
    resets_at: datetime | None


def plan_shown(plan: PlanView) -> PlanShown:
    five_hours, weekly, monthly = (
        None if amount is None else str(amount) for amount in (plan.five_hours, plan.weekly, plan.monthly)
    )
    return PlanShown(
        id=plan.id,
        name=plan.name,
        five_hours=five_hours,
        weekly=weekly,
        monthly=monthly,
        created_at=plan.created_at,
    )


def seat_shown(seat: PlanAssignmentView) -> PlanAssignmentShown:
    return PlanAssignmentShown(
        subject=seat.subject,
        name=seat.name,
        plan=None if seat.plan is None else plan_shown(seat.plan),
        own=seat.is_own,
        from_at=seat.from_at,
        anchor_at=seat.anchor_at,
    )


def cap_shown(cap: CapView) -> CapShown:
    amount, used, headroom = (None if each is None else str(each) for each in (cap.amount, cap.used, cap.headroom))
    return CapShown(
        id=cap.id,
        subject=cap.subject,
        name=cap.name,
        pool=cap.pool,
        period=cap.period,
        amount=amount,
        inherits=cap.inherits,
        from_at=cap.from_at,
        state=cap.state,
        why=cap.why,
        used=used,
        headroom=headroom,
        resets_at=cap.resets_at,
    )
