"""What the use cases answer: plain frozen values, ready for any front end to render.

Ids are in their outside form; amounts are Credits; times are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from core.ledger.credits import Credits
from core.ledger.gifts import GiftState
from core.ledger.lots import Source
from core.metering.boosts import Factor
from core.services.common.actors import Role


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member as colleagues see them."""

    id: str
    name: str
    kind: str
    role: Role
    teams: tuple[str, ...]
    leads: tuple[str, ...]
    verified_at: datetime | None
    joined_at: datetime
    frozen_at: datetime | None
    deactivated_at: datetime | None
    slack_user_id: str | None


@dataclass(frozen=True, slots=True)
class PartyView:
    """One side of a gift: a member or a pool."""

    id: str
    name: str
    is_pool: bool = False
    slack_user_id: str | None = None


@dataclass(frozen=True, slots=True)
class SliceView:
    """A part of a gift or balance: so much of one lot."""

    lot_id: str
    source: Source
    amount: Credits
    expires_at: datetime | None
    giftable: bool = True


@dataclass(frozen=True, slots=True)
class FindingView:
    """One rule of the policy as it was tested; values, limits and headroom in their shown form."""

    rule: str
    outcome: str
    value: str | None
    limit: str | None
    headroom: str | None


@dataclass(frozen=True, slots=True)
class DecisionView:
    """approve, review or refuse, with every rule that was tested."""

    outcome: str
    findings: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True)
class GiftView:
    """A gift as its two sides see it. A dry run has no id."""

    id: str | None
    state: GiftState
    sender: PartyView
    recipient: PartyView
    amount: Credits
    message: str | None
    created_at: datetime
    settles_at: datetime
    lots: tuple[SliceView, ...]
    decision: DecisionView
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AllowanceView:
    """One allowance window; ``resets_at`` is None for one that begins with its first use and has not."""

    window: str
    limit: Credits
    used: Credits
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class BoostView:
    """The boost in force."""

    factor: Factor
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ResetsView:
    """How many resets are banked, and when the first of them expires."""

    count: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class NextAllotmentView:
    """What the next run of a monthly allotment brings, and when."""

    amount: Credits
    at: datetime


@dataclass(frozen=True, slots=True)
class BalanceView:
    """What a member has, may spend and may give; never more than the ledger would honour."""

    member_id: str
    name: str
    spendable: Credits
    available: Credits
    giftable: Credits
    gift_limit_left: Credits | None
    giftable_until: datetime | None
    held_gifts: Credits
    held_usage: Credits
    owed: Credits
    incoming: Credits
    pool: Credits
    capacity: Credits
    lots: tuple[SliceView, ...]
    allowance: tuple[AllowanceView, ...]
    boost: BoostView | None
    resets_banked: ResetsView
    next_allotment: NextAllotmentView | None
    blocked: tuple[str, str] | None
    as_of: datetime
    valid_until: datetime | None
    resets_at: datetime | None = None  # of the window that blocks first
    gift_limit_rule: str | None = None  # of the policy, to which ``gift_limit_left`` is owed


@dataclass(frozen=True, slots=True)
class NoticeView:
    """Something a person should hear once per door."""

    id: str
    kind: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RequestsWaitingView:
    """How many open requests wait for one's answer, how many of one's own are open, and when the first lapses."""

    for_me: int = 0
    mine: int = 0
    first_lapses_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusView:
    """What the editor shows: the balance, requests that wait, and what it has not told the person yet."""

    balance: BalanceView
    notices: tuple[NoticeView, ...] = field(default=())
    requests: RequestsWaitingView = field(default=RequestsWaitingView())


@dataclass(frozen=True, slots=True)
class UsageView:
    """What usage cost, and how much of it a plan covered and nothing did; late is after its hold's deadline.

    It was rated by ``card``, as every other model if the card does not know it (``is_fallback``). ``happened_at`` is
    None where the report did not say.
    """

    model: str
    card: str
    is_fallback: bool
    happened_at: datetime | None
    cost: Credits
    allowance: Credits
    overage: Credits
    is_late: bool


@dataclass(frozen=True, slots=True)
class StatementLineView:
    """One movement as its member sees it: signed, newest first. Usage that took nothing from the wallet is one too."""

    transfer_id: str
    at: datetime
    kind: str
    amount: Credits
    counterpart: str | None
    note: str | None
    lots: tuple[SliceView, ...]
    usage: UsageView | None = None


@dataclass(frozen=True, slots=True)
class GrantView:
    """A lot that was granted."""

    lot_id: str
    to: PartyView
    source: Source
    amount: Credits
    expires_at: datetime | None
    giftable: bool
    priority: int
    granted_at: datetime
