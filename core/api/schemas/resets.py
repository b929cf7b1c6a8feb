"""Resets in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from core.api.schemas.base import Flag, Id, Moment, RequestModel, Shown, Words
from core.services.allowances.resets import ResetOrderView, ResetState, ResetView


class ResetRequest(RequestModel):
    """A reset to be ordered."""

    subject: Annotated[Id, Field(description="A member, a team or the organization.", examples=["mem_2k7"])]
    banked: Annotated[Flag, Field(description="To be used when its owner wants it, instead of at once.")] = False
    expires_at: Annotated[Moment | None, Field(description="Of a banked one; absent is 30 days from now.")] = None
    reason: Words | None = None


class ResetSubjectShown(Shown):
    """Whom it is for: a member, a team or the organization."""

    id: str
    name: str


class ResetOrderShown(Shown):
    """An order, and how far it has come: ``done`` were reset or got one banked, ``unchanged`` had used nothing."""

    id: str
    subject: ResetSubjectShown
    banked: bool
    expires_at: datetime | None
    created_at: datetime
    done: int
    unchanged: int
    finished_at: datetime | None


class ResetShown(Shown):
    """A banked reset."""

    id: str
    member: str
    state: ResetState
    expires_at: datetime
    created_at: datetime
    used_at: datetime | None


def reset_shown(reset: ResetView) -> ResetShown:
    return ResetShown(
        id=reset.id,
        member=reset.member,
        state=reset.state,
        expires_at=reset.expires_at,
        created_at=reset.created_at,
        used_at=reset.used_at,
    )


def order_shown(order: ResetOrderView) -> ResetOrderShown:
    return ResetOrderShown(
        id=order.id,
        subject=ResetSubjectShown(id=order.subject.id, name=order.subject.name),
        banked=order.is_banked,
        expires_at=order.expires_at,
        created_at=order.created_at,
        done=order.done,
        unchanged=order.unchanged,
        finished_at=order.finished_at,
    )
