"""Transfers and entries: immutable movements that sum to zero for each lot (L1).

Which kinds of accounts a kind of transfer may move between is written here once.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from core.ledger.accounts import AccountKind, kind_number, kind_of, owner_of
from core.ledger.credits import Credits
from core.ledger.positions import Slice


class TransferKind(StrEnum):
    """What a transfer is for."""

    __hash__ = str.__hash__  # an enum's own is written in Python, and a kind is looked up in every decision

    GRANT = "grant"  # issuance into a wallet or pool: a new lot
    ALLOT = "allot"  # a monthly allotment is begun, changed or ended; moves nothing (S9)
    VOID = "void"  # an unused grant taken back
    ALLOCATE = "allocate"  # from a pool to a member, by a lead
    GIFT_RESERVE = "gift_reserve"  # a gift is made: wallet to own escrow (G1)
    GIFT_APPROVE = "gift_approve"  # a reviewer lets a gift go on; moves nothing
    GIFT_SETTLE = "gift_settle"  # escrow to the recipient
    GIFT_ARRIVE = "gift_arrive"  # a gift from another organization: clearing to the recipient (L9)
    GIFT_REFUSE = "gift_refuse"  # such a gift could not be taken; moves nothing here
    GIFT_BOUNCE = "gift_bounce"  # what another organization refused comes back to its sender
    GIFT_CANCEL = "gift_cancel"  # the sender took it back
    GIFT_DECLINE = "gift_decline"  # the recipient did not want it
    GIFT_REJECT = "gift_reject"  # a reviewer refused it
    GIFT_RETURN = "gift_return"  # returned by rule: a lapse, a leaver, a freeze
    GIFT_REVERSE = "gift_reverse"  # claw-back after settlement (G6)
    REPAY = "repay"  # what a claw-back or a charge still owed, from a later grant (G6, S2)
    HOLD = "hold"  # usage is authorized: set aside in the escrows of wallet and pools (S2)
    CAPTURE = "capture"  # what was really used is charged to the hold, the rest is freed (S2)
    RELEASE = "release"  # a hold is freed unused
    HOLD_EXPIRE = "hold_expire"  # a hold is freed at its deadline
    CHARGE = "charge"  # usage paid from a wallet and pools
    REFUND = "refund"  # a charge given back along its draw
    EXPIRE = "expire"  # what lapsed goes to breakage (L5)
    FREEZE = "freeze"  # a wallet is frozen; moves nothing itself (G8)
    LEAVE = "leave"  # a member has left; moves nothing itself (G4)
    UNFREEZE = "unfreeze"  # a wallet is freed again
    RESET = "reset"  # windows of allowances start afresh, or will; moves nothing (S8)
    APPLY = "apply"  # somebody applies for a boost; moves nothing (S7)
    WITHDRAW = "withdraw"  # an application is taken back; moves nothing
    ADMIT = "admit"  # applications are decided; moves nothing
    BOOST = "boost"  # a boost is dropped, or ended early; moves nothing
    ASK = "ask"  # a request for credits is made, changed or closed; moves nothing
    PLEDGE = "pledge"  # somebody promises to fill a part of it; moves nothing
    REFER = "refer"  # somebody came by a referral; moves nothing


K = AccountKind
_GIFT_BACK: Final = frozenset({(K.ESCROW, K.WALLET)})
_HOLDERS: Final = (K.WALLET, K.POOL)
_FREED: Final = frozenset((K.ESCROW, to) for to in _HOLDERS)

FLOWS: Final[dict[TransferKind, frozenset[tuple[AccountKind, AccountKind]]]] = {
    TransferKind.GRANT: frozenset((K.ISSUANCE, to) for to in _HOLDERS),
    TransferKind.ALLOT: frozenset(),
    TransferKind.VOID: frozenset((of, K.ISSUANCE) for of in _HOLDERS),
    TransferKind.ALLOCATE: frozenset({(K.POOL, K.WALLET)}),
    TransferKind.GIFT_RESERVE: frozenset({(K.WALLET, K.ESCROW)}),
    TransferKind.GIFT_APPROVE: frozenset(),
    TransferKind.GIFT_SETTLE: frozenset((K.ESCROW, to) for to in (*_HOLDERS, K.CLEARING)),
    TransferKind.GIFT_ARRIVE: frozenset((K.CLEARING, to) for to in _HOLDERS),
    TransferKind.GIFT_REFUSE: frozenset(),
    TransferKind.GIFT_BOUNCE: frozenset({(K.CLEARING, K.WALLET)}),
    TransferKind.GIFT_CANCEL: _GIFT_BACK,
    TransferKind.GIFT_DECLINE: _GIFT_BACK,
    TransferKind.GIFT_REJECT: _GIFT_BACK,
    TransferKind.GIFT_RETURN: _GIFT_BACK,
    TransferKind.GIFT_REVERSE: frozenset((of, K.WALLET) for of in _HOLDERS),
    TransferKind.REPAY: frozenset((of, to) for of in _HOLDERS for to in (K.WALLET, K.CONSUMED)),
    TransferKind.HOLD: frozenset((of, K.ESCROW) for of in _HOLDERS),
    TransferKind.CAPTURE: frozenset((of, K.CONSUMED) for of in (*_HOLDERS, K.ESCROW)) | _FREED,
    TransferKind.RELEASE: _FREED,
    TransferKind.HOLD_EXPIRE: _FREED,
    TransferKind.CHARGE: frozenset((of, K.CONSUMED) for of in _HOLDERS),
    TransferKind.REFUND: frozenset((K.CONSUMED, to) for to in _HOLDERS),
    TransferKind.EXPIRE: frozenset((of, K.BREAKAGE) for of in (K.WALLET, K.POOL, K.ESCROW)),
    TransferKind.FREEZE: frozenset(),
    TransferKind.LEAVE: frozenset(),
    TransferKind.UNFREEZE: frozenset(),
    TransferKind.RESET: frozenset(),
    TransferKind.APPLY: frozenset(),
    TransferKind.WITHDRAW: frozenset(),
    TransferKind.ADMIT: frozenset(),
    TransferKind.BOOST: frozenset(),
    TransferKind.ASK: frozenset(),
    TransferKind.PLEDGE: frozenset(),
    TransferKind.REFER: frozenset(),
}

OF_GIFTS: Final = frozenset(kind for kind in TransferKind if kind.value.startswith("gift_"))
OF_HOLDS: Final = frozenset(
    {TransferKind.HOLD, TransferKind.CAPTURE, TransferKind.RELEASE, TransferKind.HOLD_EXPIRE},
)

# The same by the kinds' plain numbers, in one look; an account's number is the end of its id.
_FLOWS: Final = frozenset((kind, int(of), int(to)) for kind, flows in FLOWS.items() for of, to in flows)

# What is set aside stays its owner's (G1), and goes back to where it came from (G4, L4), unless it is consumed.
_WITHIN_ONE_OWNER: Final = frozenset(
    {
        TransferKind.GIFT_RESERVE,
        TransferKind.GIFT_CANCEL,
        TransferKind.GIFT_DECLINE,
        TransferKind.GIFT_REJECT,
        TransferKind.GIFT_RETURN,
        TransferKind.HOLD,
        TransferKind.CAPTURE,
        TransferKind.RELEASE,
        TransferKind.HOLD_EXPIRE,
    },
)


class Entry(NamedTuple):
    """One signed line: what an account gains (above zero) or gives of one lot."""

    account_id: int
    lot_id: int
    amount: Credits


class Move(NamedTuple):
    """Slices that go from one account to another."""

    source: int
    target: int
    slices: tuple[Slice, ...]


def entries_of(kind: TransferKind, moves: Iterable[Move]) -> tuple[Entry, ...]:
    """Return the lines of a transfer: for each slice what is given, then what is gained.

    So they sum to zero for each lot by construction (L1), in the order of the draw. Raises ValueError for a
    movement this kind of transfer never makes.
    """
    entries: list[Entry] = []
    for move in moves:
        if not _allowed(kind, move):
            raise ValueError(f"a {kind.value} never moves from {_named(move.source)} to {_named(move.target)}")
        for part in move.slices:
            lot_id, amount = part.lot.lot_id, part.amount
            entries.append(Entry(move.source, lot_id, -amount))
            entries.append(Entry(move.target, lot_id, amount))
    return tuple(entries)


def _allowed(kind: TransferKind, move: Move) -> bool:
    source, target = move.source, move.target
    if (kind, kind_number(source), kind_number(target)) not in _FLOWS or source == target:
        return False
    if kind not in _WITHIN_ONE_OWNER or kind_of(target) is K.CONSUMED:
        return True
    return owner_of(source) == owner_of(target)


def _named(account: int) -> str:
    return f"{kind_of(account).name.lower()} {owner_of(account)}"
