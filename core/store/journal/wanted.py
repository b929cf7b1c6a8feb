"""What the commands of one batch need to have locked and read."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any

from core.ledger.commands import Command, Needs
from core.ledger.records import Wish

Key = tuple[int, int]


class Wanted:
    """Everything the commands of one batch need, by (organisation, id)."""

    __slots__ = ("_by_need", "judged", *Needs._fields)

    members: set[Key]
    accounts: set[Key]
    positions: set[Key]
    gifts: set[Key]
    claw_back: set[Key]
    debts_of: set[Key]
    given_by: set[Key]
    seats_of: set[Key]
    records: set[tuple[int, Wish]]
    spending_of: set[Key]
    holds: set[Key]
    requests: set[Key]

    def __init__(self) -> None:
        self._by_need: list[set[Any]] = [set() for _ in Needs._fields]
        for name, found in zip(Needs._fields, self._by_need, strict=True):
            setattr(self, name, found)
        self.judged: set[Key] = set()  # gifts about which the teams of their senders decide

    def add(self, org: int, needs: Needs) -> None:
        """Add what a command of an organisation says it needs."""
        for found, wished in zip(self._by_need, needs, strict=True):
            if wished:
                found.update(zip(repeat(org), wished))
        if needs.claw_back:
            self.gifts.update([(org, gift) for gift in needs.claw_back])
        if needs.gifts and needs.seats_of:
            self.judged.update([(org, gift) for gift in needs.gifts])


def wanted_by(commands: Iterable[Command]) -> Wanted:
    """Collect what the commands say they need."""
    wanted = Wanted()
    for command in commands:
        wanted.add(command.org_id, command.needs)
    return wanted
