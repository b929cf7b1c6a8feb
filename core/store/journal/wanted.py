"""What the commands of one batch need to have locked and read."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from core.ledger.commands import Command, Needs
from core.ledger.records import Wish

Key = tuple[int, int]


class Wanted:
    """Everything the commands of one batch need, by (organisation, id): a set for each field of ``Needs``."""

    __slots__ = ("judged", *Needs._fields)

    def __init__(self) -> None:
        self.members: set[Key] = set()
        self.accounts: set[Key] = set()
        self.positions: set[Key] = set()
        self.gifts: set[Key] = set()
        self.claw_back: set[Key] = set()
        self.debts_of: set[Key] = set()
        self.given_by: set[Key] = set()
        self.seats_of: set[Key] = set()
        self.records: set[tuple[int, Wish]] = set()
        self.spending_of: set[Key] = set()
        self.holds: set[Key] = set()
        self.requests: set[Key] = set()
        self.judged: set[Key] = set()  # gifts about which the teams of their senders decide

    def add(self, org: int, needs: Needs) -> None:
        """Add what a command of an organisation says it needs."""
        for name, wished in zip(Needs._fields, needs, strict=True):
            if wished:
                getattr(self, name).update(zip(repeat(org), wished))
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
