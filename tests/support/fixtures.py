"""What the random ledger test asks of a place where the real commands are carried out, and who is there.

Both begin with the people of ``PEOPLE`` and answer the same questions, so that one random test runs on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from core.ledger.commands import Command, Receipt
from core.ledger.errors import Refused
from core.store.drivers.driver import columns_of
from core.store.tables import UsageEventRow
from tests.model.model import Person, Shown
from tests.support.clock import SettableClock

PEOPLE = {
    "ada": Person("red", leads=True),
    "bo": Person("red"),
    "cy": Person("red"),
    "di": Person("blue", leads=True),
    "ed": Person("blue", verified=False),
}

DAY = timedelta(days=1)

USAGE_COLUMNS = columns_of(UsageEventRow)[2:]  # what a command says of one, after its two ids

Holdings = dict[tuple[int, int], int]


class World(Protocol):
    """Where commands take effect, and the present there."""

    clock: SettableClock
    org_id: int
    ids: dict[str, int]

    def execute(self, commands: Sequence[Command]) -> list[Receipt | Refused]:
        """Hand in commands together and return each one's answer."""

    def settle_due(self) -> None:
        """Settle every gift that is due, and give back what a rule sends back."""

    def expire_due(self) -> None:
        """Book what has lapsed, and give back the gifts that hold any of it."""

    def holdings(self) -> Holdings:
        """What each wallet, pool and escrow holds of each lot."""

    def debts(self) -> dict[int, int]:
        """What is still owed of each gift that was clawed back in part, and of each event that funds did not cover."""

    def free_due(self) -> None:
        """Free the holds whose deadline has passed."""

    def holds(self) -> dict[int, tuple[Any, ...]]:
        """Each hold: its state, amount, allowance, charged, overage, and whether it was captured late."""

    def events(self) -> dict[int, tuple[int, int, int]]:
        """Each usage event: its amount, what was included of it, what was left owing."""

    def windows(self) -> dict[tuple[int, str, datetime], int]:
        """What was used of each window, by whose it is, its meter and its beginning, without what is nothing."""

    def shown_to(self, name: str) -> Shown | None:
        """What a person is shown of their credits; None where nothing is shown."""

    def lines(self) -> list[tuple[int, int, int, int]]:
        """Every entry: transfer, account, lot and amount."""

    def gifts(self) -> dict[int, tuple[str, datetime]]:
        """The state of each gift, and when it settles."""
