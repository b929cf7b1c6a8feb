"""The rate cards a process has at hand: read again only when an organisation has loaded new ones.

Every look asks, in the same read, for the number of the newest load, so that several processes agree. Who cannot
afford a read for each request keeps what it saw for a second (fresh.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.resources import files
from typing import Final

from sqlalchemy import Connection

from core.metering.ratecards import SHIPPED, RateCard, RateCards
from core.metering.ratefile import read_rate_cards
from core.store import ratecards

MAX_ORGANISATIONS: Final = 1_000  # whose cards are kept
MAX_DAYS: Final = 400  # whose card is kept for each of them


@dataclass(frozen=True, slots=True)
class Shelved:
    """An organisation's cards as of a load, with the card of each day that was asked for."""

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


class RateShelf:
    """Cards by organisation; one for a process."""

    def __init__(self) -> None:
        self._shelved: dict[int, Shelved] = {}

    def of(self, connection: Connection, org_id: int) -> Shelved:
        """Return an organisation's cards as they are now."""
        newest = ratecards.newest_load(connection, org_id=org_id)
        if newest == SHIPPED:
            return self._shipped
        kept = self._shelved.get(org_id)
        if kept is None or kept.load != newest:
            own = ratecards.loaded_rows(connection, org_id=org_id)
            kept = Shelved(own[-1].load, self._shipped.cards.with_loads(own))
            if len(self._shelved) >= MAX_ORGANISATIONS:
                self._shelved.clear()
            self._shelved[org_id] = kept
        return kept

    @cached_property
    def _shipped(self) -> Shelved:
        return Shelved(SHIPPED, published_rate_cards())


def published_rate_cards() -> RateCards:
    """Read the shipped file ``core/metering/ratecards.json``: the published figures, as they stand."""
    return read_rate_cards(files("core.metering").joinpath("ratecards.json").read_text(encoding="utf-8"))
