"""Referrals as they are shown."""

from __future__ import annotations

from datetime import datetime

from core.api.schemas.base import AmountShown, Shown
from core.api.schemas.credits import MemberParty
from core.services.sharing.referrals import ReferralsView


class InvitedShown(Shown):
    """Somebody who came by the code; ``rewarded_at`` is null until both sides have had their lot."""

    member: str
    name: str
    created_at: datetime
    rewarded_at: datetime | None


class RewardsShown(Shown):
    """What there is to gain, and what the invited person has to use first."""

    inviter: AmountShown
    invited: AmountShown
    after_use_of: AmountShown


class ReferralsShown(Shown):
    """One's code, by whom one came, and the newest whom one invited."""

    code: str | None
    invited_by: MemberParty | None
    invited: list[InvitedShown]
    rewards: RewardsShown


class CodeShown(Shown):
    """One's code: give it to somebody who is new here."""

    code: str


def referrals_shown(found: ReferralsView) -> ReferralsShown:
    inviter = found.invited_by
    return ReferralsShown(
        code=found.code,
        invited_by=None if inviter is None else MemberParty(member=inviter.id, name=inviter.name),
        invited=[
            InvitedShown(
                member=each.who.id, name=each.who.name, created_at=each.created_at, rewarded_at=each.rewarded_at
            )
            for each in found.invited
        ],
        rewards=RewardsShown(
            inviter=str(found.for_inviter),
            invited=str(found.for_invited),
            after_use_of=str(found.after_use_of),
        ),
    )
