"""Credits in answers: gifts, grants, balances and statements."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from core.api.schemas.base import AmountShown, PageShown, Shown
from core.ledger.credits import Credits
from core.ledger.gifts import GiftState
from core.ledger.lots import Source
from core.services.common.results import Page
from core.services.common.views import (
    BalanceView,
    DecisionView,
    GiftView,
    GrantView,
    PartyView,
    SliceView,
    StatementLineView,
    UsageView,
)


class MemberParty(Shown):
    """A member as one side of a movement."""

    member: str
    name: str


class PoolParty(Shown):
    """A pool as one side of a movement."""

    pool: str
    name: str


class SliceShown(Shown):
    """So much of one lot."""

    lot: str
    source: Source
    amount: AmountShown
    expires_at: datetime | None
    giftable: bool


class FindingShown(Shown):
    """One rule of the policy as it was tested."""

    rule: str
    outcome: str
    limit: str | None
    value: str | None
    headroom: str | None


class DecisionShown(Shown):
    """What the policy made of a gift."""

    outcome: str
    findings: list[FindingShown]


class GiftShown(Shown):
    """A gift; that of a dry run has no id."""

    id: str | None
    state: GiftState
    sender: Annotated[MemberParty | PoolParty, Field(alias="from")]
    to: MemberParty | PoolParty
    amount: AmountShown
    message: str | None
    created_at: datetime
    settles_at: datetime
    lots: list[SliceShown]
    decision: DecisionShown
    reason: str | None


class GrantShown(Shown):
    """A granted lot."""

    lot: str
    to: MemberParty | PoolParty
    source: Source
    amount: AmountShown
    expires_at: datetime | None
    giftable: bool
    priority: int
    granted_at: datetime


class HeldShown(Shown):
    """Own credits in escrow."""

    gifts: AmountShown
    usage: AmountShown


class AllowanceShown(Shown):
    """One window of the allowance."""

    window: str
    limit: AmountShown
    used: AmountShown
    resets_at: datetime | None


class BoostShown(Shown):
    """The boost in force."""

    factor: float | int
    ends_at: datetime


class ResetsShown(Shown):
    """How many resets are banked, and when the first of them expires."""

    count: int
    expires_at: datetime | None


class NextAllotmentShown(Shown):
    """What the next run of a monthly allotment brings, and when."""

    amount: AmountShown
    at: datetime


class BalanceShown(Shown):
    """What a member has, may spend and may give; never more than the ledger would honour."""

    member: MemberParty
    spendable: AmountShown
    available: AmountShown
    giftable: AmountShown
    gift_limit_left: AmountShown | None
    gift_limit_rule: Annotated[str | None, Field(description="The policy rule behind `gift_limit_left`.")]
    giftable_until: datetime | None
    held: HeldShown
    owed: Annotated[AmountShown, Field(description="What nothing covered; the next grant repays it first.")]
    incoming: AmountShown
    pool: AmountShown
    capacity: AmountShown
    lots: list[SliceShown]
    allowance: list[AllowanceShown]
    boost: BoostShown | None
    resets_banked: ResetsShown
    next_allotment: NextAllotmentShown | None
    as_of: datetime
    valid_until: datetime | None


class UsageShown(Shown):
    """What usage cost, and how much of it a plan covered and nothing did; late is after its hold's deadline.

    ``fallback`` is true of a model that the card does not know. ``happened_at`` is when it was used, where the report
    said so; the line's ``at`` is when it was booked.
    """

    model: str
    card: str
    fallback: bool
    happened_at: datetime | None
    cost: AmountShown
    allowance: AmountShown
    overage: AmountShown
    late: bool


class LineShown(Shown):
    """One movement as its member sees it: what was gained, or given below zero."""

    transfer: str
    at: datetime
    kind: str
    amount: AmountShown
    counterpart: str | None
    note: str | None
    lots: list[SliceShown]
    usage: UsageShown | None


def party_shown(party: PartyView) -> MemberParty | PoolParty:
    if party.is_pool:
        return PoolParty(pool=party.id, name=party.name)
    return MemberParty(member=party.id, name=party.name)


def gift_shown(gift: GiftView) -> GiftShown:
    return GiftShown(
        id=gift.id,
        state=gift.state,
        sender=party_shown(gift.sender),
        to=party_shown(gift.recipient),
        amount=str(gift.amount),
        message=gift.message,
        created_at=gift.created_at,
        settles_at=gift.settles_at,
        lots=_slices(gift.lots),
        decision=_decision(gift.decision),
        reason=gift.reason,
    )


def grant_shown(grant: GrantView) -> GrantShown:
    return GrantShown(
        lot=grant.lot_id,
        to=party_shown(grant.to),
        source=grant.source,
        amount=str(grant.amount),
        expires_at=grant.expires_at,
        giftable=grant.giftable,
        priority=grant.priority,
        granted_at=grant.granted_at,
    )


def balance_shown(balance: BalanceView) -> BalanceShown:
    return BalanceShown(
        member=MemberParty(member=balance.member_id, name=balance.name),
        spendable=str(balance.spendable),
        available=str(balance.available),
        giftable=str(balance.giftable),
        gift_limit_left=amount_or_none(balance.gift_limit_left),
        gift_limit_rule=balance.gift_limit_rule,
        giftable_until=balance.giftable_until,
        held=held_shown(balance),
        owed=str(balance.owed),
        incoming=str(balance.incoming),
        pool=str(balance.pool),
        capacity=str(balance.capacity),
        lots=_slices(balance.lots),
        allowance=allowance_shown(balance),
        boost=boost_shown(balance),
        resets_banked=resets_shown(balance),
        next_allotment=next_allotment_shown(balance),
        as_of=balance.as_of,
        valid_until=balance.valid_until,
    )


def line_shown(line: StatementLineView) -> LineShown:
    return LineShown(
        transfer=line.transfer_id,
        at=line.at,
        kind=line.kind,
        amount=str(line.amount),
        counterpart=line.counterpart,
        note=line.note,
        lots=_slices(line.lots),
        usage=_usage_shown(line.usage),
    )


def _usage_shown(usage: UsageView | None) -> UsageShown | None:
    if usage is None:
        return None
    return UsageShown(
        model=usage.model,
        card=usage.card,
        fallback=usage.is_fallback,
        happened_at=usage.happened_at,
        cost=str(usage.cost),
        allowance=str(usage.allowance),
        overage=str(usage.overage),
        late=usage.is_late,
    )


def statement_shown(page: Page[StatementLineView]) -> PageShown[LineShown]:
    return PageShown(items=[line_shown(line) for line in page.items], next_cursor=page.next_cursor)


def held_shown(balance: BalanceView) -> HeldShown:
    return HeldShown(gifts=str(balance.held_gifts), usage=str(balance.held_usage))


def allowance_shown(balance: BalanceView) -> list[AllowanceShown]:
    return [
        AllowanceShown(window=each.window, limit=str(each.limit), used=str(each.used), resets_at=each.resets_at)
        for each in balance.allowance
    ]


def boost_shown(balance: BalanceView) -> BoostShown | None:
    boost = balance.boost
    return None if boost is None else BoostShown(factor=boost.factor.number, ends_at=boost.ends_at)


def resets_shown(balance: BalanceView) -> ResetsShown:
    return ResetsShown(count=balance.resets_banked.count, expires_at=balance.resets_banked.expires_at)


def next_allotment_shown(balance: BalanceView) -> NextAllotmentShown | None:
    found = balance.next_allotment
    return None if found is None else NextAllotmentShown(amount=str(found.amount), at=found.at)


def amount_or_none(amount: Credits | None) -> str | None:
    return None if amount is None else str(amount)


def _slices(slices: tuple[SliceView, ...]) -> list[SliceShown]:
    return [
        SliceShown(
            lot=each.lot_id,
            source=each.source,
            amount=str(each.amount),
            expires_at=each.expires_at,
            giftable=each.giftable,
        )
        for each in slices
    ]


def _decision(decision: DecisionView) -> DecisionShown:
    findings = [
        FindingShown(rule=each.rule, outcome=each.outcome, limit=each.limit, value=each.value, headroom=each.headroom)
        for each in decision.findings
    ]
    return DecisionShown(outcome=decision.outcome, findings=findings)
