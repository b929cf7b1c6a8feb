"""Monthly allotments: begun, changed, ended and looked at; a sweep grants each run once (S9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.allotments import MAX_LASTS, Allotment
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.ledger.lots import GIFTABLE_BY_DEFAULT, Source
from core.services.common.actors import Actor
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.parties import party
from core.services.common.recipients import Recipient, account_of
from core.services.common.results import CommandResult, Page
from core.services.common.sweeps import MAX_PAGES, PAGE, SweepResult, submit_all
from core.services.common.validation import checked_key, checked_words
from core.services.common.views import PartyView
from core.services.gifts.gift_commands import checked_amount
from core.services.grants.allotment_commands import BeginAllotment, ChangeAllotment, EndAllotment, RunAllotment
from core.services.people.members import require_admin
from core.store.queries import allotments, people
from core.store.queries import gifts as stored

LAST_DAY: Final = 31


@dataclass(frozen=True, slots=True)
class AllotmentView:
    """A monthly grant; ``next_at`` is None once it has ended, ``granted`` what it has given so far."""

    id: str
    to: PartyView
    amount: Credits
    day: int
    lasts_months: int
    giftable: bool
    first_at: datetime
    next_at: datetime | None
    granted: Credits
    created_at: datetime
    ended_at: datetime | None


async def begin(  # noqa: PLR0913  (what an allotment is made of, all named)
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    to: Recipient,
    amount: Credits,
    day: int,
    lasts_months: int = 1,
    giftable: bool | None = None,
    starts_at: datetime | None = None,
    reason: str | None = None,
) -> CommandResult[AllotmentView]:
    """Begin a monthly grant on a day of the month, at midnight in UTC; 31 is the last day of a shorter month.

    Raises Refused: not_allowed unless by an admin, unknown_member, invalid_request.
    """
    require_admin(actor)
    if not 1 <= day <= LAST_DAY:
        raise Refused(Code.INVALID_REQUEST, "The day is a day of the month, 1 to 31.", field="day")
    command = BeginAllotment(
        actor.org_id,
        actor.member_id,
        checked_key(key),
        account_of(to),
        checked_amount(amount),
        day,
        _checked_lasts(lasts_months),
        Source.ALLOTMENT in GIFTABLE_BY_DEFAULT if giftable is None else giftable,
        starts_at,
        checked_words(reason, "reason"),
    )
    receipt = await ledger.execute(command)
    return CommandResult(await _view(ledger, actor, receipt.first_id), receipt.replayed)


async def change(
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    allotment_id: str,
    amount: Credits | None = None,
    lasts_months: int | None = None,
    giftable: bool | None = None,
    reason: str | None = None,
) -> CommandResult[AllotmentView]:
    """Change what is granted from the next run on. Raises Refused: not_allowed, not_found, invalid_request."""
    require_admin(actor)
    allotment = await _found(ledger, actor, allotment_id)
    if (amount, lasts_months, giftable) == (None, None, None):
        raise Refused(
            Code.INVALID_REQUEST, "Say what changes: the amount, how long it lasts or whether it may be given."
        )
    command = ChangeAllotment(
        actor.org_id,
        actor.member_id,
        checked_key(key),
        allotment.allotment_id,
        allotment.account_id,
        None if amount is None else checked_amount(amount),
        None if lasts_months is None else _checked_lasts(lasts_months),
        giftable,
        checked_words(reason, "reason"),
    )
    receipt = await ledger.execute(command)
    return CommandResult(await _view(ledger, actor, allotment.allotment_id), receipt.replayed)


async def end(
    ledger: LedgerService, *, actor: Actor, allotment_id: str, reason: str | None = None
) -> CommandResult[AllotmentView]:
    """End it: nothing is granted any more. Raises Refused: not_allowed, not_found."""
    require_admin(actor)
    allotment = await _found(ledger, actor, allotment_id)
    words = checked_words(reason, "reason")
    command = EndAllotment(actor.org_id, actor.member_id, allotment.allotment_id, allotment.account_id, words)
    receipt = await ledger.execute(command)
    return CommandResult(await _view(ledger, actor, allotment.allotment_id), receipt.replayed)


async def get(ledger: LedgerService, *, actor: Actor, allotment_id: str) -> AllotmentView:
    """Return an allotment to an admin, or to somebody whose wallet or team it is for. Raises Refused(not_found)."""
    number = parse_id(Prefix.ALLOTMENT, allotment_id)

    def find(connection: Connection) -> AllotmentView:
        found, visible = allotments.allotment(connection, actor.org_id, number), _visible(connection, actor)
        if found is None or (visible is not None and found.account_id not in visible):
            raise Refused(Code.NOT_FOUND, f"Allotment {allotment_id!r} not found.")
        return _views(connection, actor.org_id, [found])[0]

    return await ledger.read(find)


async def list_allotments(
    ledger: LedgerService, *, actor: Actor, limit: int = 50, cursor: str | None = None
) -> Page[AllotmentView]:
    """Return allotments, oldest first: an admin sees all, others those to themselves and to their teams' pools."""
    after = 0 if cursor is None else int(place_of(cursor, (int,))[0])
    size = checked_limit(limit)

    def find(connection: Connection) -> tuple[tuple[AllotmentView, ...], str | None]:
        visible = _visible(connection, actor)
        found = allotments.allotments(connection, actor.org_id, visible, after=after, limit=size + 1)
        following = cursor_of(found[size - 1].allotment_id) if len(found) > size else None
        return _views(connection, actor.org_id, found[:size]), following

    return Page(*await ledger.read(find))


