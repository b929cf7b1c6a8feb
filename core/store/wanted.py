"""What the commands of one batch need to have locked and read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from core.ledger.commands import Command, Needs
from core.ledger.records import Wish

Key = tuple[int, int]


@dataclass(slots=True)
class Wanted:
    """Everything the commands of one batch need, by (organisation, id)."""

    accounts: set[Key] = field(default_factory=set)
    positions: set[Key] = field(default_factory=set)
    members: set[Key] = field(default_factory=set)
    gifts: set[Key] = field(default_factory=set)
    judged: set[Key] = field(default_factory=set)  # gifts about which the teams of their senders decide
    claw_back: set[Key] = field(default_factory=set)
    debts_of: set[Key] = field(default_factory=set)
    given_by: set[Key] = field(default_factory=set)
    seats_of: set[Key] = field(default_factory=set)
    spending_of: set[Key] = field(default_factory=set)
    holds: set[Key] = field(default_factory=set)
    requests: set[Key] = field(default_factory=set)
    records: set[tuple[int, Wish]] = field(default_factory=set)
    _by_need: tuple[set[Any], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_need = tuple(getattr(self, name) for name in Needs._fields)

    def add(self, org: int, needs: Needs) -> None:
        """Add what a command of an organisation says it needs."""
        for found, wished in zip(self._by_need, needs, strict=True):
            if wished:
                found.update([(org, each) for each in wished])
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
