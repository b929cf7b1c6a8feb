"""Resets: ordered by an admin for one, a team or everybody; banked ones are used by whose they are (S8)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.metering.resets import Reset, ResetOrder
from core.metering.resets import ResetState as ResetState  # noqa: PLC0414  (what a view says, for the doors)
from core.services.allowances.reset_commands import OrderReset, ResetMember, UseReset, WarnOfReset
from core.services.common.actors import Actor
from core.services.common.authorization import NamedSubject, named_subjects, readable, subject_id
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult, Page
from core.services.common.sweeps import MAX_PAGES, PAGE, SweepResult, submit_all
from core.services.common.validation import checked_key, checked_words
from core.services.people.members import require_admin
from core.store.queries import resets as stored

_LOOKED_AT: Final = 200  # resets among which the first to expire is found
_ORDERS: Final = 20  # orders that one sweep carries on with


@dataclass(frozen=True, slots=True)
class ResetView:
    """A banked reset: whose, until when, and what became of it."""

    id: str
    member: str
    state: ResetState
    expires_at: datetime
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResetOrderView:
    """An order, and how far it has come: ``done`` were reset or got one banked, ``unchanged`` had used nothing."""

    id: str
    subject: NamedSubject
    is_banked: bool
    expires_at: datetime | None
    created_at: datetime
    done: int
    unchanged: int
    finished_at: datetime | None


async def order(
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    subject: str,
    banked: bool = False,
    expires_at: datetime | None = None,
    reason: str | None = None,
) -> CommandResult[ResetOrderView]:
    """Reset a member, a team or everybody (the organization's id) at once, or bank a reset for each, by an admin.

    One member is reset by this very command; of a team or everybody each is by one of their own, soon after. A banked
    reset expires after 30 days unless told. Raises Refused: not_allowed, not_found, unknown_member for who has left,
    nothing_to_reset, invalid_request.
    """
    require_admin(actor)
    words, once = checked_words(reason, "reason"), checked_key(key)
    if expires_at is not None and not banked:
        raise Refused(Code.INVALID_REQUEST, "Only a banked reset has an expiry.", field="expires_at")
    kinds = (Prefix.MEMBER, Prefix.TEAM, Prefix.ORG)
    number = await ledger.read(lambda connection: subject_id(connection, actor, subject, *kinds))
    make = ResetMember if subject.startswith(f"{Prefix.MEMBER.value}_") else OrderReset
    receipt = await ledger.execute(make(actor.org_id, actor.member_id, once, number, banked, expires_at, words))
    return CommandResult(await get_order(ledger, actor=actor, order_id=_name(receipt.first_id)), receipt.replayed)


async def use(ledger: LedgerService, *, actor: Actor, reset_id: str) -> CommandResult[ResetView]:
    """Use a banked reset of one's own, once. Where it would change nothing it is refused and kept (S8).

    Raises Refused: not_found, reset_not_banked when it has expired, account_frozen, nothing_to_reset.
    """
    number = parse_id(Prefix.RESET, reset_id)
    receipt = await ledger.execute(UseReset(actor.org_id, actor.member_id, number))
    found = await ledger.read(lambda connection: stored.reset(connection, actor.org_id, number))
    assert found is not None, "a reset is never deleted"
    return CommandResult(_reset_view(found, ledger.clock()), receipt.replayed)


async def next_banked(ledger: LedgerService, *, actor: Actor) -> ResetView:
    """Return one's banked reset that expires first. Raises Refused(not_found) without any."""
    newest = (await list_resets(ledger, actor=actor, limit=_LOOKED_AT)).items
    banked = [each for each in newest if each.state is ResetState.BANKED]
    if not banked:
        raise Refused(Code.NOT_FOUND, "There is no reset banked; an admin can give one.")
    return min(banked, key=lambda each: each.expires_at)


async def list_resets(
    ledger: LedgerService, *, actor: Actor, member_id: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[ResetView]:
    """Return the banked resets of oneself, or of somebody of a team one leads, or by an admin anybody; newest first."""
    before = None if cursor is None else int(place_of(cursor, (int,))[0])
    size = checked_limit(limit)

    def find(connection: Connection) -> list[Reset]:
        member = readable(connection, actor, member_id)
        return stored.resets(connection, actor.org_id, member.member_id, before=before, limit=size + 1)

    found, now = await ledger.read(find), ledger.clock()
    following = cursor_of(found[size - 1].reset_id) if len(found) > size else None
    return Page(tuple(_reset_view(each, now) for each in found[:size]), following)


async def get_order(ledger: LedgerService, *, actor: Actor, order_id: str) -> ResetOrderView:
    """Return an order and how far it has come, to an admin. Raises Refused: not_allowed, not_found."""
    require_admin(actor)
    number = parse_id(Prefix.RESET, order_id)

    def find(connection: Connection) -> tuple[ResetOrderView, ...]:
        found = stored.order(connection, actor.org_id, number)
        if found is None:
            raise Refused(Code.NOT_FOUND, f"There is no reset order {order_id!r} here.")
        return _order_views(connection, actor.org_id, [found])

    return (await ledger.read(find))[0]


async def list_orders(
    ledger: LedgerService, *, actor: Actor, limit: int = 50, cursor: str | None = None
) -> Page[ResetOrderView]:
    """Return the organization's orders, newest first, to an admin."""
    require_admin(actor)
    before = None if cursor is None else int(place_of(cursor, (int,))[0])
    size = checked_limit(limit)

    def find(connection: Connection) -> tuple[tuple[ResetOrderView, ...], str | None]:
        found = stored.orders(connection, actor.org_id, before=before, limit=size + 1)
        following = cursor_of(found[size - 1].order_id) if len(found) > size else None
        return _order_views(connection, actor.org_id, found[:size]), following

    return Page(*await ledger.read(find))


async def run_orders(ledger: LedgerService) -> SweepResult:
    """Carry on with open orders, page by page; a stop loses nothing and does nothing twice, nor do two at once."""
    swept = SweepResult()
    for order in await ledger.read(lambda connection: stored.open_orders(connection, _ORDERS)):
        swept += await _carry_out(ledger, order)
    return swept


async def warn(ledger: LedgerService) -> SweepResult:
    """Tell people, once, of banked resets that expire soon."""
    swept = SweepResult()
    for _ in range(MAX_PAGES):
        found = await ledger.read(lambda connection: stored.to_warn_of(connection, ledger.clock(), PAGE))
        step = await submit_all(ledger, [WarnOfReset(each.org_id, each.reset_id, each.member_id) for each in found])
        swept += step
        if len(found) < PAGE or not step.done:
            break
    return swept


async def _carry_out(ledger: LedgerService, order: ResetOrder) -> SweepResult:
    """Reset the members of an order who are left, or as many as can be now."""
    swept = SweepResult()
    for _ in range(MAX_PAGES):
        open_order, page = order, await _next_members(ledger, order)
        outcomes = await asyncio.gather(*(_reset(ledger, ResetMember.of(open_order, member)) for member in page))
        done, unchanged = outcomes.count(True), outcomes.count(False)
        swept += SweepResult(done, left=len(page) - done - unchanged)
        if swept.left:
            break
        moved = await _advance(ledger, order, page, done=done, unchanged=unchanged)
        if moved is None:
            break
        order = moved
    return swept


async def _reset(ledger: LedgerService, command: ResetMember) -> bool | None:
    """Return whether a member was reset, by now or before; False when there was nothing to reset, None to try again."""
    try:
        await ledger.execute(command, in_background=True)
    except Refused as refused:
        return False if refused.code in {Code.NOTHING_TO_RESET, Code.UNKNOWN_MEMBER, Code.INVALID_REQUEST} else None
    return True


async def _next_members(ledger: LedgerService, order: ResetOrder) -> list[int]:
    return await ledger.read(lambda connection: stored.members_of(connection, order, PAGE))


async def _advance(
    ledger: LedgerService, order: ResetOrder, page: list[int], *, done: int, unchanged: int
) -> ResetOrder | None:
    """Write how far it has come; return the order as it goes on, or None when it is finished or another goes on."""
    is_last = len(page) < PAGE
    finished_at = ledger.clock() if is_last else None
    last = page[-1] if page else order.after_member

    def move(connection: Connection) -> ResetOrder | None:
        stored.advance(connection, order, to=last, done=done, unchanged=unchanged, finished_at=finished_at)
        now = stored.order(connection, order.org_id, order.order_id)
        return now if now is not None and now.finished_at is None else None

    return await ledger.write(move)


def _reset_view(reset: Reset, now: datetime) -> ResetView:
    return ResetView(
        _name(reset.reset_id),
        shown_id(Prefix.MEMBER, reset.member_id),
        reset.state(now),
        reset.expires_at,
        reset.created_at,
        reset.used_at,
    )


def _order_views(connection: Connection, org_id: int, found: list[ResetOrder]) -> tuple[ResetOrderView, ...]:
    names = named_subjects(connection, org_id, {each.subject_id for each in found})
    return tuple(
        ResetOrderView(
            _name(each.order_id),
            names[each.subject_id],
            each.is_banked,
            each.expires_at,
            each.created_at,
            each.done,
            each.unchanged,
            each.finished_at,
        )
        for each in found
    )


def _name(number: int) -> str:
    return shown_id(Prefix.RESET, number)
