"""Gifts that would save credits from lapsing, as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from core.api.schemas.base import AmountShown, Shown
from core.api.schemas.credits import MemberParty, SliceShown
from core.services.common.views import PartyView
from core.services.sharing.rescue import RescueView


class RescueShown(Shown):
    """A gift ready to be made: ``to`` and ``amount`` are those of a transfer by ``from``, until ``give_until``."""

    giver: Annotated[MemberParty, Field(alias="from")]
    to: MemberParty
    amount: AmountShown
    lots: list[SliceShown]
    expires_at: datetime
    give_until: datetime


class RescueList(Shown):
    """What lapses soonest comes first."""

    items: list[RescueShown]


def rescue_shown(found: tuple[RescueView, ...]) -> RescueList:
    return RescueList(items=[_one(each) for each in found])


def _one(found: RescueView) -> RescueShown:
    return RescueShown(
        giver=_person(found.giver),
        to=_person(found.to),
        amount=str(found.amount),
        lots=[
            SliceShown(
                lot=each.lot_id,
                source=each.source,
                amount=str(each.amount),
                expires_at=each.expires_at,
                giftable=each.giftable,
            )
            for each in found.lots
        ],
        expires_at=found.expires_at,
        give_until=found.give_until,
    )


def _person(party: PartyView) -> MemberParty:
    return MemberParty(member=party.id, name=party.name)
