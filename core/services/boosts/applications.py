"""Applications: people apply once, look, take it back, say what it was worth; an admin decides by hand (S7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id
from core.metering.campaigns import Application, ApplicationState
from core.services.boosts.admission_commands import DecideApplication
from core.services.boosts.application_commands import RateCampaign, SubmitApplication, WithdrawApplication
from core.services.boosts.campaigns import campaign_in, own_application
from core.services.boosts.sweeps import move_up
from core.services.boosts.views import ApplicationView, application_view
from core.services.common.actors import Actor
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult, Page
from core.services.common.validation import checked_key, checked_words
from core.store.queries import boosts as stored


async def apply(
    ledger: LedgerService, *, actor: Actor, key: str, campaign_id: str, answers: Mapping[str, Any] | None = None
) -> CommandResult[ApplicationView]:
    """Apply for a campaign. By arrival the answer says whether one is in; otherwise it is told later.

    Raises Refused: already_applied (with its state), campaign_closed, not_allowed, account_frozen, invalid_request.
    """
    number = parse_id(Prefix.CAMPAIGN, campaign_id)
    receipt = await ledger.execute(
        SubmitApplication(actor.org_id, actor.member_id, checked_key(key), number, dict(answers or {}))
    )
    return CommandResult(await _own(ledger, actor, number), receipt.replayed)


async def withdraw(ledger: LedgerService, *, actor: Actor, campaign_id: str) -> CommandResult[ApplicationView]:
    """Take one's application back; a boost that runs ends, and the next who waits moves up."""
    number = parse_id(Prefix.CAMPAIGN, campaign_id)
    receipt = await ledger.execute(WithdrawApplication(actor.org_id, actor.member_id, number, actor.member_id))
    await move_up(ledger, await ledger.read(lambda connection: campaign_in(connection, actor, number)))
    return CommandResult(await _own(ledger, actor, number), receipt.replayed)


async def rate(
    ledger: LedgerService, *, actor: Actor, key: str, campaign_id: str, rating: int, words: str | None = None
) -> CommandResult[ApplicationView]:
    """Say what a boost was worth, from 1 (nothing) to 5 (much). Only who was admitted is asked."""
    if not 1 <= rating <= 5:
        raise Refused(Code.INVALID_REQUEST, "The rating is a number from 1 to 5.", field="rating")
    number = parse_id(Prefix.CAMPAIGN, campaign_id)
    said = checked_words(words, "words")
    receipt = await ledger.execute(RateCampaign(actor.org_id, actor.member_id, checked_key(key), number, rating, said))
    return CommandResult(await _own(ledger, actor, number), receipt.replayed)


async def decide(
    ledger: LedgerService,
    *,
    actor: Actor,
    campaign_id: str,
    application_id: str,
    verdict: ApplicationState,
    reason: str | None = None,
) -> CommandResult[ApplicationView]:
    """Admit or refuse by hand, by an admin. Raises Refused: application_decided, campaign_full, campaign_closed."""
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can decide applications.")
    campaign, number = parse_id(Prefix.CAMPAIGN, campaign_id), parse_id(Prefix.APPLICATION, application_id)
    words = checked_words(reason, "reason")
    receipt = await ledger.execute(DecideApplication(actor.org_id, actor.member_id, campaign, number, verdict, words))

    def find(connection: Connection) -> ApplicationView:
        found = stored.application(connection, actor.org_id, number)
        assert found is not None, "the journal has just decided it"
        return _views(connection, actor, [found])[0]

    return CommandResult(await ledger.read(find), receipt.replayed)


async def applications(
    ledger: LedgerService,
    *,
    actor: Actor,
    campaign_id: str,
    state: ApplicationState | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[ApplicationView]:
    """Return a campaign's applications to an admin, by state and in the order in which they move up."""
    if not actor.is_admin:
        raise Refused(Code.NOT_ALLOWED, "Only an admin can see who has applied.")
    number, size, after = parse_id(Prefix.CAMPAIGN, campaign_id), checked_limit(limit), None
    if cursor is not None:
        last_state, rank, last = place_of(cursor, (str, int, int))
        after = (str(last_state), int(rank), int(last))

    def find(connection: Connection) -> Page[ApplicationView]:
        campaign_in(connection, actor, number)
        found = stored.applications(connection, actor.org_id, number, state=state, after=after, limit=size + 1)
        last = found[size - 1] if len(found) > size else None
        following = None if last is None else cursor_of(last.state.value, last.rank, last.application_id)
        return Page(tuple(_views(connection, actor, found[:size])), following)

    return await ledger.read(find)


def _views(connection: Connection, actor: Actor, found: list[Application]) -> list[ApplicationView]:
    named = stored.subjects_of(connection, actor.org_id, {each.member_id for each in found}, kinds=("member",))
    return [application_view(each, named, None) for each in found]


async def _own(ledger: LedgerService, actor: Actor, number: int) -> ApplicationView:
    def find(connection: Connection) -> ApplicationView:
        mine = own_application(connection, actor, campaign_in(connection, actor, number))
        assert mine is not None, "the journal has just written it"
        return mine

    return await ledger.read(find)
