"""What is stored is compared with what was seen to be committed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from core.ledger.accounts import AccountKind, account_id, is_stored
from tests.simulation.books import (
    Books,
    Boost,
    Window,
)
from tests.simulation.reader import Reader
from tests.simulation.records import Records
from tests.simulation.sharing_rules import compare
from tests.simulation.spending_limits import SpendingLimits

_BOOST: Final = "SELECT boost_id, subject_id, factor, starts_at, ends_at, campaign_id FROM boost"


@dataclass(frozen=True, slots=True)
class StoredChecks:
    """Compares the rows of the database with the books, by organization, account, gift, hold and window."""

    reader: Reader
    books: Books
    records: Records
    limits: dict[int, SpendingLimits]
    orgs: tuple[int, ...]

    def boosts(self) -> dict[int, Boost]:
        return {number: boost for limits in self.limits.values() for number, boost in limits.boosts.items()}

    def check_positions(self, accounts: set[tuple[int, int]]) -> None:
        """L2, L3: what is stored is the sum of the entries, and nothing is below zero."""
        for org, account in sorted(accounts):
            if is_stored(account):
                query = "SELECT lot_id, remaining FROM position WHERE org_id = ? AND account_id = ?"
                stored = dict(self.reader.rows(query, org, account))
                summed = {lot: amount for lot, amount in self.books.held[org, account].items() if amount}
                assert stored == summed, f"account {account} holds {stored}, its entries make {summed} (L3)"
                assert all(amount > 0 for amount in stored.values()), f"account {account} holds {stored} (L2)"

    def check_gifts(self, numbers: set[int]) -> None:
        for number in numbers:
            query = "SELECT state, settles_at FROM gift WHERE org_id = ? AND gift_id = ?"
            gift = self.books.gifts[number]
            stored = self.reader.rows(query, gift.org, number)
            assert stored == [(gift.state, gift.settles_at)], f"{gift} is stored as {stored}"
            whole = gift.arrived in {0, gift.amount}
            assert whole, f"{gift} has arrived in part (L9)"

    def check_holds(self, numbers: set[int]) -> None:
        for number in numbers:
            query = "SELECT state, charged, overage, is_late FROM hold WHERE org_id = ? AND hold_id = ?"
            hold = self.books.holds[number]
            stored = [(*facts, bool(late)) for *facts, late in self.reader.rows(query, hold.org, number)]
            due = (hold.state, hold.charged, hold.overage, hold.is_late)
            assert stored == [due], f"{hold} is stored as {stored} (S2)"

    def check_requests(self, numbers: set[int]) -> None:
        for number in numbers:
            request = self.books.requests[number]
            query = "SELECT state, given FROM credit_request WHERE org_id = ? AND request_id = ?"
            (stored,) = self.reader.rows(query, request.org, number)
            query = """SELECT member_id, amount, was_asked, has_declined, gift_id FROM pledge
                       WHERE org_id = ? AND request_id = ?"""
            compare(self.books, request, tuple(stored), self.reader.rows(query, request.org, number))

    def check_campaigns(self) -> None:
        """S7: each application is where it was brought to, and the counters count them."""
        query = "SELECT application_id, member_id, state FROM application"
        stored = {number: (member, state) for number, member, state in self.reader.rows(query)}
        campaigns = self.books.campaigns
        known = {n: (each.member, each.state) for one in campaigns.values() for n, each in one.applications.items()}
        assert stored == known, "applications are not where they were brought to (S7)"
        states = ("applied", "admitted", "waitlisted", "refused", "withdrawn")
        rows = self.reader.rows(f"SELECT campaign_id, {', '.join(states)} FROM campaign")
        counted = {number: [one.count(state) for state in states] for number, one in campaigns.items()}
        assert {number: list(counts) for number, *counts in rows} == counted, "campaigns count wrong (S7)"

    def check_boosts(self) -> None:
        stored = {number: Boost(*facts) for number, *facts in self.reader.rows(_BOOST)}
        assert stored == self.boosts(), "boosts are not what was given and ended (S6)"

    def check_windows(self, windows: set[Window]) -> None:
        """S5, S6: what is stored as used is the sum of the postings, and nothing is below zero."""
        for window in windows:
            query = """SELECT closes_at, used FROM usage_window
                       WHERE org_id = ? AND member_id = ? AND meter = ? AND opens_at = ?"""
            used = self.books.used[window]
            stored = self.reader.rows(query, *window[:4])
            assert stored == [(window[4], used)], f"{window}: {used} was used, but {stored} is stored (L3)"
            assert used >= 0, f"{window}: {used} was used (S6)"

    def check_clearing(self) -> None:
        """L9: what the two owe one another differs by what is on its way, and by nothing else."""
        ours, theirs = self.orgs
        between = [(ours, account_id(theirs, AccountKind.CLEARING)), (theirs, account_id(ours, AccountKind.CLEARING))]
        assert sum(map(self.books.amount_in, between)) == self.in_flight()

    def in_flight(self) -> int:
        """What has left one organization and not reached the other."""
        crossing = [gift for gift in self.books.gifts.values() if gift.recipient_org and gift.state == "settled"]
        return sum(gift.amount for gift in crossing if not gift.arrived)

    def nothing_lapsed_is_left(self, now: int) -> None:
        """L5: in the end the job has booked whatever lapsed, however often a clock that was set back revived it."""
        for account, lots in self.books.held.items():
            left = [lot for lot, amount in lots.items() if amount and self.books.lots[lot].expired(now)]
            assert not left or not is_stored(account[1]), f"account {account} still holds lots {left} (L5)"

    def everything(self) -> None:
        """Compare all that is stored with all that was seen to be committed."""
        query = "SELECT org_id, account_id, lot_id, remaining FROM position"
        stored = {tuple(place): amount for *place, amount in self.reader.rows(query)}
        summed = {
            (*account, lot): amount
            for account, lots in self.books.held.items()
            if is_stored(account[1])
            for lot, amount in lots.items()
            if amount
        }
        assert stored == summed, "positions are not the sums of their entries (L3)"
        self.check_sums(sum(stored.values()))
        self.check_gifts(set(self.books.gifts))
        self.check_holds(set(self.books.holds))
        self.check_requests(set(self.books.requests))
        self.check_campaigns()
        self.check_boosts()
        self.check_windows(set(self.books.used))
        self.check_counts()
        self.check_debts()
        self.check_people()
        self.check_deliveries()

    def check_counts(self) -> None:
        """Nothing is there that was not seen to be committed: every key and row belongs to some command."""
        books = self.books
        tables = ("transfer", "entry", "gift", "hold", "usage_event", "usage_window", "credit_request", "command")
        counts = [self.reader.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables]
        spent = [len(books.holds), books.charged, len(books.used), len(books.requests)]
        seen = [books.transfers, books.entries, len(books.gifts), *spent, len(self.records.bound)]
        assert counts == seen, f"the tables {tables} have {counts} rows, {seen} were seen to be committed"

    def check_debts(self) -> None:
        rows = self.reader.rows("SELECT cause_id, amount, repaid, coalesce(cancelled, 0) FROM obligation")
        stored = {cause: tuple(facts) for cause, *facts in rows}
        owed = {debt.cause: (debt.amount, debt.repaid, debt.cancelled) for debt in self.books.debts.values()}
        assert stored == owed, "debts (G6, S2)"

    def check_people(self) -> None:
        query = "SELECT member_id FROM member WHERE {} IS NOT NULL"
        frozen = {row[0] for row in self.reader.rows(query.format("frozen_at"))}
        gone = {row[0] for row in self.reader.rows(query.format("deactivated_at"))}
        assert (frozen, gone) == (self.books.frozen, self.books.gone), "who is frozen or has left (G4, G8)"

    def check_sums(self, held: int) -> None:
        """The sum over everything issued: in somebody's hands, used, lapsed or on its way, and nowhere else."""
        totals: Counter[AccountKind] = Counter()
        for (_, account), lots in self.books.held.items():
            totals[AccountKind(account & 7)] += sum(lots.values())
        elsewhere = totals[AccountKind.CONSUMED] + totals[AccountKind.BREAKAGE] + totals[AccountKind.CLEARING]
        granted = sum(lot.amount for lot in self.books.lots.values() if lot.origin is None)
        assert -totals[AccountKind.ISSUANCE] == granted == held + elsewhere, "credits came or went (L1)"

    def check_deliveries(self) -> None:
        """L9: whatever has left is on the list, until both sides are done."""
        query = "SELECT gift_id, state FROM delivery"
        listed = dict(self.reader.rows(query))
        left = {
            n for n, gift in self.books.gifts.items() if gift.recipient_org and gift.state in {"settled", "returned"}
        }
        left = {n for n in left if self.books.gifts[n].state == "settled" or self.books.gifts[n].refused}
        assert set(listed) == left, "what has left is not what is to be delivered (L9)"
        for number, state in listed.items():
            gift = self.books.gifts[number]
            done = {"arrived": bool(gift.arrived), "bounced": gift.state == "returned", "queued": True}
            assert done[state], f"{gift} is marked as {state}"
