"""What must be true of a gift's transfers when they were committed (G1 to G8), and between organizations (L9)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from core.ledger.accounts import AccountKind, account_id, escrow_of, owner_of
from core.ledger.credits import Credits
from core.ledger.lots import GiftOrder
from core.ledger.positions import MAX_SLICES
from core.policy.limits import Policy
from tests.model import rules as model
from tests.simulation.books import Debt, Gift, Transfer

if TYPE_CHECKING:
    from tests.simulation.rules import Rules

DAY = 24 * 3600 * 1_000_000
_MICROSECOND = timedelta(microseconds=1)
STATES = {
    "gift_cancel": "cancelled",
    "gift_decline": "declined",
    "gift_reject": "rejected",
    "gift_return": "returned",
}


def reserved(rules: Rules, transfer: Transfer) -> None:
    """G1, G3, G7, G8 and the limits of the policy."""
    gift, policy = rules.new_gifts[transfer.number], rules.policies[transfer.org]
    rules.books.gifts[gift.number] = gift
    rules.may_spend(gift.sender)
    if gift.recipient_org is None:
        rules.is_here(gift.recipient)
    assert gift.recipient != gift.sender
    assert transfer.into(escrow_of(gift.sender)) == gift.parts == transfer.out_of(gift.sender)
    assert sum(amount for _, amount in gift.parts) == gift.amount
    assert len(gift.parts) <= MAX_SLICES
    assert gift.settles_at == transfer.at + policy.settlement // _MICROSECOND
    useful_until = gift.settles_at + policy.min_use // _MICROSECOND
    lots = [rules.books.lots[lot] for lot, _ in gift.parts]
    assert all(model.travels(lot.expires_at, giftable=lot.giftable, useful_until=useful_until) for lot in lots), (
        f"{gift} travels not (G3)"
    )
    _in_order(rules, gift)
    _within_limits(rules, gift, policy)


def _in_order(rules: Rules, gift: Gift) -> None:
    """L4: whoever gives without a wish of their own gives what expires soonest."""
    lots = [rules.books.lots[number] for number, _ in gift.parts]
    keys = [model.soonest_key(lot.number, expires_at=lot.expires_at, granted_at=lot.granted_at) for lot in lots]
    prefer: object = getattr(rules.command, "prefer", GiftOrder.SOONEST)
    assert prefer is not GiftOrder.SOONEST or keys == sorted(keys), f"{gift} takes lots out of order (L4)"


def _within_limits(rules: Rules, gift: Gift, policy: Policy) -> None:
    """Gifts of the last day that count, this one included (section 7)."""
    today = [
        each
        for each in rules.books.gifts.values()
        if (each.org, each.sender) == (gift.org, gift.sender)
        and each.number not in rules.called_in
        and model.counts_today(each.state, each.created_at, gift.created_at, DAY)
    ]
    pair = [each for each in today if each.recipient == gift.recipient]
    amount = sum(each.amount for each in today)
    assert model.within_limits(
        (gift.amount, _micros(policy.credits_per_gift)),
        (amount, _micros(policy.credits_per_day)),
        (len(today), policy.gifts_per_day),
        (len(pair), policy.gifts_per_pair_and_day),
    ), f"{gift} is beyond a limit of {policy}: {amount} in {len(today)} gifts, {len(pair)} of them to the same"


def _micros(limit: Credits | None) -> int | None:
    return None if limit is None else limit.micros


def approved(rules: Rules, transfer: Transfer) -> None:
    gift = gift_of(rules, transfer)
    assert gift.state == "in_review", f"{gift} was approved (G2)"
    _must_be_free_to_go(rules, gift, transfer.at)
    gift.state, gift.settles_at = "pending", model.reviewed_settles_at(gift.settles_at, transfer.at)
    assert transfer.settles_at == gift.settles_at


def settled(rules: Rules, transfer: Transfer) -> None:
    """G2, G4, G8: it was due or released, and nothing sends it back."""
    gift = gift_of(rules, transfer)
    assert gift.state == "pending", f"{gift} was settled (G2)"
    early = type(rules.command).__name__ == "ResolveGift"
    assert early or model.is_over(gift.state, gift.settles_at, transfer.at), f"{gift} was settled before its time (G2)"
    _must_be_free_to_go(rules, gift, transfer.at)
    target = gift.recipient
    if gift.recipient_org is not None:
        target = account_id(gift.recipient_org, AccountKind.CLEARING)
    assert transfer.into(target) == gift.parts == transfer.out_of(escrow_of(gift.sender))
    if gift.recipient_org is None:
        _must_lapse(rules, gift, gift.recipient, transfer.at)
    gift.state = "settled"


def _must_be_free_to_go(rules: Rules, gift: Gift, at: int) -> None:
    rules.may_spend(gift.sender)
    if gift.recipient_org is None:
        rules.is_here(gift.recipient)
    assert not _has_lapsed(rules, gift, at), f"{gift} has lapsed (G4)"


def _has_lapsed(rules: Rules, gift: Gift, at: int) -> bool:
    """G2, G4: what is due counts as settled; what lapses after that is the recipient's loss."""
    expiries = [rules.books.lots[lot].expires_at for lot, _ in gift.parts]
    return model.has_lapsed(gift.state, gift.settles_at, expiries, at)


