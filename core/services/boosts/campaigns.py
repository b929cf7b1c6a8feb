"""Campaigns: an admin makes one, people see it, a lottery is drawn, one may be ended early (S7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.metering.boosts import Factor
from core.metering.campaigns import MAX_CAPACITY, WAITING, ApplicationState, Campaign, Method
from core.services.boosts.campaign_commands import DrawLottery, EndCampaign, OpenCampaign
from core.services.boosts.forms import FormQuestion, checked_form
from core.services.boosts.sweeps import place_drawn, revoke_boosts
from core.services.boosts.views import ApplicationView, CampaignView, application_view, campaign_view
from core.services.common.actors import Actor
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult, Page
from core.services.common.text import checked_name
from core.services.common.validation import checked_key, checked_words
from core.store.queries import boosts as stored
from core.store.timestamps import to_micros

SEED_BYTES: Final = 32
MAX_TEAMS: Final = 100


@dataclass(frozen=True, slots=True)
class CampaignTerms:
    """What a campaign is: what one gets, who may apply, how it is decided, and its instants."""

    name: str
    factor: Factor
    capacity: int
    closes_at: datetime
    starts_at: datetime
    ends_at: datetime
    opens_at: datetime | None = None  # None is at once
    method: Method = Method.ARRIVAL
    teams: tuple[str, ...] = ()  # only their members may apply; none is everybody
    form: tuple[FormQuestion, ...] = ()


@dataclass(frozen=True, slots=True)
class DrawView:
    """A lottery that was drawn, so that everybody can work it out again; ``order`` goes on at ``next_cursor``."""

    seed: str
    seed_hash: str
    drawn_at: datetime
    order: tuple[tuple[str, ApplicationState], ...]
    next_cursor: str | None


async def open_campaign(
    ledger: LedgerService, *, actor: Actor, key: str, terms: CampaignTerms
) -> CommandResult[CampaignView]:
    """Make a campaign, by an admin. Raises Refused(not_allowed, invalid_request, idempotency_conflict)."""
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can make a campaign.")
    if not 1 <= terms.capacity <= MAX_CAPACITY:
        raise Refused(Code.INVALID_REQUEST, f"The capacity is a number from 1 to {MAX_CAPACITY:,}.", field="capacity")
    if len(terms.teams) > MAX_TEAMS:
        raise Refused(Code.INVALID_REQUEST, f"Name at most {MAX_TEAMS} teams.", field="teams")
    command = OpenCampaign(
        actor.org_id,
        actor.member_id,
        checked_key(key),
        checked_name(terms.name),
        terms.factor,
        terms.method,
        terms.capacity,
        tuple(sorted({_team(team) for team in terms.teams})),
        checked_form(terms.form),
        terms.opens_at,
        terms.closes_at,
        terms.starts_at,
        terms.ends_at,
        ledger.random_bytes(SEED_BYTES).hex(),
    )
    receipt = await ledger.execute(command)
    return CommandResult(await _view(ledger, actor, receipt.first_id), receipt.replayed)


async def campaign(ledger: LedgerService, *, actor: Actor, campaign_id: str) -> CampaignView:
    """Return a campaign with one's own application. Raises Refused(not_found)."""
    return await _view(ledger, actor, parse_id(Prefix.CAMPAIGN, campaign_id))


async def campaigns(
    ledger: LedgerService, *, actor: Actor, limit: int = 50, cursor: str | None = None
) -> Page[CampaignView]:
    """Return the organization's campaigns, newest first."""
    size, now, before = checked_limit(limit), ledger.clock(), None
    if cursor is not None:
        at, number = place_of(cursor, (int, int))
        before = (int(at), int(number))

    def find(connection: Connection) -> tuple[list[Campaign], tuple[CampaignView, ...]]:
        found = stored.campaigns(connection, actor.org_id, before=before, limit=size + 1)
        return found, tuple(campaign_view(each, own_application(connection, actor, each), now) for each in found[:size])

    found, views = await ledger.read(find)
    last = found[size - 1] if len(found) > size else None
    return Page(views, None if last is None else cursor_of(to_micros(last.created_at), last.campaign_id))