async def run_due(ledger: LedgerService) -> SweepResult:
    """Grant every run that is due and not yet granted, also after a standstill; safe with several schedulers.

    Runs whose lots have lapsed meanwhile are passed over: nobody is given what is unusable.
    """
    swept, after = SweepResult(), (0, 0)
    for _ in range(MAX_PAGES):
        now = ledger.clock()
        due = await _due(ledger, now, after)
        swept += await submit_all(ledger, [command for allotment in due for command in _runs(allotment, now)])
        if len(due) < PAGE:
            break
        after = (due[-1].org_id, due[-1].allotment_id)
    return swept


async def _due(ledger: LedgerService, now: datetime, after: tuple[int, int]) -> list[Allotment]:
    return await ledger.read(lambda connection: allotments.due_allotments(connection, now, after=after, limit=PAGE))


def _runs(allotment: Allotment, now: datetime) -> list[RunAllotment]:
    org_id, number, account = allotment.org_id, allotment.allotment_id, allotment.account_id
    return [RunAllotment(org_id, number, account, run) for run in allotment.due(now)]


def _checked_lasts(months: int) -> int:
    if not 1 <= months <= MAX_LASTS:
        sentence = f"The lots of an allotment last 1 to {MAX_LASTS} months."
        raise Refused(Code.INVALID_REQUEST, sentence, field="lasts_months")
    return months


async def _found(ledger: LedgerService, actor: Actor, allotment_id: str) -> Allotment:
    number = parse_id(Prefix.ALLOTMENT, allotment_id)
    found = await ledger.read(lambda connection: allotments.allotment(connection, actor.org_id, number))
    if found is None:
        raise Refused(Code.NOT_FOUND, f"Allotment {allotment_id!r} not found.")
    return found


def _visible(connection: Connection, actor: Actor) -> set[int] | None:
    """Return the accounts whose allotments the actor may see; None is all."""
    if actor.is_admin:
        return None
    teams = people.teams_of(connection, org_id=actor.org_id, member_id=actor.member_id)
    return {wallet_of(actor.member_id), *map(pool_of, teams)}


async def _view(ledger: LedgerService, actor: Actor, number: int) -> AllotmentView:
    def find(connection: Connection) -> AllotmentView:
        found = allotments.allotment(connection, actor.org_id, number)
        assert found is not None, "the journal has just written it"
        return _views(connection, actor.org_id, [found])[0]

    return await ledger.read(find)


def _views(connection: Connection, org_id: int, found: list[Allotment]) -> tuple[AllotmentView, ...]:
    sides = stored.sides(connection, {(org_id, each.account_id) for each in found})
    return tuple(
        AllotmentView(
            shown_id(Prefix.ALLOTMENT, each.allotment_id),
            party(org_id, sides[each.account_id]),
            each.amount,
            each.day,
            each.lasts,
            each.giftable,
            each.first_at,
            each.next_at if each.ended_at is None else None,
            each.granted,
            each.created_at,
            each.ended_at,
        )
        for each in found
    )
