"""What must be true of each transfer when it was committed, by the rules of the design (L1 to L9, G1 to G8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from core.ledger.accounts import AccountKind, kind_of, owner_of, wallet_of
from core.ledger.commands import Command
from core.ledger.transfers import FLOWS, TransferKind
from core.policy.limits import Policy
from tests.model.rules import repays
from tests.simulation import campaign_rules, gift_rules, hold_rules, sharing_rules, spending_rules
from tests.simulation.books import Books, Boost, Event, Gift, Hold, Part, Refund, Transfer, Window
from tests.simulation.spending_limits import SpendingLimits

# What a command may write under its own ids.
OWN = {
    "Grant": {"grant"},
    "Allocate": {"allocate"},
    "FillFromPool": {"allocate"},
    "RequestCredits": {"ask"},
    "AcceptPledges": {"ask"},
    "WithdrawRequest": {"ask"},
    "WithdrawApplication": {"withdraw"},
    "ExpireRequest": {"ask"},
    "PledgeCredits": {"pledge"},
    "Unpledge": {"pledge"},
    "DeclineRequest": {"pledge"},
    "Charge": {"charge"},
    "Authorize": {"hold"},
    "Capture": {"capture"},
    "Release": {"release"},
    "HoldTimeout": {"hold_expire"},
    "ResetMember": {"reset"},
    "GrantBoost": {"boost"},
    "OpenCampaign": {"boost"},
    "EndCampaign": {"boost"},
    "AnnounceStage": {"boost"},
    "RevokeBoosts": {"boost"},
    "SubmitApplication": {"apply"},
    "DrawLottery": {"admit"},
    "FillPlace": {"admit"},
    "RefundCharge": {"refund"},
    "Give": {"gift_reserve"},
    "GiveForReview": {"gift_reserve"},
    "ResolveGift": {"gift_approve", "gift_settle", "gift_cancel", "gift_decline", "gift_reject"},
    "Settle": {"gift_settle", "gift_return"},
    "Reverse": {"gift_reverse"},
    "Expire": {"expire"},
    "DeliverGift": {"gift_arrive", "gift_refuse"},
    "BounceGift": {"gift_bounce"},
    "Freeze": {"freeze"},
    "Unfreeze": {"unfreeze"},
    "Deactivate": {"leave"},
}
ASIDE = {
    "expire",
    "repay",
    "gift_return",
    "hold_expire",
    "ask",
    "gift_reserve",
}  # what follows from a command, under ids of no command


@dataclass(slots=True)
class Rules:
    """Checks the transfers of one batch in the order of their ids, and carries them into the books."""

    books: Books
    policies: dict[int, Policy]
    new_gifts: dict[int, Gift]  # of this batch
    called_in: set[int]  # gifts that claw-backs of this batch return; decided before their turn here comes
    command: Command | None = None  # whose own transfer this is, if it is one's own
    lapsing: Counter[Part] = field(default_factory=Counter)  # what came back lapsed, by account and lot
    repaying: Counter[int] = field(default_factory=Counter)  # what lots of grants must repay
    reversed_here: set[int] = field(default_factory=set)  # whose gifts on may be called in
    new_holds: dict[int, Hold] = field(default_factory=dict)  # of this batch
    new_boosts: dict[int, Boost] = field(default_factory=dict)  # of this batch
    unboosted: set[int] = field(default_factory=set)  # who lost a boost in this batch
    new_refunds: dict[int, Refund] = field(default_factory=dict)  # of this batch
    events: dict[int, Event] = field(default_factory=dict)  # usage that this batch charged, by its transfer
    limits: dict[int, SpendingLimits] = field(default_factory=dict)  # what is set for the spending of each organization
    added: dict[Window, int] = field(default_factory=dict)  # windows that this batch added to, and when last
    owing: list[tuple[Transfer, int]] = field(default_factory=list)  # charges that left something owing, and whose
    incoming: Counter[int] = field(default_factory=Counter)  # what came into accounts in this batch
    given_back: Counter[Window] = field(default_factory=Counter)  # to windows, in this batch

    def take(self, transfer: Transfer, command: Command | None) -> None:
        """Check one transfer; ``command`` is the one whose own id it has."""
        self.command = command
        allowed = ASIDE if command is None else OWN[type(command).__name__]
        assert transfer.kind in allowed, f"a {transfer.kind} by {command}"
        self._sums_and_flows(transfer)
        _CHECKS[transfer.kind](self, transfer)
        self.books.apply(transfer)
        for line in transfer.lines:
            self.incoming[line.account] += max(line.amount, 0)
        for window, amount in transfer.windows:
            self.given_back[window] += max(-amount, 0)

    def finish(self) -> None:
        """What had to follow in the same batch has followed."""
        assert not +self.lapsing, f"came back lapsed and did not lapse at once (L5): {self.lapsing}"
        spending_rules.within_limits(self)
        assert not self.new_boosts, f"boosts that nobody was given: {self.new_boosts}"
        assert not any(self.repaying.values()), f"did not repay just what was owed (G6): {self.repaying}"

    # L1

    def _sums_and_flows(self, transfer: Transfer) -> None:
        """L1: it sums to zero for each lot, and moves only where its kind may."""
        sums: Counter[int] = Counter()
        allowed = FLOWS[TransferKind(transfer.kind)]
        for given, taken in zip(transfer.lines[::2], transfer.lines[1::2], strict=True):
            assert given.amount < 0 < taken.amount, f"{transfer} does not go from somewhere to somewhere"
            assert (kind_of(given.account), kind_of(taken.account)) in allowed, f"{transfer} moves where none may"
        for line in transfer.lines:
            sums[line.lot] += line.amount
            assert line.at == transfer.at, f"{transfer} has lines of another moment"
            assert self.books.lots[line.lot].org == transfer.org, f"{transfer} moves another organization's lot"
        assert not any(sums.values()), f"{transfer} does not sum to zero (L1)"

    # Who may take part.

    def is_here(self, account: int) -> None:
        if kind_of(account) is AccountKind.WALLET:
            assert owner_of(account) not in self.books.gone, f"{self.command}: {account} has left"

    def may_spend(self, account: int) -> None:
        self.is_here(account)
        assert owner_of(account) not in self.books.frozen, f"{self.command}: {account} is frozen (G8)"

    def still_valid(self, transfer: Transfer) -> None:
        """L5: from its expiry on a lot is unusable, whether or not the job has run."""
        for line in transfer.lines:
            assert not self.books.lots[line.lot].expired(transfer.at), f"{transfer} uses lapsed credits (L5)"

    # In and out.

    def _granted(self, transfer: Transfer) -> None:
        lot = self.books.lots[transfer.number]
        self.is_here(lot.account)
        self.still_valid(transfer)
        assert transfer.into(lot.account) == [(lot.number, lot.amount)]
        if repays(lot.source):
            self.repaying[lot.number] += min(lot.amount, self._owed(transfer.org, lot.account))

    def _owed(self, org: int, account: int) -> int:
        """Return what an account owes, less what grants of this batch repay that is not yet written."""
        coming = sum(n for lot, n in self.repaying.items() if self.books.lots[lot].account == account)
        return self.books.owed_by((org, account)) - coming

    def _repaid(self, transfer: Transfer) -> None:
        """G6: never more than is owed, to whom it is owed."""
        debt = self.books.debts[_cause_of(transfer)]
        self.repaying[transfer.lines[0].lot] -= transfer.amount
        debt.repaid += transfer.amount
        assert transfer.into(debt.creditor) == transfer.out_of(debt.debtor)
        assert debt.repaid + debt.cancelled <= debt.amount, f"more was repaid than was owed: {debt}"

    def _allocated(self, transfer: Transfer) -> None:
        self.still_valid(transfer)
        self.is_here(transfer.lines[1].account)
        if type(self.command).__name__ == "FillFromPool":
            sharing_rules.filled(self, transfer)

    def _lapsed(self, transfer: Transfer) -> None:
        """L5: only what has expired is booked to breakage."""
        for line in transfer.lines:
            assert self.books.lots[line.lot].expired(transfer.at), f"{transfer} books what is still valid (L5)"
            if line.amount < 0:
                self.lapsing[line.account, line.lot] += line.amount

    # People.

    def _frozen(self, _transfer: Transfer) -> None:
        self.is_here(wallet_of(self._member()))
        assert self._member() not in self.books.frozen
        self.books.frozen.add(self._member())

    def _unfrozen(self, _transfer: Transfer) -> None:
        self.is_here(wallet_of(self._member()))
        self.books.frozen.remove(self._member())

    def _left(self, _transfer: Transfer) -> None:
        self.is_here(wallet_of(self._member()))
        self.books.gone.add(self._member())

    def _member(self) -> int:
        member: int = self.command.member_id  # type: ignore[union-attr]
        return member


def _cause_of(transfer: Transfer) -> int:
    assert transfer.cause is not None, f"{transfer} names no cause"
    return transfer.cause


_CHECKS: dict[str, Callable[[Rules, Transfer], None]] = {
    "grant": Rules._granted,
    "repay": Rules._repaid,
    "allocate": Rules._allocated,
    "ask": sharing_rules.asked,
    "pledge": sharing_rules.pledged,
    "charge": spending_rules.charged,
    "hold": hold_rules.authorized,
    "capture": hold_rules.captured,
    "release": hold_rules.released,
    "hold_expire": hold_rules.timed_out,
    "reset": spending_rules.reset,
    "boost": campaign_rules.boosted,
    "apply": campaign_rules.applied,
    "withdraw": campaign_rules.withdrawn,
    "admit": campaign_rules.admitted,
    "refund": spending_rules.refunded,
    "expire": Rules._lapsed,
    "gift_reserve": gift_rules.reserved,
    "gift_approve": gift_rules.approved,
    "gift_settle": gift_rules.settled,
    "gift_cancel": gift_rules.given_back,
    "gift_decline": gift_rules.given_back,
    "gift_reject": gift_rules.given_back,
    "gift_return": gift_rules.given_back,
    "gift_reverse": gift_rules.clawed_back,
    "gift_arrive": gift_rules.arrived,
    "gift_refuse": gift_rules.refused,
    "gift_bounce": gift_rules.bounced,
    "freeze": Rules._frozen,
    "unfreeze": Rules._unfrozen,
    "leave": Rules._left,
}
