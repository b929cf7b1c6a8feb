"""The tables, as SQLModel classes. Every key is led by ``org_id``, so an organisation is the unit of sharding.

Moments are micro-seconds since the epoch (UTC) and amounts micro-credits, both 64-bit integers: exact,
and the same on both databases. ``lot``, ``transfer``, ``entry``, ``usage_event``, ``window_posting`` and the facts of
gifts and holds are only ever appended.
"""

from core.store.tables.books import Account, Command, Entry, Lot, Note, Position, Seal, Transfer, Writer
from core.store.tables.boosts import OF_A_CAMPAIGN, UNTOLD_BOOST, Application, Boost, BoostBudget, Campaign
from core.store.tables.gifts import (
    DUE_MESSAGE,
    OPEN_GIFT,
    OPEN_OBLIGATION,
    PENDING_GIFT,
    QUEUED_DELIVERY,
    UNCLAIMED_NOTICE,
    Delivery,
    Gift,
    Obligation,
    Outbox,
)
from core.store.tables.people import DeviceGrant, Member, Organisation, Policy, Team, TeamMember, Token
from core.store.tables.ratecards import RateRow
from core.store.tables.sharing import OPEN_REFERRAL, OPEN_REQUEST, CreditRequest, Pledge, Referral, ReferralCode
from core.store.tables.spending import (
    OPEN_HOLD,
    UNWARNED_RESET,
    Cap,
    Hold,
    Plan,
    PlanSeat,
    Reset,
    UsageEvent,
    UsageWindow,
    WindowPosting,
)
from core.store.tables.supply import OPEN_ORDER, RUNNING_ALLOTMENT, Allotment, Refund, ResetOrder

__all__ = [
    "DUE_MESSAGE",
    "OF_A_CAMPAIGN",
    "OPEN_GIFT",
    "OPEN_HOLD",
    "OPEN_OBLIGATION",
    "OPEN_ORDER",
    "OPEN_REFERRAL",
    "OPEN_REQUEST",
    "PENDING_GIFT",
    "QUEUED_DELIVERY",
    "RUNNING_ALLOTMENT",
    "UNCLAIMED_NOTICE",
    "UNTOLD_BOOST",
    "UNWARNED_RESET",
    "Account",
    "Allotment",
    "Application",
    "Boost",
    "BoostBudget",
    "Campaign",
    "Cap",
    "Command",
    "CreditRequest",
    "Delivery",
    "DeviceGrant",
    "Entry",
    "Gift",
    "Hold",
    "Lot",
    "Member",
    "Note",
    "Obligation",
    "Organisation",
    "Outbox",
    "Plan",
    "PlanSeat",
    "Pledge",
    "Policy",
    "Position",
    "RateRow",
    "Referral",
    "ReferralCode",
    "Refund",
    "Reset",
    "ResetOrder",
    "Seal",
    "Team",
    "TeamMember",
    "Token",
    "Transfer",
    "UsageEvent",
    "UsageWindow",
    "WindowPosting",
    "Writer",
]
