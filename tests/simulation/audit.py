"""The invariants, checked after every commit on what that commit appended, and now and then on everything."""

from __future__ import annotations

from collections import Counter
from typing import Final

from core.policy.limits import Policy
from tests.simulation.batches import Batches, as_decided
from tests.simulation.books import (
    Books,
)
from tests.simulation.reader import Reader
from tests.simulation.records import Records
from tests.simulation.rules import Rules
from tests.simulation.spending_limits import SpendingLimits
from tests.simulation.stored_checks import StoredChecks
from tests.simulation.tally import Tally

# Entries and commands are kept in another order than their ids; finding those of a batch must not read them all.
_INDEXES: Final = (
    "CREATE INDEX simulation_entry ON entry (transfer_id)",
    "CREATE INDEX simulation_command ON command (first_id)",
)


class Audit:
    """Follows the seals of all writers, batch by batch, in the order of their commits."""

    def __init__(
        self,
        reader: Reader,
        records: Records,
        policies: dict[int, Policy],
        limits: dict[int, SpendingLimits],
        people: dict[int, int],
        tally: Tally,
    ) -> None:
        self.books = Books(people=people)
        orgs = tuple(sorted(policies))
        self._reader = reader
        self._batch = Batches(reader, records, orgs)
        self.stored = StoredChecks(reader, self.books, records, limits, orgs)
        self._policies = policies
        self._limits = limits
        self._tally = tally
        self._last_batch: Counter[int] = Counter()  # the last batch seen of each writer
        for statement in _INDEXES:
            reader.execute(statement)

    def after_commit(self, writer: int) -> int:
        """Take in what a writer has just committed, and return how many transfers that was."""
        query = "SELECT batch, first_id, last_id, transfers FROM seal WHERE writer_id = ? AND batch > ?"
        found = self._reader.rows(query, writer, self._last_batch[writer])
        assert len(found) <= 1, f"writer {writer} has sealed {len(found)} batches in one commit"
        for batch, first, last, number in found:
            assert batch == self._last_batch[writer] + 1, f"writer {writer} has left out a batch (L8)"
            self._last_batch[writer] = batch
            self._take_in(first, last, number)
        return found[0][3] if found else 0

    def _take_in(self, first: int, last: int, number: int) -> None:
        transfers = self._batch.transfers(first, last)
        assert len(transfers) == number, f"{len(transfers)} of {number} transfers are there"
        self.books.lots |= self._batch.lots(first, last)
        starts = self._batch.commands(first, last)
        called_in = {each.cause for each in transfers if each.kind == "gift_return" and each.number not in starts}
        gifts = self._batch.new_gifts(first, last, transfers)
        rules = Rules(
            self.books, self._policies, gifts, {gift for gift in called_in if gift is not None}, limits=self._limits
        )
        rules.new_holds = self._batch.new_holds(first, last, transfers)
        rules.events = self._batch.new_events(first, last)
        if any(each.kind in {"boost", "apply", "admit"} for each in transfers):
            rules.new_boosts = self._batch.new_boosts(self.stored.boosts())
        rules.new_refunds = self._batch.new_refunds(first, last)
        for transfer in as_decided(transfers, starts, self._batch.pledges(transfers, starts)):
            rules.take(transfer, starts.get(transfer.number))
            self._tally["transfer", transfer.kind] += 1
        rules.finish()
        self.stored.check_positions({(each.org, line.account) for each in transfers for line in each.lines})
        self.stored.check_gifts({each.cause for each in transfers if each.cause in self.books.gifts})
        self.stored.check_holds({each.cause for each in transfers if each.cause in self.books.holds})
        self.stored.check_requests({each.cause for each in transfers if each.cause in self.books.requests})
        if any(each.kind in {"apply", "withdraw", "admit"} for each in transfers):
            self.stored.check_campaigns()
        self.stored.check_windows({window for each in transfers for window, _ in each.windows})
        self.stored.check_clearing()
