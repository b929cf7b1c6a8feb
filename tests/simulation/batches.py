"""Reads what one batch appended, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tests.simulation.books import (
    Boost,
    Event,
    Gift,
    Hold,
    Line,
    Lot,
    Refund,
    Transfer,
    draws_of,
    gift_of,
)
from tests.simulation.reader import Reader
from tests.simulation.records import Bound, Records

_TRANSFER: Final = "SELECT org_id, transfer_id, kind, at, cause_id, settles_at FROM transfer"
_LOT: Final = """SELECT org_id, lot_id, source, expires_at, giftable, priority, amount, account_id, granted_at,
                 origin_org, origin_lot FROM lot"""
_GIFT: Final = """SELECT org_id, gift_id, sender_account, recipient_org, recipient_account, amount, created_at,
                  settles_at, decision FROM gift"""
_BOOST: Final = "SELECT boost_id, subject_id, factor, starts_at, ends_at, campaign_id FROM boost"
_BETWEEN: Final = "org_id IN (?, ?) AND {} BETWEEN ? AND ?"


@dataclass(frozen=True, slots=True)
class Batches:
    """The rows whose ids lie between the first and the last of a batch."""

    reader: Reader
    records: Records
    orgs: tuple[int, ...]

    def transfers(self, first: int, last: int) -> list[Transfer]:
        rows = self.reader.rows(f"{_TRANSFER} WHERE {_BETWEEN.format('transfer_id')}", *self.orgs, first, last)
        found = {row[1]: Transfer(*row) for row in sorted(rows, key=lambda row: row[1])}
        query = """SELECT org_id, transfer_id, account_id, at, lot_id, amount FROM entry
                   WHERE transfer_id BETWEEN ? AND ? ORDER BY transfer_id, line"""
        for org, transfer, *line in self.reader.rows(query, first, last):
            assert found[transfer].org == org, f"transfer {transfer} is of two organizations (L9)"
            found[transfer].lines.append(Line(*line))
        query = """SELECT transfer_id, org_id, member_id, meter, opens_at, closes_at, amount FROM window_posting
                   WHERE org_id IN (?, ?) AND transfer_id BETWEEN ? AND ? ORDER BY transfer_id, line"""
        for transfer, *window, amount in self.reader.rows(query, *self.orgs, first, last):
            found[transfer].windows.append((tuple(window), amount))
        return list(found.values())

    def lots(self, first: int, last: int) -> dict[int, Lot]:
        found = {}
        for row in self.reader.rows(f"{_LOT} WHERE {_BETWEEN.format('lot_id')}", *self.orgs, first, last):
            org, number, source, expires_at, giftable, priority, amount, account, granted_at, *origin = row
            twin_of = None if origin[0] is None else (origin[0], origin[1])
            lot = Lot(org, number, source, expires_at, bool(giftable), priority, amount, account, twin_of, granted_at)
            found[number] = lot
        return found

    def commands(self, first: int, last: int) -> dict[int, Any]:
        """Return whose each own id is. L6: each key that took effect is bound to what was sent under it."""
        query = "SELECT org_id, actor_id, key, digest, first_id, count FROM command WHERE first_id BETWEEN ? AND ?"
        starts: dict[int, Any] = {}
        for org, actor, key, digest, first_id, count in self.reader.rows(query, first, last):
            command = self.records.bind((org, actor, key), Bound(bytes(digest), first_id, count))
            starts.update(dict.fromkeys(range(first_id, first_id + count), command))
        return starts

    def new_gifts(self, first: int, last: int, transfers: list[Transfer]) -> dict[int, Gift]:
        parts = {each.number: [(line.lot, line.amount) for line in each.lines[1::2]] for each in transfers}
        rows = self.reader.rows(f"{_GIFT} WHERE {_BETWEEN.format('gift_id')}", *self.orgs, first, last)
        found = {}
        for *facts, decision in rows:
            found[facts[1]] = gift_of(facts, parts[facts[1]], reviewed='"review"' in str(decision).replace("'", '"'))
        for each in transfers:  # as it was made; what came of it in the same batch follows
            if each.kind == "gift_reserve":
                assert each.settles_at is not None
                found[each.number].settles_at = each.settles_at
        return found

    def pledges(self, transfers: list[Transfer], starts: dict[int, Any]) -> dict[int, list[Transfer]]:
        """Return the gifts that pledges became in this batch, by their request."""
        made = {each.number: each for each in transfers if each.kind == "gift_reserve" and each.number not in starts}
        if not made:
            return {}
        query = f"SELECT gift_id, request_id FROM pledge WHERE {_BETWEEN.format('gift_id')} ORDER BY gift_id"
        pledges: dict[int, list[Transfer]] = {}
        for gift, request in self.reader.rows(query, *self.orgs, min(made), max(made)):
            pledges.setdefault(request, []).append(made.pop(gift))
        assert not made, f"gifts without a command or a pledge: {made}"
        return pledges

    def new_holds(self, first: int, last: int, transfers: list[Transfer]) -> dict[int, Hold]:
        """Return holds as they were opened, with what their transfers set aside."""
        query = f"""SELECT org_id, hold_id, member_id, amount, allowance, created_at, deadline_at FROM hold
                    WHERE {_BETWEEN.format("hold_id")}"""
        draws = {each.number: draws_of(each) for each in transfers if each.kind == "hold"}
        rows = self.reader.rows(query, *self.orgs, first, last)
        return {row[1]: Hold(*row, draws=draws[row[1]]) for row in rows}

    def new_events(self, first: int, last: int) -> dict[int, Event]:
        query = f"""SELECT transfer_id, org_id, member_id, amount, coalesce(allowance, 0), coalesce(overage, 0)
                    FROM usage_event WHERE {_BETWEEN.format("transfer_id")}"""
        return {number: Event(*facts) for number, *facts in self.reader.rows(query, *self.orgs, first, last)}

    def new_refunds(self, first: int, last: int) -> dict[int, Refund]:
        query = f"""SELECT transfer_id, charge_id, amount, cancelled, allowance FROM refund
                    WHERE {_BETWEEN.format("transfer_id")}"""
        return {number: Refund(*facts) for number, *facts in self.reader.rows(query, *self.orgs, first, last)}

    def new_boosts(self, known: dict[int, Boost]) -> dict[int, Boost]:
        """Return those not seen before; that of a campaign has an id of its own, which lies beyond the transfers'."""
        return {number: Boost(*facts) for number, *facts in self.reader.rows(_BOOST) if number not in known}


def as_decided(transfers: list[Transfer], starts: dict[int, Any], pledges: dict[int, list[Transfer]]) -> list[Transfer]:
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