def given_back(rules: Rules, transfer: Transfer) -> None:
    """G2: nobody stops a gift from its instant on. G4: it goes back whole, to the very positions."""
    gift = gift_of(rules, transfer)
    assert gift.state in model.OPEN, f"{gift} was resolved twice"
    too_late = model.is_over(gift.state, gift.settles_at, transfer.at)
    if transfer.kind == "gift_return":
        assert _must_return(rules, gift, transfer.at), f"{gift} was returned for no reason"
    else:
        assert not too_late, f"{gift} was stopped after its instant (G2)"
    assert transfer.into(gift.sender) == gift.parts == transfer.out_of(escrow_of(gift.sender))
    _must_lapse(rules, gift, gift.sender, transfer.at)
    gift.state = STATES[transfer.kind]


def _must_return(rules: Rules, gift: Gift, at: int) -> bool:
    gone, frozen = rules.books.gone, rules.books.frozen
    called_in = rules.command is None and gift.sender in rules.reversed_here
    sides = {owner_of(gift.sender), owner_of(gift.recipient) if gift.recipient_org is None else 0}
    lapsed, is_frozen = _has_lapsed(rules, gift, at), owner_of(gift.sender) in frozen
    return called_in or model.must_return(lapsed=lapsed, somebody_left=bool(sides & gone), sender_frozen=is_frozen)


def _must_lapse(rules: Rules, gift: Gift, account: int, at: int) -> None:
    for lot, amount in gift.parts:
        if rules.books.lots[lot].expired(at):
            rules.lapsing[account, lot] += amount


def clawed_back(rules: Rules, transfer: Transfer) -> None:
    """G6: never more than the gift brought of each lot; the rest is owed."""
    gift = gift_of(rules, transfer)
    assert gift.state == "settled", f"{gift} was clawed back"
    assert gift.recipient_org is None
    brought, taken = Counter(dict(gift.parts)), transfer.into(gift.sender)
    assert all(0 < amount == model.claw_back(brought[lot], amount) for lot, amount in taken), (
        f"{gift}: {taken} was clawed back (G6)"
    )
    for lot, amount in taken:
        if rules.books.lots[lot].expired(transfer.at):
            rules.lapsing[gift.sender, lot] += amount
    if owed := gift.amount - transfer.amount:
        rules.books.debts[gift.number] = Debt(gift.org, gift.number, gift.recipient, gift.sender, owed)
    gift.state = "reversed"
    rules.reversed_here.add(gift.recipient)


# Between organizations.


def arrived(rules: Rules, transfer: Transfer) -> None:
    gift, lot = gift_of(rules, transfer), rules.books.lots[transfer.number]
    assert gift.recipient_org == transfer.org
    assert gift.state == "settled", f"{gift} has arrived"
    assert not gift.refused, f"{gift} arrived after it was refused"
    rules.is_here(gift.recipient)
    gift.arrived += transfer.amount
    assert gift.arrived <= gift.amount, f"{gift} arrived twice"
    assert transfer.into(gift.recipient) == [(lot.number, lot.amount)]
    assert transfer.lines[0].account == account_id(gift.org, AccountKind.CLEARING)
    _is_twin(rules, lot.number, gift)
    if lot.expired(transfer.at):
        rules.lapsing[gift.recipient, lot.number] += lot.amount


def _is_twin(rules: Rules, number: int, gift: Gift) -> None:
    """A twin keeps everything but its place, and names where the credits were first granted."""
    twin = rules.books.lots[number]
    origins = []
    for lot_id, amount in gift.parts:
        lot = rules.books.lots[lot_id]
        kept = (lot.source, lot.expires_at, lot.giftable, lot.priority)
        origins.append((lot.origin or (lot.org, lot.number), kept, amount))
    assert twin.origin is not None
    kept = (twin.source, twin.expires_at, twin.giftable, twin.priority)
    assert (twin.origin, kept, twin.amount) in origins, f"{twin} is no twin of {gift}"


def refused(rules: Rules, transfer: Transfer) -> None:
    gift = gift_of(rules, transfer)
    assert gift.recipient_org == transfer.org
    assert not gift.arrived, f"{gift} was refused after it arrived"
    assert not gift.refused
    draws = rules.books.people.get(owner_of(gift.recipient)) == transfer.org
    assert not draws or owner_of(gift.recipient) in rules.books.gone, f"{gift} was refused for no reason"
    gift.refused = True


def bounced(rules: Rules, transfer: Transfer) -> None:
    gift = gift_of(rules, transfer)
    assert gift.state == "settled", f"{gift} came back twice"
    assert gift.refused, f"{gift} came back before it was refused"
    assert transfer.into(gift.sender) == gift.parts
    _must_lapse(rules, gift, gift.sender, transfer.at)
    gift.state = "returned"


def gift_of(rules: Rules, transfer: Transfer) -> Gift:
    assert transfer.cause is not None, f"{transfer} names no gift"
    return rules.books.gifts[transfer.cause]
