"""The rate cards that come with the house: the published figures, as they stand."""

from __future__ import annotations

from importlib.resources import files

from core.metering.ratecards import RateCards
from core.metering.ratefile import read_rate_cards


def published_rate_cards() -> RateCards:
    """Read the shipped file ``core/metering/ratecards.json``."""
    return read_rate_cards(files("core.metering").joinpath("ratecards.json").read_text(encoding="utf-8"))
