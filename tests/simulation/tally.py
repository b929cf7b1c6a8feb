"""What happened in the months that were lived through, and what must have happened for them to prove anything."""

from __future__ import annotations

from collections import Counter

from tests.simulation.faults import CALLS, POINTS

Tally = Counter[tuple[str, ...]]

# How each kind of command must have ended at least once.
_WAYS = {
    "Grant": (
        "done",
        "replayed",
        "invalid_request",
        "unknown_member",
    ),
    "Give": (
        "done",
        "replayed",
        "idempotency_conflict",
        "self_gift",
        "recipient_is_bot",
        "unknown_member",
        "not_allowed",
        "account_frozen",
        "not_verified",
        "policy_refused",
        "insufficient_giftable",
        "lot_expires_too_soon",
        "too_many_lots",
        "overloaded",
        "unheard",
    ),
    "GiveForReview": ("done",),
    "ResolveGift": (
        "done",
        "replayed",
        "gift_not_pending",
        "not_allowed",
        "not_found",
    ),
    "Settle": (
        "done",
        "replayed",
        "gift_not_pending",
    ),
    "Reverse": (
        "done",
        "replayed",
        "gift_not_pending",
        "not_allowed",
    ),
    "Charge": (
        "done",
        "replayed",
        "invalid_request",
    ),
    "Authorize": (
        "done",
        "replayed",
        "insufficient_credits",
        "account_frozen",
        "not_allowed",
        "too_many_lots",
        "unheard",
    ),
    "Capture": (
        "done",
        "replayed",
        "idempotency_conflict",
        "hold_closed",
        "not_found",
        "unheard",
    ),
    "Release": (
        "done",
        "replayed",
        "hold_closed",
    ),
    "HoldTimeout": (
        "done",
        "hold_closed",
    ),
    "RequestCredits": (
        "done",
        "replayed",
        "account_frozen",
        "not_allowed",
        "self_gift",
        "recipient_is_bot",
        "policy_refused",
    ),
    "PledgeCredits": ("done", "replayed", "insufficient_giftable", "account_frozen", "request_not_open", "self_gift"),
    "Unpledge": ("done", "nothing_pledged"),
    "AcceptPledges": ("done", "request_not_open"),
    "FillFromPool": ("done", "insufficient_giftable", "not_allowed"),
    "WithdrawRequest": ("done", "replayed"),
    "WithdrawApplication": ("done",),
    "OpenCampaign": ("done",),
    "SubmitApplication": ("done", "replayed", "already_applied", "campaign_closed", "account_frozen", "not_allowed"),
    "DrawLottery": ("done",),
    "FillPlace": ("done",),
    "AnnounceStage": ("done", "replayed"),
    "EndCampaign": ("done",),
    "RevokeBoosts": ("done",),
    "ExpireRequest": ("done", "replayed"),
    "GrantBoost": ("done", "replayed"),
    "RefundCharge": ("done", "insufficient_remaining"),
    "ResetMember": (
        "done",
        "nothing_to_reset",
    ),
    "Allocate": (
        "done",
        "replayed",
        "not_allowed",
        "not_found",
        "insufficient_giftable",
        "unknown_member",
    ),
    "Expire": (
        "done",
        "replayed",
        "not_found",
        "once more",
    ),
    "DeliverGift": (
        "done",
        "replayed",
    ),
    "BounceGift": (
        "done",
        "replayed",
    ),
    "Freeze": (
        "done",
        "not_allowed",
    ),
    "Unfreeze": ("done",),
    "Deactivate": ("done",),
    "Defect": ("internal_error",),
}

_OTHERWISE = (
    *(("transfer", kind) for kind in ("repay", "gift_return", "gift_refuse", "gift_bounce", "expire")),
    *(("hold", state) for state in ("captured", "late", "released", "expired")),
    *(("request", state) for state in ("filled", "accepted", "declined", "withdrawn", "lapsed")),
    *(("application", state) for state in ("applied", "admitted", "waitlisted", "withdrawn")),
    *(("gift", state) for state in ("settled", "cancelled", "declined", "rejected", "returned", "reversed")),
    *(("clock", move) for move in ("on", "far on", "back", "instant", "deadline", "back to life")),
    *(
        ("sweep", name)
        for name in (
            "settling",
            "freeing",
            "lapsing",
            "lapsing requests",
            "delivering",
            "returning",
            "by all at once",
            "late copy",
        )
    ),
    *(("died", how) for how in ("idle", "in a batch", "all at once")),
    *(("same again", where) for where in ("at one server", "at any server")),
    *(("fault", kind) for kind in ("away", "full", "read only", "busy", "damaged")),
    ("waited", "for the database"),
    ("callers", "hung up"),
    ("people", "moved"),
    ("the largest", "works"),
    ("the largest", "and one more does not"),
)

WORTH_MEETING = frozenset(
    {("command", kind, end) for kind, ends in _WAYS.items() for end in ends}
    | {("crash", *point) for point in POINTS}
    | {("lost", "before", call) for call in CALLS}
    | {("slow", *point) for point in POINTS}
    | set(_OTHERWISE)
)


def not_met(tally: Tally) -> list[str]:
    """Return what never happened, although a run that proves something would have met it."""
    return sorted(" ".join(what) for what in WORTH_MEETING - tally.keys())


def summary(tally: Tally) -> str:
    """Return a table of what happened, a line for each kind of thing."""
    groups: dict[str, list[str]] = {}
    for what, number in sorted(tally.items()):
        name = " ".join(what[:2]) if what[0] in {"command", "slow", "crash", "lost"} else what[0]
        groups.setdefault(name, []).append(
            f"{' '.join(what[1:]).removeprefix(name.partition(' ')[2]).strip()} {number:,}"
        )
    return "\n".join(f"{name:>24}  {', '.join(each)}" for name, each in groups.items())
