"""Rate cards: what is in force, and loading an organization's own. A load adds facts; the past is never re-priced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.metering.ratecards import RateCard, RateRow, Rates
from core.metering.ratefile import read_rate_rows
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.people.members import require_admin
from core.services.usage.ratecard_cache import published_rate_cards
from core.store.queries import organizations, ratecards

MAX_LOADED: Final = 100_000  # rows of one organization, over all its loads

__all__ = ["CardView", "LoadView", "RateView", "card_at", "load_rate_cards", "published_rate_cards", "rate_card"]


@dataclass(frozen=True, slots=True)
class RateView:
    """A row in force: credits per million tokens as exact decimals; null is not charged."""

    model: str
    provider: str | None
    effective_from: date
    input: str
    cached_input: str
    cache_write: str | None
    cache_write_1h: str | None
    output: str
    tiers: dict[str, str]
    source: str | None
    load: int
    loaded_at: datetime | None


@dataclass(frozen=True, slots=True)
class CardView:
    """The rates in force at an instant, as known after ``load``; 0 is what comes with the house."""

    version: str
    at: datetime
    load: int
    rows: tuple[RateView, ...]


@dataclass(frozen=True, slots=True)
class LoadView:
    """What a load did, or would do: ``load`` is its number, and the last one's when nothing in it was new.

    ``version`` names the rates that are in force now, once it is loaded.
    """

    load: int
    added: int
    corrected: int
    unchanged: int
    version: str
    dry_run: bool


async def rate_card(
    ledger: LedgerService, *, actor: Actor, at: datetime | None = None, load: int | None = None
) -> CardView:
    """Return the organization's rates in force at an instant (default: now), by model.

    With ``load`` they are told as they were known after that load, so that every version an event was ever rated
    by can be found again. Raises Refused(invalid_request) before the first card, not_found for no such load.
    """
    moment = at or ledger.clock()

    def find(connection: Connection) -> CardView:
        shelved = ledger.ratecard_cache.of(connection, actor.org_id)
        cards = shelved.cards
        if load is not None:
            if not 0 <= load <= shelved.load:
                raise Refused(Code.NOT_FOUND, f"There is no load {load}; the last one is {shelved.load}.")
            own = ratecards.loaded_rows(connection, org_id=actor.org_id)
            cards = published_rate_cards().with_loads(row for row in own if row.load <= load)
        try:
            rows, card = cards.rows_at(moment), cards.at(moment)
        except ValueError as wrong:
            raise _too_early(wrong) from None
        known = shelved.load if load is None else load
        views = tuple(_rate_view(row, card.rates_for(model)[0]) for model, row in sorted(rows.items()))
        return CardView(card.version, moment, known, views)

    return await ledger.read(find)


async def card_at(ledger: LedgerService, *, org_id: int, at: datetime, version: str | None = None) -> RateCard:
    """Return the card by which an organization's usage at an instant is rated.

    With ``version`` it is the card of that name even if a later load has corrected it: what was authorized by a
    card is charged by it (S3). Raises Refused(invalid_request) before the first one.
    """
    shelved = await ledger.cards.get(org_id, lambda: ledger.read(lambda c: ledger.ratecard_cache.of(c, org_id)))
    try:
        card = shelved.at(at)
        if version is None or version == card.version:
            return card
    except ValueError as wrong:
        raise _too_early(wrong) from None
    named = await ledger.read(lambda c: ledger.ratecard_cache.named(c, org_id, version, at))
    return card if named is None else named


async def load_rate_cards(ledger: LedgerService, *, actor: Actor, document: object, dry_run: bool = False) -> LoadView:
    """Load a parsed file of rate cards, by an admin: rows that are new or say something else become a new load.

    Nothing that was rated changes; from now on the corrected rows count. The same file again loads nothing.
    Raises Refused: not_allowed, invalid_request naming the row.
    """
    require_admin(actor)
    try:
        rows = read_rate_rows(document)
    except ValueError as wrong:
        raise _wrong(wrong) from None
    now = ledger.clock()

    def load(connection: Connection) -> LoadView:
        organizations.lock_organization(connection, org_id=actor.org_id)
        own = ratecards.loaded_rows(connection, org_id=actor.org_id)
        view, fresh = _weighed(own, rows, now, dry_run=dry_run)
        if fresh and not dry_run:
            ratecards.add_rows(connection, fresh, org_id=actor.org_id, loaded_by=actor.member_id, loaded_at=now)
        return view

    return await (ledger.read(load) if dry_run else ledger.write(load))


def _weighed(
    own: Sequence[RateRow], rows: Sequence[RateRow], now: datetime, *, dry_run: bool
) -> tuple[LoadView, list[RateRow]]:
    """Return what loading the rows does, and those of them that are to be stored."""
    known = {(row.model, row.effective_from): row.fact for row in own}  # in the order of loads: the last one counts
    last = own[-1].load if own else 0
    fresh = [replace(row, load=last + 1) for row in rows if known.get((row.model, row.effective_from)) != row.fact]
    if len(own) + len(fresh) > MAX_LOADED:
        raise _wrong(f"an organization has at most {MAX_LOADED:,} rows over all its loads")
    try:
        version = published_rate_cards().with_loads([*own, *fresh]).at(now).version
    except ValueError as wrong:
        raise _wrong(wrong) from None
    corrected = sum((row.model, row.effective_from) in known for row in fresh)
    number = last + 1 if fresh else last
    return LoadView(number, len(fresh) - corrected, corrected, len(rows) - len(fresh), version, dry_run), fresh


def _rate_view(row: RateRow, rates: Rates) -> RateView:
    return RateView(
        model=row.model,
        provider=row.provider,
        effective_from=row.effective_from,
        input=str(rates.input),
        cached_input=str(rates.cached_input),
        cache_write=str(rates.cache_write) if rates.cache_write else None,
        cache_write_1h=str(rates.cache_write_1h) if rates.cache_write_1h else None,
        output=str(rates.output),
        tiers={tier.name: tier.shown() for tier in rates.tiers or ()},
        source=row.source,
        load=row.load,
        loaded_at=row.loaded_at,
    )


def _wrong(problem: ValueError | str) -> Refused:
    return Refused(Code.INVALID_REQUEST, f"Nothing was loaded: {problem}.", field="rows")


def _too_early(problem: ValueError) -> Refused:
    sentence = str(problem)
    return Refused(Code.INVALID_REQUEST, f"{sentence[:1].upper()}{sentence[1:]}.", field="at")
