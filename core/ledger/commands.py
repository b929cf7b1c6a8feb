"""The shape of a command: what it needs, and the decision it takes. Pure; the journal carries it out.

One command and five thousand are decided by the same code, each in turn on the same working state (L7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from core.ledger.batch import BatchState
from core.ledger.records import RecordQuery

# The actor of commands that nobody in person gave: settlement, expiry, usage.
SYSTEM: Final = 0


class ReadSet(NamedTuple):
    """What must be locked and read before a decision.

    Each member's wallet and each account is locked; the two sides of each gift are found, locked and read too, and
    the teams of its sender when ``seats_of`` names anybody.
    """

    members: tuple[int, ...] = ()  # facts of these people
    accounts: tuple[int, ...] = ()  # further accounts to lock: pools
    positions: tuple[int, ...] = ()  # accounts whose positions are read; each is also locked
    gifts: tuple[int, ...] = ()  # gifts with their draws, and both sides
    claw_back: tuple[int, ...] = ()  # gifts whose recipient's positions and open gifts matter too
    debts_of: tuple[int, ...] = ()  # accounts whose debts are repaid from what they receive
    given_by: tuple[int, ...] = ()  # people whose gifts of the last day count
    seats_of: tuple[int, ...] = ()  # people whose teams matter
    records: tuple[RecordQuery, ...] = ()  # what stands beside the books; see records.py
    spending_of: tuple[int, ...] = ()  # people whose usage is paid: their wallets, pools, windows, caps and boosts
    holds: tuple[int, ...] = ()  # holds with what they set aside, and all that the spending of their members needs
    requests: tuple[int, ...] = ()  # requests for credits with their pledges, their asker and who may have to give


class Command(Protocol):
    """Something to be done once: a key in the name space of its actor, a digest of its content, a decision."""

    @property
    def org_id(self) -> int: ...
    @property
    def actor_id(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def digest(self) -> bytes:
        """Of the parsed content, so that the same key with other content is told apart (L6)."""
        ...

    @property
    def count(self) -> int:
        """How many ids of its own it needs; they follow one another."""
        ...

    @property
    def needs(self) -> ReadSet: ...

    def decide(self, batch: BatchState) -> object:
        """Refuse, or write the effects into the book. Raises Refused; then nothing of it is kept.

        What it returns is told to the caller with the receipt.
        """
        ...


@dataclass(slots=True)  # not frozen, which makes them three times as dear; nobody changes them
class Receipt:
    """A command took effect, durably: the ids it was given, and whether it had done so before (L6).

    ``result`` is what its decision returned; one that had taken effect before has none.
    """

    first_id: int
    count: int
    replayed: bool
    result: object = None

    @property
    def ids(self) -> range:
        return range(self.first_id, self.first_id + self.count)
