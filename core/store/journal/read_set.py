"""What the commands of one batch need to have locked and read."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from core.ledger.commands import Command, ReadSet
from core.ledger.records import RecordQuery

RowKey = tuple[int, int]


class BatchReadSet:
    """Everything the commands of one batch need, by (organization, id): a set for each field of ``Needs``."""

    __slots__ = ("judged", *ReadSet._fields)

    def __init__(self) -> None:
        self.members: set[RowKey] = set()
        self.accounts: set[RowKey] = set()
        self.positions: set[RowKey] = set()
        self.gifts: set[RowKey] = set()
        self.claw_back: set[RowKey] = set()
        self.debts_of: set[RowKey] = set()
        self.given_by: set[RowKey] = set()
        self.seats_of: set[RowKey] = set()
        self.records: set[tuple[int, RecordQuery]] = set()
        self.spending_of: set[RowKey] = set()
        self.holds: set[RowKey] = set()
        self.requests: set[RowKey] = set()
        self.judged: set[RowKey] = set()  # gifts about which the teams of their senders decide

    def add(self, org: int, needs: ReadSet) -> None:
        """Add what a command of an organization says it needs."""
        for name, wished in zip(ReadSet._fields, needs, strict=True):
            if wished:
                getattr(self, name).update(zip(repeat(org), wished))
        if needs.claw_back:
            self.gifts.update([(org, gift) for gift in needs.claw_back])
        if needs.gifts and needs.seats_of:
            self.judged.update([(org, gift) for gift in needs.gifts])


def read_set_of(commands: Iterable[Command]) -> BatchReadSet:
    """Collect what the commands say they need."""
    wanted = BatchReadSet()
    for command in commands:
        wanted.add(command.org_id, command.needs)
    return wanted
