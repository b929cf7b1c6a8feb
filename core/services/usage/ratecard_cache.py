"""The rate cards a process has at hand: read again only when an organization has loaded new ones.

Every look asks, in the same read, for the number of the newest load, so that several processes agree. Who cannot
afford a read for each request keeps what it saw for a second (fresh.py).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from typing import Final

from sqlalchemy import Connection

from core.metering.ratecards import SHIPPED, RateCard, RateCards
from core.metering.ratefile import read_rate_cards
from core.store.queries import ratecards

MAX_ORGANISATIONS: Final = 1_000  # whose cards are kept
MAX_DAYS: Final = 400  # whose card is kept for each of them
_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CachedRateCards:
    """An organization's cards as of a load, with the card of each day that was asked for."""

    load: int
    cards: RateCards
    _by_day: dict[date, RateCard] = field(default_factory=dict)

    def at(self, moment: datetime) -> RateCard:
        """Return the card in force at an aware instant. Raises ValueError before the first one."""
        day = moment.astimezone(UTC).date()
        card = self._by_day.get(day)
        if card is None:
            card = self.cards.at(moment)
            if len(self._by_day) >= MAX_DAYS:
                self._by_day.clear()
            self._by_day[day] = card
        return card


class RateCardCache:
    """Cards by organization; one for a process."""

    def __init__(self) -> None:
        self._shelved: dict[int, CachedRateCards] = {}
        self._named: dict[tuple[int, str], RateCard] = {}  # for good: a card's name is a digest of what it says

    def of(self, connection: Connection, org_id: int) -> CachedRateCards:
        """Return an organization's cards as they are now."""
        newest = ratecards.newest_load(connection, org_id=org_id)
        if newest == SHIPPED:
            return self._shipped
        kept = self._shelved.get(org_id)
        if kept is None or kept.load != newest:
            own = ratecards.loaded_rows(connection, org_id=org_id)
            kept = CachedRateCards(own[-1].load, self._shipped.cards.with_loads(own))
            if len(self._shelved) >= MAX_ORGANISATIONS:
                self._shelved.clear()
            self._shelved[org_id] = kept
        return kept

    def named(self, connection: Connection, org_id: int, version: str, at: datetime) -> RateCard | None:
        """Return the card of that name, by which something was authorized that was opened at an instant.

        When it was loaded does not tell: a server knows of a load up to a second late, and two may share an instant.
        So the loads are gone through from the newest on; also for the day before, as midnight may lie between the look
        at the card and the opening. Return None where the software has brought other published figures since.
        """
        if (kept := self._named.get((org_id, version))) is not None:
            return kept
        own = ratecards.loaded_rows(connection, org_id=org_id)
        for load in sorted({SHIPPED, *(row.load for row in own)}, reverse=True):
            cards = self._shipped.cards.with_loads([row for row in own if row.load <= load])
            for moment in (at, at - _A_DAY):
                with suppress(ValueError):  # none was in force then
                    card = cards.at(moment)
                    if card.version == version:
                        return self._keep(org_id, card)
        return None

    def _keep(self, org_id: int, card: RateCard) -> RateCard:
        if len(self._named) >= MAX_ORGANISATIONS:
            self._named.clear()
        self._named[org_id, card.version] = card
        return card

    @cached_property
    def _shipped(self) -> CachedRateCards:
        return CachedRateCards(SHIPPED, published_rate_cards())


def published_rate_cards() -> RateCards:
    """Read the shipped file ``core/metering/ratecards.json``: the published figures, as they stand."""
    return read_rate_cards(files("core.metering").joinpath("ratecards.json").read_text(encoding="utf-8"))
