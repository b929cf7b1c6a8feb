"""Requests for credits: made, pledged to, accepted, filled, declined, withdrawn, looked at; a sweep lets them lapse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from core.ledger.accounts import wallet_of
from core.ledger.commands import Command
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.ledger.requests import DEFAULT_LASTS, RequestState, missing, pledged
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
from core.services.sharing.fulfillment_commands import AcceptPledges, FillFromPool
from core.services.sharing.pledge_commands import DeclineRequest, PledgeCredits, Unpledge
from core.services.sharing.request_commands import MAX_ASKED, ExpireRequest, RequestCredits, WithdrawRequest
from core.store.queries import gifts as stored
from core.store.queries import organizations, people
from core.store.queries import requests as store
from core.store.queries.requests import RequestRecord
from core.store.timestamps import to_micros

MAX_LASTS: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PledgeView:
    """One person's part: what they pledge, that they were asked, and the gift it became."""

    by: PartyView
    amount: Credits
    was_asked: bool
    has_declined: bool
    gift_id: str | None


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as those it concerns see it."""

    id: str
    state: RequestState
    by: PartyView
    amount: Credits
    pledged: Credits
    missing: Credits
    given: Credits
    reason: str | None
    pledges: tuple[PledgeView, ...]
    created_at: datetime
    lapses_at: datetime
    closed_at: datetime | None


async def ask(
    ledger: LedgerService,
    *,
    actor: Actor,
    key: str,
    amount: Credits,
    reason: str | None = None,
    to: Sequence[str] = (),
    lasts: timedelta = DEFAULT_LASTS,
) -> CommandResult[RequestView]:
    """Ask colleagues, by their ids; without any, the leads of one's teams, else the admins.

    Raises Refused: not_allowed, account_frozen, unknown_member, recipient_is_bot, self_gift, policy_refused (too many
    open), invalid_request.
    """
    if not timedelta(hours=1) <= lasts <= MAX_LASTS:
        raise Refused(Code.INVALID_REQUEST, "A request lasts 1 hour to 30 days.", field="lasts_hours")
    words, sum_asked = checked_words(reason, "reason"), checked_amount(amount)
    asked = _named(to) if to else await ledger.read(lambda connection: _usual(connection, actor))
    command = RequestCredits(
        actor.org_id, actor.member_id, checked_key(key), asked, sum_asked, words, lasts, names_them=bool(to)
    )
    receipt = await ledger.execute(command)
    return CommandResult(await _view(ledger, actor.org_id, receipt.first_id), receipt.replayed)


async def pledge(
    ledger: LedgerService, *, actor: Actor, key: str, request_id: str, amount: Credits
) -> CommandResult[RequestView]:
    """Promise an amount, in place of an earlier promise; what fills the request turns all pledges into gifts."""
    number = parse_id(Prefix.REQUEST, request_id)
    return await _done(
        ledger,
        number,
        PledgeCredits(
            actor.org_id, actor.member_id, checked_key(key), number, checked_amount(amount), is_admin=actor.is_admin
        ),
    )


async def unpledge(ledger: LedgerService, *, actor: Actor, key: str, request_id: str) -> CommandResult[RequestView]:
    """Take one's promise back."""
    number = parse_id(Prefix.REQUEST, request_id)
    return await _done(ledger, number, Unpledge(actor.org_id, actor.member_id, checked_key(key), number))


async def accept(ledger: LedgerService, *, actor: Actor, key: str, request_id: str) -> CommandResult[RequestView]:
    """Take what is pledged so far; pledges that no longer work are dropped."""
    number = parse_id(Prefix.REQUEST, request_id)
    return await _done(ledger, number, AcceptPledges(actor.org_id, actor.member_id, checked_key(key), number))


async def fill(
    ledger: LedgerService, *, actor: Actor, key: str, request_id: str, pool: str
) -> CommandResult[RequestView]:
    """Pay the whole request out of a pool: by a lead of its team or an admin, never by its asker."""
    number, account = parse_id(Prefix.REQUEST, request_id), account_of(Recipient(pool=pool))
    command = FillFromPool(actor.org_id, actor.member_id, checked_key(key), number, account, is_admin=actor.is_admin)
    return await _done(ledger, number, command)


async def decline(
    ledger: LedgerService, *, actor: Actor, key: str, request_id: str, reason: str | None = None
) -> CommandResult[RequestView]:
    """Say no, as somebody who was asked."""
    number, words = parse_id(Prefix.REQUEST, request_id), checked_words(reason, "reason")
    return await _done(ledger, number, DeclineRequest(actor.org_id, actor.member_id, checked_key(key), number, words))


async def withdraw(ledger: LedgerService, *, actor: Actor, request_id: str) -> CommandResult[RequestView]:
    """Take one's request back; a second time it is a replay."""
    number = parse_id(Prefix.REQUEST, request_id)
    return await _done(ledger, number, WithdrawRequest(actor.org_id, actor.member_id, number))


async def request(ledger: LedgerService, *, actor: Actor, request_id: str) -> RequestView:
    """Return a request to those it concerns. Raises Refused(not_found) for all others."""
    number, now = parse_id(Prefix.REQUEST, request_id), ledger.clock()

    def find(connection: Connection) -> RequestView:
        found = store.request(connection, actor.org_id, number)
        if found is None or not _concerns(connection, actor, found):
            raise Refused(Code.NOT_FOUND, f"Request {request_id!r} not found.")
        return _views(connection, actor.org_id, [found], now)[0]

    return await ledger.read(find)


