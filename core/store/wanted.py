"""What the commands of one batch need to have locked and read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.ledger.commands import Command
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
    records: set[tuple[int, Wish]] = field(default_factory=set)


def wanted_by(commands: Iterable[Command]) -> Wanted:
    """Collect what the commands say they need."""
    wanted = Wanted()
    for command in commands:
        needs, org = command.needs, command.org_id
        for found, numbers in (
            (wanted.members, needs.members),
            (wanted.accounts, needs.accounts),
            (wanted.positions, needs.positions),
            (wanted.gifts, needs.gifts),
            (wanted.gifts, needs.claw_back),
            (wanted.judged, needs.gifts if needs.seats_of else ()),
            (wanted.claw_back, needs.claw_back),
            (wanted.debts_of, needs.debts_of),
            (wanted.given_by, needs.given_by),
            (wanted.seats_of, needs.seats_of),
            (wanted.spending_of, needs.spending_of),
            (wanted.holds, needs.holds),
        ):
            for number in numbers:
                found.add((org, number))
        wanted.records.update((org, wish) for wish in needs.records)
    return wanted
