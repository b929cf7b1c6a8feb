"""Holds: a gateway authorizes a request, captures what it really used, or releases it (S2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import Connection

from core.ledger.commands import Receipt
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import MAX_ID, Prefix, parse_id, shown_id
from core.metering.holds import Hold, HoldState
from core.metering.ratecards import RateCard
from core.metering.usage import MAX_MODEL_LENGTH, MAX_TOKENS, Usage
from core.services.common.actors import Actor
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult, Page
from core.services.common.validation import checked_key
from core.services.usage.charges import rated
from core.services.usage.cloud_events import usage_of
from core.services.usage.hold_commands import Authorize, Capture, Release
from core.services.usage.payers import Payers
from core.services.usage.ratecards import card_at
from core.store.queries import holds as stored

__all__ = [
    "DEFAULT_SECONDS",
    "ESTIMATED_OUTPUT",
    "MAX_MODEL_LENGTH",
    "MAX_SECONDS",
    "MAX_TOKENS",
    "HoldState",
    "HoldView",
    "authorize",
    "capture",
    "estimate",
    "estimate_of",
    "hold",
    "holds",
    "release",
]  # with the words that its views are made of

MAX_SECONDS: Final = 86_400
DEFAULT_SECONDS: Final = 900
# A request rarely writes as much as it may: holding all of max_tokens would set aside many times the true cost.
ESTIMATED_OUTPUT: Final = 4_096
_SAID: Final = frozenset({"input_tokens", "output_tokens"})


@dataclass(frozen=True, slots=True)
class HoldView:
    """An authorization as it is now; ``charged`` and ``overage`` are what its capture cost and nothing covered.

    ``is_fallback`` when the card does not know the model that was authorized (S3).
    """

    id: str
    state: HoldState
    member_id: str
    model: str
    amount: Credits
    allowance: Credits
    created_at: datetime
    deadline_at: datetime
    card: str
    charged: Credits
    overage: Credits
    is_late: bool
    closed_at: datetime | None
    tier: str | None
    is_fallback: bool = False


def estimate(model: str, *, input_tokens: int, cached_tokens: int, max_tokens: int | None, tier: str | None) -> Usage:
    """Return the usage that an authorization sets aside for: the whole prompt, and as much output as is usual."""
    output = ESTIMATED_OUTPUT if max_tokens is None else min(max_tokens, ESTIMATED_OUTPUT)
    counts = {"input_tokens": input_tokens, "cached_tokens": cached_tokens, "output_tokens": output}
    return usage_of(model, tier, counts)


def estimate_of(usage: Usage) -> Usage:
    """Return what would have been set aside for usage that is known by now: its prompt, and as much output as is
    usual."""
    return replace(usage, output_tokens=ESTIMATED_OUTPUT)


async def authorize(
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    usage: Usage,
    member: str | None = None,
    seconds: int = DEFAULT_SECONDS,
) -> CommandResult[HoldView]:
    """Set aside what a request is estimated to cost, until its deadline; for oneself, or for who is named.

    Raises Refused: insufficient_credits with the trace, account_frozen, unknown_member, not_allowed for somebody
    else's usage unless by a service or an admin, invalid_request.
    """
    member_id = await _payer(ledger, actor, member)
    if member_id != actor.member_id and not actor.spends_for_all:
        raise Refused(Code.NOT_ALLOWED, "Only a service or an admin can authorize somebody else's usage.")
    if not 1 <= seconds <= MAX_SECONDS:
        sentence = f"A hold lasts 1 to {MAX_SECONDS:,} seconds."
        raise Refused(Code.INVALID_REQUEST, sentence, field="seconds")
    card = await card_at(ledger, org_id=actor.org_id, at=ledger.clock())
    rating, ttl = rated(usage, card), timedelta(seconds=seconds)
    command = Authorize(actor.org_id, actor.member_id, checked_key(key), member_id, usage, rating, ttl)
    return await _answer(ledger, actor, await ledger.execute(command))


async def capture(
    ledger: LedgerService,
    *,
    actor: Actor,
    hold_id: str,
    counts: Mapping[str, int],
    model: str | None = None,
    tier: str | None = None,
) -> CommandResult[HoldView]:
    """Charge what was really used, by the card in force when the hold was opened, and free the rest.

    ``counts`` are tokens by kind, ``input_tokens`` the whole prompt; the model is the authorized one unless told, and
    of that model the tier is, too.

    Raises Refused: not_found (also for somebody else's hold), not_allowed, hold_closed, invalid_request.
    """
    number = parse_id(Prefix.HOLD, hold_id)
    hold = await _opened(ledger, actor, hold_id)
    if not counts.keys() & _SAID:
        sentence = "A capture says what was used: input_tokens, output_tokens or both, 0 where there were none."
        raise Refused(Code.INVALID_REQUEST, sentence, field="input_tokens")
    card = await card_at(ledger, org_id=actor.org_id, at=hold.created_at, version=hold.card)
    if tier is None and model in {None, hold.model}:
        tier = hold.tier
    usage = usage_of(model or hold.model, tier, counts)
    rating = rated(usage, card)
    command = Capture(actor.org_id, actor.member_id, number, usage, rating, for_anybody=actor.spends_for_all)
    return await _answer(ledger, actor, await ledger.execute(command), number)


async def release(ledger: LedgerService, *, actor: Actor, hold_id: str) -> CommandResult[HoldView]:
    """Free a hold that is not needed. Raises Refused: not_found, not_allowed, hold_closed."""
    number = parse_id(Prefix.HOLD, hold_id)
    await _opened(ledger, actor, hold_id)
    command = Release(actor.org_id, actor.member_id, number, for_anybody=actor.spends_for_all)
    return await _answer(ledger, actor, await ledger.execute(command), number)


async def hold(ledger: LedgerService, *, actor: Actor, hold_id: str) -> HoldView:
    """Return a hold to whose it is, to services and admins. Raises Refused(not_found)."""
    found = await ledger.read(lambda c: stored.hold(c, actor.org_id, parse_id(Prefix.HOLD, hold_id)))
    if found is None or not (actor.spends_for_all or found.member_id == actor.member_id):
        raise _unknown(hold_id)
    return await _view(ledger, found)


async def holds(
    ledger: LedgerService,
    *,
    actor: Actor,
    member_id: str | None = None,
    state: HoldState | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[HoldView]:
    """Return somebody's holds, newest first: one's own, or anybody's for a service or an admin."""
    member = actor.member_id if member_id is None else parse_id(Prefix.MEMBER, member_id)
    if member != actor.member_id and not actor.spends_for_all:
        raise Refused(Code.NOT_ALLOWED, "Only they, a service or an admin can see that.")
    size, before = checked_limit(limit), MAX_ID if cursor is None else int(place_of(cursor, (int,))[0])

    def find(connection: Connection) -> list[Hold]:
        return stored.of_member(connection, actor.org_id, member, state=state, before=before, limit=size + 1)

    found = await ledger.read(find)
    following = cursor_of(found[size - 1].hold_id) if len(found) > size else None
    return Page(await _views(ledger, found[:size]), following)


def hold_view(hold: Hold, *, is_fallback: bool = False) -> HoldView:
    return HoldView(
        shown_id(Prefix.HOLD, hold.hold_id),
        hold.state,
        shown_id(Prefix.MEMBER, hold.member_id),
        hold.model,
        hold.amount,
        hold.allowance,
        hold.created_at,
        hold.deadline_at,
        hold.card,
        hold.charged,
        hold.overage,
        hold.is_late,
        hold.closed_at,
        hold.tier,
        is_fallback,
    )


async def _views(ledger: LedgerService, found: Iterable[Hold]) -> tuple[HoldView, ...]:
    """Return holds of one organization, each with the flag of its model by the card that it was opened by."""
    cards: dict[str, RateCard] = {}
    views = []
    for each in found:
        if each.card not in cards:
            cards[each.card] = await card_at(ledger, org_id=each.org_id, at=each.created_at, version=each.card)
        views.append(hold_view(each, is_fallback=cards[each.card].rates_for(each.model)[1]))
    return tuple(views)


async def _view(ledger: LedgerService, hold: Hold) -> HoldView:
    return (await _views(ledger, [hold]))[0]


async def _answer(
    ledger: LedgerService, actor: Actor, receipt: Receipt, number: int | None = None
) -> CommandResult[HoldView]:
    """Return the hold: as it was just decided, or as it is now where the key had taken effect before (L6)."""
    if receipt.result is not None:
        return CommandResult(await _view(ledger, cast("Hold", receipt.result)), replayed=receipt.replayed)
    found = await ledger.read(lambda c: stored.hold(c, actor.org_id, number or receipt.first_id))
    assert found is not None, "a receipt names its hold"
    return CommandResult(await _view(ledger, found), replayed=receipt.replayed)


async def _opened(ledger: LedgerService, actor: Actor, hold_id: str) -> Hold:
    """Return a hold that the actor may close: a service, an admin, or the member it is of, who opened it themselves.

    Else a member could close a gateway's hold for nothing, before it tells what was used.
    """

    def find(connection: Connection) -> tuple[Hold, int] | None:
        return stored.opened(connection, actor.org_id, parse_id(Prefix.HOLD, hold_id))

    found = await ledger.read(find)
    if found is None or not (actor.spends_for_all or found[0].member_id == actor.member_id):
        raise _unknown(hold_id)
    hold, opened_by = found
    if not (actor.spends_for_all or opened_by == actor.member_id):
        sentence = "A gateway opened this hold for you: it, another service or an admin can close it."
        raise Refused(Code.NOT_ALLOWED, sentence)
    return hold


async def _payer(ledger: LedgerService, actor: Actor, named: str | None) -> int:
    """Return whose usage it is: one's own, or whose id is named; an e-mail address costs a look into the database."""
    if named is None:
        return actor.member_id
    if "@" in named:
        return await ledger.read(lambda connection: Payers(connection, actor, {named}).charged_for(named))
    try:
        return parse_id(Prefix.MEMBER, named)
    except Refused as refused:
        raise Refused(Code.UNKNOWN_MEMBER, refused.detail, field="member") from None


def _unknown(hold_id: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"Hold {hold_id!r} not found, or it belongs to someone else.")