async def list_requests(
    ledger: LedgerService, *, actor: Actor, is_open: bool = False, limit: int = 50, cursor: str | None = None
) -> Page[RequestView]:
    """Return one's own requests and those one was asked for or has pledged to, newest first."""
    size, now, before = checked_limit(limit), ledger.clock(), None
    if cursor is not None:
        at, number = place_of(cursor, (int, int))
        before = (int(at), int(number))

    def find(connection: Connection) -> Page[RequestView]:
        found = store.requests_of(
            connection, actor.org_id, actor.member_id, is_open=is_open, now=now, before=before, limit=size + 1
        )
        last = found[size - 1].request if len(found) > size else None
        following = None if last is None else cursor_of(to_micros(last.created_at), last.request_id)
        return Page(_views(connection, actor.org_id, found[:size], now), following)

    return await ledger.read(find)


async def expire_due_requests(ledger: LedgerService) -> SweepResult:
    """Close every request whose time is over; idempotent, and safe with several schedulers."""
    swept = SweepResult()
    for _ in range(MAX_PAGES):
        due = await ledger.read(lambda connection: store.lapsed_requests(connection, ledger.clock(), PAGE))
        step = await submit_all(ledger, (ExpireRequest(org_id, request_id) for org_id, request_id in due))
        swept += step
        if len(due) < PAGE or not step.done:
            break
    return swept


def _named(to: Iterable[str]) -> tuple[int, ...]:
    asked = tuple(dict.fromkeys(_member(each) for each in to))
    if len(asked) > MAX_ASKED:
        raise Refused(Code.INVALID_REQUEST, f"At most {MAX_ASKED} people can be asked at once.", field="to")
    return asked


def _member(shown: str) -> int:
    try:
        return parse_id(Prefix.MEMBER, shown)
    except Refused as refused:
        raise Refused(Code.UNKNOWN_MEMBER, refused.detail, field="to") from None


def _usual(connection: Connection, actor: Actor) -> tuple[int, ...]:
    """Return whom one asks by default: the leads of one's teams, else the admins, never oneself."""
    me = people.member(connection, org_id=actor.org_id, member_id=actor.member_id)
    teams = [organizations.team(connection, org_id=actor.org_id, team_id=team) for team in (me.teams if me else ())]
    leads = {lead for team in teams if team is not None for lead in team.leads}
    asked = people.present_people(connection, org_id=actor.org_id, ids=leads - {actor.member_id}, limit=MAX_ASKED)
    asked = asked or people.present_admins(connection, org_id=actor.org_id, but=actor.member_id, limit=MAX_ASKED)
    if not asked:
        raise Refused(Code.INVALID_REQUEST, "There is no lead and no admin to ask: name somebody.", field="to")
    return asked


def _concerns(connection: Connection, actor: Actor, found: RequestRecord) -> bool:
    if actor.is_admin or actor.member_id in {found.request.asker_id, *(each.member_id for each in found.pledges)}:
        return True
    me = people.member(connection, org_id=actor.org_id, member_id=actor.member_id)
    teams = people.teams_of(connection, org_id=actor.org_id, member_id=found.request.asker_id)
    return me is not None and not set(me.leads).isdisjoint(teams)


async def _done(ledger: LedgerService, number: int, command: Command) -> CommandResult[RequestView]:
    receipt = await ledger.execute(command)
    return CommandResult(await _view(ledger, command.org_id, number), receipt.replayed)


async def _view(ledger: LedgerService, org_id: int, number: int) -> RequestView:
    def find(connection: Connection) -> RequestView:
        found = store.request(connection, org_id, number)
        assert found is not None, "the journal has just written it"
        return _views(connection, org_id, [found], ledger.clock())[0]

    return await ledger.read(find)


def _views(
    connection: Connection, org_id: int, found: Sequence[RequestRecord], now: datetime
) -> tuple[RequestView, ...]:
    members = {each.request.asker_id for each in found} | {part.member_id for each in found for part in each.pledges}
    sides = stored.sides(connection, {(org_id, wallet_of(member)) for member in members})
    names = {member: party(org_id, sides[wallet_of(member)]) for member in members}
    return tuple(_request_view(each, names, now) for each in found)


def _request_view(record: RequestRecord, names: dict[int, PartyView], now: datetime) -> RequestView:
    request, state = record.request, record.request.state_at(now)
    is_open = state is RequestState.OPEN
    return RequestView(
        shown_id(Prefix.REQUEST, request.request_id),
        state,
        names[request.asker_id],
        request.amount,
        pledged(record.pledges),
        missing(request, record.pledges) if is_open else request.amount - request.given,
        request.given,
        record.reason,
        tuple(
            PledgeView(
                names[part.member_id],
                part.amount,
                part.was_asked,
                part.has_declined,
                None if part.gift_id is None else shown_id(Prefix.GIFT, part.gift_id),
            )
            for part in record.pledges
        ),
        request.created_at,
        request.lapses_at,
        request.closed_at,
    )
