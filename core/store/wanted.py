"""What the commands of one batch need to have locked and read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

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

    def add(self, org: int, needs: Needs) -> None:
        """Add what a command of an organisation says it needs."""
        for found, numbers in (
            (self.members, needs.members),
            (self.accounts, needs.accounts),
            (self.positions, needs.positions),
            (self.gifts, needs.gifts),
            (self.gifts, needs.claw_back),
            (self.judged, needs.gifts if needs.seats_of else ()),
            (self.claw_back, needs.claw_back),
            (self.debts_of, needs.debts_of),
            (self.given_by, needs.given_by),
            (self.seats_of, needs.seats_of),
            (self.spending_of, needs.spending_of),
            (self.holds, needs.holds),
            (self.requests, needs.requests),
        ):
            if numbers:
                found.update([(org, number) for number in numbers])
        if needs.records:
            self.records.update([(org, wish) for wish in needs.records])


def wanted_by(commands: Iterable[Command]) -> Wanted:
    """Collect what the commands say they need."""
    wanted = Wanted()
    for command in commands:
        wanted.add(command.org_id, command.needs)
    return wanted
