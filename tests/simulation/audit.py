"""The invariants, checked after every commit on what that commit appended, and now and then on everything.

It reads with a connection of its own, so it sees only what is really there.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any, Final

import psycopg
from sqlalchemy import make_url

from core.ledger.accounts import AccountKind, account_id, is_stored
from core.policy.limits import Policy
from tests.simulation.books import (
    Books,
    Boost,
    Event,
    Gift,
    Hold,
    Line,
    Lot,
    Refund,
    Transfer,
    Window,
    draws_of,
    gift_of,
)
from tests.simulation.records import Bound, Records
from tests.simulation.rules import Rules
from tests.simulation.sharing_rules import compare
from tests.simulation.spending_limits import SpendingLimits
from tests.simulation.tally import Tally

# Entries and commands are kept in another order than their ids; finding those of a batch must not read them all.
_INDEXES: Final = (
    "CREATE INDEX simulation_entry ON entry (transfer_id)",
    "CREATE INDEX simulation_command ON command (first_id)",
)
_TRANSFER: Final = "SELECT org_id, transfer_id, kind, at, cause_id, settles_at FROM transfer"
_LOT: Final = """SELECT org_id, lot_id, source, expires_at, giftable, priority, amount, account_id, granted_at,
                 origin_org, origin_lot FROM lot"""
_GIFT: Final = """SELECT org_id, gift_id, sender_account, recipient_org, recipient_account, amount, created_at,
                  settles_at, decision FROM gift"""
_BOOST: Final = "SELECT boost_id, subject_id, factor, starts_at, ends_at, campaign_id FROM boost"
_BETWEEN: Final = "org_id IN (?, ?) AND {} BETWEEN ? AND ?"


class Reader:
    """A connection that only looks, on either database."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._is_sqlite = parsed.get_backend_name() == "sqlite"
        self._connection: Any
        if self._is_sqlite:
            self._connection = sqlite3.connect(str(parsed.database), isolation_level=None, check_same_thread=False)
        else:
            plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(plain, autocommit=True)

    def rows(self, query: str, *values: Any) -> list[Any]:
        text = query if self._is_sqlite else query.replace("?", "%s")
        found: list[Any] = self._connection.execute(text, values).fetchall()
        return found

    def execute(self, statement: str) -> None:
        self._connection.execute(statement)

    def close(self) -> None:
        self._connection.close()


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
        self._reader = reader
        self._records = records
        self._policies = policies
        self._limits = limits
        self._tally = tally
        self._orgs = tuple(sorted(policies))
        self._batches: Counter[int] = Counter()  # the last batch seen of each writer
        for statement in _INDEXES:
            reader.execute(statement)

    def after_commit(self, writer: int) -> int:
        """Take in what a writer has just committed, and return how many transfers that was."""
        query = "SELECT batch, first_id, last_id, transfers FROM seal WHERE writer_id = ? AND batch > ?"
        found = self._reader.rows(query, writer, self._batches[writer])
        assert len(found) <= 1, f"writer {writer} has sealed {len(found)} batches in one commit"
        for batch, first, last, number in found:
            assert batch == self._batches[writer] + 1, f"writer {writer} has left out a batch (L8)"
            self._batches[writer] = batch
            self._take_in(first, last, number)
        return found[0][3] if found else 0

    def _take_in(self, first: int, last: int, number: int) -> None:
        transfers = self._transfers(first, last)
        assert len(transfers) == number, f"{len(transfers)} of {number} transfers are there"
        self._take_lots(first, last)
        starts = self._commands(first, last)
        called_in = {each.cause for each in transfers if each.kind == "gift_return" and each.number not in starts}
        gifts = self._new_gifts(first, last, transfers)
        rules = Rules(
            self.books, self._policies, gifts, {gift for gift in called_in if gift is not None}, limits=self._limits
        )
        rules.new_holds = self._new_holds(first, last, transfers)
        rules.events = self._new_events(first, last)
        if any(each.kind in {"boost", "apply", "admit"} for each in transfers):
            rules.new_boosts = self._new_boosts()
        rules.new_refunds = self._new_refunds(first, last)
        for transfer in _as_decided(transfers, starts, self._pledges(transfers, starts)):
            rules.take(transfer, starts.get(transfer.number))
            self._tally["transfer", transfer.kind] += 1
        rules.finish()
        self._check_positions({(each.org, line.account) for each in transfers for line in each.lines})
        self._check_gifts({each.cause for each in transfers if each.cause in self.books.gifts})
        self._check_holds({each.cause for each in transfers if each.cause in self.books.holds})
        self._check_requests({each.cause for each in transfers if each.cause in self.books.requests})
        if any(each.kind in {"apply", "withdraw", "admit"} for each in transfers):
            self._check_campaigns()
        self._check_windows({window for each in transfers for window, _ in each.windows})
        self._check_clearing()

    def _transfers(self, first: int, last: int) -> list[Transfer]:
        rows = self._reader.rows(f"{_TRANSFER} WHERE {_BETWEEN.format('transfer_id')}", *self._orgs, first, last)
        found = {row[1]: Transfer(*row) for row in sorted(rows, key=lambda row: row[1])}
        query = """SELECT org_id, transfer_id, account_id, at, lot_id, amount FROM entry
                   WHERE transfer_id BETWEEN ? AND ? ORDER BY transfer_id, line"""
        for org, transfer, *line in self._reader.rows(query, first, last):
            assert found[transfer].org == org, f"transfer {transfer} is of two organisations (L9)"
            found[transfer].lines.append(Line(*line))
        query = """SELECT transfer_id, org_id, member_id, meter, opens_at, closes_at, amount FROM window_posting
                   WHERE org_id IN (?, ?) AND transfer_id BETWEEN ? AND ? ORDER BY transfer_id, line"""
        for transfer, *window, amount in self._reader.rows(query, *self._orgs, first, last):
            found[transfer].windows.append((tuple(window), amount))
        return list(found.values())

    def _take_lots(self, first: int, last: int) -> None:
        for row in self._reader.rows(f"{_LOT} WHERE {_BETWEEN.format('lot_id')}", *self._orgs, first, last):
            org, number, source, expires_at, giftable, priority, amount, account, granted_at, *origin = row
            twin_of = None if origin[0] is None else (origin[0], origin[1])
            lot = Lot(org, number, source, expires_at, bool(giftable), priority, amount, account, twin_of, granted_at)
            self.books.lots[number] = lot

    def _commands(self, first: int, last: int) -> dict[int, Any]:
        """Return whose each own id is. L6: each key that took effect is bound to what was sent under it."""
        query = "SELECT org_id, actor_id, key, digest, first_id, count FROM command WHERE first_id BETWEEN ? AND ?"
        starts: dict[int, Any] = {}
        for org, actor, key, digest, first_id, count in self._reader.rows(query, first, last):
            command = self._records.bind((org, actor, key), Bound(bytes(digest), first_id, count))
            starts.update(dict.fromkeys(range(first_id, first_id + count), command))
        return starts

    def _new_gifts(self, first: int, last: int, transfers: list[Transfer]) -> dict[int, Gift]:
        parts = {each.number: [(line.lot, line.amount) for line in each.lines[1::2]] for each in transfers}
        rows = self._reader.rows(f"{_GIFT} WHERE {_BETWEEN.format('gift_id')}", *self._orgs, first, last)
        found = {}
        for *facts, decision in rows:
            found[facts[1]] = gift_of(facts, parts[facts[1]], reviewed='"review"' in str(decision).replace("'", '"'))
        for each in transfers:  # as it was made; what came of it in the same batch follows
            if each.kind == "gift_reserve":
                assert each.settles_at is not None
                found[each.number].settles_at = each.settles_at
        return found

    def _pledges(self, transfers: list[Transfer], starts: dict[int, Any]) -> dict[int, list[Transfer]]:
        """Return the gifts that pledges became in this batch, by their request."""
        made = {each.number: each for each in transfers if each.kind == "gift_reserve" and each.number not in starts}
        if not made:
            return {}
        query = f"SELECT gift_id, request_id FROM pledge WHERE {_BETWEEN.format('gift_id')} ORDER BY gift_id"
        pledges: dict[int, list[Transfer]] = {}
        for gift, request in self._reader.rows(query, *self._orgs, min(made), max(made)):
            pledges.setdefault(request, []).append(made.pop(gift))
        assert not made, f"gifts without a command or a pledge: {made}"
        return pledges

    def _new_holds(self, first: int, last: int, transfers: list[Transfer]) -> dict[int, Hold]:
        """Return holds as they were opened, with what their transfers set aside."""
        query = f"""SELECT org_id, hold_id, member_id, amount, allowance, created_at, deadline_at FROM hold
                    WHERE {_BETWEEN.format("hold_id")}"""
        draws = {each.number: draws_of(each) for each in transfers if each.kind == "hold"}
        rows = self._reader.rows(query, *self._orgs, first, last)
        return {row[1]: Hold(*row, draws=draws[row[1]]) for row in rows}

    def _new_events(self, first: int, last: int) -> dict[int, Event]:
        query = f"""SELECT transfer_id, org_id, member_id, amount, coalesce(allowance, 0), coalesce(overage, 0)
                    FROM usage_event WHERE {_BETWEEN.format("transfer_id")}"""
        return {number: Event(*facts) for number, *facts in self._reader.rows(query, *self._orgs, first, last)}

    def _new_refunds(self, first: int, last: int) -> dict[int, Refund]:
        query = f"""SELECT transfer_id, charge_id, amount, cancelled, allowance FROM refund
                    WHERE {_BETWEEN.format("transfer_id")}"""
        return {number: Refund(*facts) for number, *facts in self._reader.rows(query, *self._orgs, first, last)}

    def _new_boosts(self) -> dict[int, Boost]:
        """Return those not seen before; that of a campaign has an id of its own, which lies beyond the transfers'."""
        known = self._boosts()
        return {number: Boost(*facts) for number, *facts in self._reader.rows(_BOOST) if number not in known}

    def _boosts(self) -> dict[int, Boost]:
        return {number: boost for limits in self._limits.values() for number, boost in limits.boosts.items()}

    def _check_positions(self, accounts: set[tuple[int, int]]) -> None:
        """L2, L3: what is stored is the sum of the entries, and nothing is below zero."""
        for org, account in sorted(accounts):
            if is_stored(account):
                query = "SELECT lot_id, remaining FROM position WHERE org_id = ? AND account_id = ?"
                stored = dict(self._reader.rows(query, org, account))
                summed = {lot: amount for lot, amount in self.books.held[org, account].items() if amount}
                assert stored == summed, f"account {account} holds {stored}, its entries make {summed} (L3)"
                assert all(amount > 0 for amount in stored.values()), f"account {account} holds {stored} (L2)"

    def _check_gifts(self, numbers: set[int]) -> None:
        for number in numbers:
            query = "SELECT state, settles_at FROM gift WHERE org_id = ? AND gift_id = ?"
            gift = self.books.gifts[number]
            stored = self._reader.rows(query, gift.org, number)
            assert stored == [(gift.state, gift.settles_at)], f"{gift} is stored as {stored}"
            whole = gift.arrived in {0, gift.amount}
            assert whole, f"{gift} has arrived in part (L9)"

    def _check_holds(self, numbers: set[int]) -> None:
        for number in numbers:
            query = "SELECT state, charged, overage, is_late FROM hold WHERE org_id = ? AND hold_id = ?"
            hold = self.books.holds[number]
            stored = [(*facts, bool(late)) for *facts, late in self._reader.rows(query, hold.org, number)]
            due = (hold.state, hold.charged, hold.overage, hold.is_late)
            assert stored == [due], f"{hold} is stored as {stored} (S2)"

    def _check_requests(self, numbers: set[int]) -> None:
        for number in numbers:
            request = self.books.requests[number]
            query = "SELECT state, given FROM credit_request WHERE org_id = ? AND request_id = ?"
            (stored,) = self._reader.rows(query, request.org, number)
            query = """SELECT member_id, amount, was_asked, has_declined, gift_id FROM pledge
                       WHERE org_id = ? AND request_id = ?"""
            compare(self.books, request, tuple(stored), self._reader.rows(query, request.org, number))

    def _check_campaigns(self) -> None:
        """S7: each application is where it was brought to, and the counters count them."""
        query = "SELECT application_id, member_id, state FROM application"
        stored = {number: (member, state) for number, member, state in self._reader.rows(query)}
        campaigns = self.books.campaigns
        known = {n: (each.member, each.state) for one in campaigns.values() for n, each in one.applications.items()}
        assert stored == known, "applications are not where they were brought to (S7)"
        states = ("applied", "admitted", "waitlisted", "refused", "withdrawn")
        rows = self._reader.rows(f"SELECT campaign_id, {', '.join(states)} FROM campaign")
        counted = {number: [one.count(state) for state in states] for number, one in campaigns.items()}
        assert {number: list(counts) for number, *counts in rows} == counted, "campaigns count wrong (S7)"

    def _check_boosts(self) -> None:
        stored = {number: Boost(*facts) for number, *facts in self._reader.rows(_BOOST)}
        assert stored == self._boosts(), "boosts are not what was given and ended (S6)"

    def _check_windows(self, windows: set[Window]) -> None:
        """S5, S6: what is stored as used is the sum of the postings, and nothing is below zero."""
        for window in windows:
            query = """SELECT closes_at, used FROM usage_window
                       WHERE org_id = ? AND member_id = ? AND meter = ? AND opens_at = ?"""
            used = self.books.used[window]
            stored = self._reader.rows(query, *window[:4])
            assert stored == [(window[4], used)], f"{window}: {used} was used, but {stored} is stored (L3)"
            assert used >= 0, f"{window}: {used} was used (S6)"

    def _check_clearing(self) -> None:
        """L9: what the two owe one another differs by what is on its way, and by nothing else."""
        ours, theirs = self._orgs
        between = [(ours, account_id(theirs, AccountKind.CLEARING)), (theirs, account_id(ours, AccountKind.CLEARING))]
        assert sum(map(self.books.amount_in, between)) == self.in_flight()

    def in_flight(self) -> int:
        """What has left one organisation and not reached the other."""
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
        stored = {tuple(place): amount for *place, amount in self._reader.rows(query)}
        summed = {
            (*account, lot): amount
            for account, lots in self.books.held.items()
            if is_stored(account[1])
            for lot, amount in lots.items()
            if amount
        }
        assert stored == summed, "positions are not the sums of their entries (L3)"
        self._check_sums(sum(stored.values()))
        self._check_gifts(set(self.books.gifts))
        self._check_holds(set(self.books.holds))
        self._check_requests(set(self.books.requests))
        self._check_campaigns()
        self._check_boosts()
        self._check_windows(set(self.books.used))
        self._check_counts()
        self._check_debts()
        self._check_people()
        self._check_deliveries()

    def _check_counts(self) -> None:
        """Nothing is there that was not seen to be committed: every key and row belongs to some command."""
        books = self.books
        tables = ("transfer", "entry", "gift", "hold", "usage_event", "usage_window", "credit_request", "command")
        counts = [self._reader.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables]
        spent = [len(books.holds), books.charged, len(books.used), len(books.requests)]
        seen = [books.transfers, books.entries, len(books.gifts), *spent, len(self._records.bound)]
        assert counts == seen, f"the tables {tables} have {counts} rows, {seen} were seen to be committed"

    def _check_debts(self) -> None:
        rows = self._reader.rows("SELECT cause_id, amount, repaid, coalesce(cancelled, 0) FROM obligation")
        stored = {cause: tuple(facts) for cause, *facts in rows}
        owed = {debt.cause: (debt.amount, debt.repaid, debt.cancelled) for debt in self.books.debts.values()}
        assert stored == owed, "debts (G6, S2)"

    def _check_people(self) -> None:
        query = "SELECT member_id FROM member WHERE {} IS NOT NULL"
        frozen = {row[0] for row in self._reader.rows(query.format("frozen_at"))}
        gone = {row[0] for row in self._reader.rows(query.format("deactivated_at"))}
        assert (frozen, gone) == (self.books.frozen, self.books.gone), "who is frozen or has left (G4, G8)"

    def _check_sums(self, held: int) -> None:
        """The sum over everything issued: in somebody's hands, used, lapsed or on its way, and nowhere else."""
        totals: Counter[AccountKind] = Counter()
        for (_, account), lots in self.books.held.items():
            totals[AccountKind(account & 7)] += sum(lots.values())
        elsewhere = totals[AccountKind.CONSUMED] + totals[AccountKind.BREAKAGE] + totals[AccountKind.CLEARING]
        granted = sum(lot.amount for lot in self.books.lots.values() if lot.origin is None)
        assert -totals[AccountKind.ISSUANCE] == granted == held + elsewhere, "credits came or went (L1)"

    def _check_deliveries(self) -> None:
        """L9: whatever has left is on the list, until both sides are done."""
        query = "SELECT gift_id, state FROM delivery"
        listed = dict(self._reader.rows(query))
        left = {
            n for n, gift in self.books.gifts.items() if gift.recipient_org and gift.state in {"settled", "returned"}
        }
        left = {n for n in left if self.books.gifts[n].state == "settled" or self.books.gifts[n].refused}
        assert set(listed) == left, "what has left is not what is to be delivered (L9)"
        for number, state in listed.items():
            gift = self.books.gifts[number]
            done = {"arrived": bool(gift.arrived), "bounced": gift.state == "returned", "queued": True}
            assert done[state], f"{gift} is marked as {state}"


def _as_decided(
    transfers: list[Transfer], starts: dict[int, Any], pledges: dict[int, list[Transfer]]
) -> list[Transfer]:
    """Return transfers in the order of their ids, except that what a late capture freed stands before it (S2), and
    gifts that were pledged stand behind what filled their request."""
    freed = {each.cause: each for each in transfers if each.kind == "hold_expire" and each.number not in starts}
    filled_by = {each.cause: each.number for each in transfers if each.cause in pledges and each.number in starts}
    aside = {gift.number for gifts in pledges.values() for gift in gifts}
    ordered: list[Transfer] = []
    for each in transfers:
        if each.kind == "capture" and each.cause in freed:
            ordered.append(freed[each.cause])
        if freed.get(each.cause) is not each and each.number not in aside:
            ordered.append(each)
        if each.cause is not None and filled_by.get(each.cause) == each.number:
            ordered.extend(pledges[each.cause])
    assert len(ordered) == len(transfers), "a gift that was made beside a command is of no pledge"
    return ordered