async def draw(ledger: LedgerService, *, actor: Actor, campaign_id: str) -> CampaignView:
    """Draw a lottery whose applications have closed: publish its seed, and place everybody in the order it gives.

    Drawn already: what is left of placing is done. Raises Refused(not_allowed, campaign_closed, invalid_request).
    """
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can draw a lottery.")
    number = parse_id(Prefix.CAMPAIGN, campaign_id)
    try:
        await ledger.execute(DrawLottery(actor.org_id, actor.member_id, number))
    except Refused as refused:
        if refused.fields.get("state") != "drawn":
            raise
    await place_drawn(ledger, await ledger.read(lambda connection: campaign_in(connection, actor, number)))
    return await _view(ledger, actor, number)


async def drawn(
    ledger: LedgerService, *, actor: Actor, campaign_id: str, limit: int = 200, cursor: str | None = None
) -> DrawView:
    """Return a drawn lottery: its seed, and the applications in the order of the draw, without their people."""
    number, size, after = parse_id(Prefix.CAMPAIGN, campaign_id), checked_limit(limit), None
    if cursor is not None:
        rank, application = place_of(cursor, (int, int))
        after = (int(rank), int(application))

    def find(connection: Connection) -> DrawView:
        found = campaign_in(connection, actor, number)
        if found.seed is None or found.seed_hash is None or found.drawn_at is None:
            raise Refused(Code.CAMPAIGN_CLOSED, "No lottery was drawn here.", state="not_drawn")
        line = stored.draw_order(connection, found, after=after, limit=size + 1)
        following = cursor_of(line[size - 1].rank, line[size - 1].application_id) if len(line) > size else None
        order = tuple((shown_id(Prefix.APPLICATION, each.application_id), each.state) for each in line[:size])
        return DrawView(found.seed, found.seed_hash, found.drawn_at, order, following)

    return await ledger.read(find)


async def end_campaign(
    ledger: LedgerService, *, actor: Actor, campaign_id: str, reason: str | None = None
) -> CampaignView:
    """End a campaign early, by an admin: its boosts end now. The same again changes nothing."""
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can end a campaign.")
    number = parse_id(Prefix.CAMPAIGN, campaign_id)
    await ledger.execute(EndCampaign(actor.org_id, actor.member_id, number, checked_words(reason, "reason")))
    await revoke_boosts(ledger, await ledger.read(lambda connection: campaign_in(connection, actor, number)))
    return await _view(ledger, actor, number)


def campaign_in(connection: Connection, actor: Actor, number: int) -> Campaign:
    """Return a campaign of the actor's organization. Raises Refused(not_found)."""
    found = stored.campaign(connection, actor.org_id, number)
    if found is None:
        raise Refused(Code.NOT_FOUND, "Campaign not found.")
    return found


def own_application(connection: Connection, actor: Actor, campaign: Campaign) -> ApplicationView | None:
    """Return what became of the actor's application, with their place in line. A draw's order is not told before it."""
    mine = stored.application_of(connection, actor.org_id, campaign.campaign_id, actor.member_id)
    if mine is None:
        return None
    is_secret = campaign.method is Method.LOTTERY and campaign.drawn_at is None
    place = stored.place_in_line(connection, mine) if mine.state in WAITING and not is_secret else None
    return application_view(
        mine, stored.subjects_of(connection, actor.org_id, [mine.member_id], kinds=("member",)), place
    )


async def _view(ledger: LedgerService, actor: Actor, number: int) -> CampaignView:
    now = ledger.clock()

    def find(connection: Connection) -> CampaignView:
        found = campaign_in(connection, actor, number)
        return campaign_view(found, own_application(connection, actor, found), now)

    return await ledger.read(find)


def _team(team: str) -> int:
    try:
        return parse_id(Prefix.TEAM, team)
    except Refused as refused:
        raise Refused(Code.INVALID_REQUEST, refused.detail, field="teams") from None
