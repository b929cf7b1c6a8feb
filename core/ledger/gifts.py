"""The life of a gift: which states there are, and which act leads from one to the next.

``now`` is an argument everywhere. From ``settles_at`` on a gift counts as settled for its two sides, whether
or not the job has posted it, so that there is exactly one winner (G2).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.positions import Slice
from core.ledger.transfers import TransferKind


class GiftState(StrEnum):
    """The states of a gift."""

    PENDING = "pending"  # reserved; settles by itself at settles_at
    IN_REVIEW = "in_review"  # waits for a reviewer; never settles by itself
    SETTLED = "settled"  # the recipient has it
    CANCELLED = "cancelled"  # taken back by the sender
    DECLINED = "declined"  # not wanted by the recipient
    REJECTED = "rejected"  # refused by a reviewer
    RETURNED = "returned"  # given back by rule: a lapse, a leaver, a freeze
    REVERSED = "reversed"  # clawed back after settlement


OPEN: Final = frozenset({GiftState.PENDING, GiftState.IN_REVIEW})

# What an act makes of a gift, and from which states it may.
OUTCOMES: Final[dict[TransferKind, tuple[frozenset[GiftState], GiftState]]] = {
    TransferKind.GIFT_APPROVE: (frozenset({GiftState.IN_REVIEW}), GiftState.PENDING),
    TransferKind.GIFT_SETTLE: (frozenset({GiftState.PENDING}), GiftState.SETTLED),
    TransferKind.GIFT_CANCEL: (OPEN, GiftState.CANCELLED),
    TransferKind.GIFT_DECLINE: (OPEN, GiftState.DECLINED),
    TransferKind.GIFT_REJECT: (OPEN, GiftState.REJECTED),
    TransferKind.GIFT_RETURN: (OPEN, GiftState.RETURNED),
    TransferKind.GIFT_BOUNCE: (frozenset({GiftState.SETTLED}), GiftState.RETURNED),
    TransferKind.GIFT_REVERSE: (frozenset({GiftState.SETTLED}), GiftState.REVERSED),
}

# Acts that a person does to a gift that is still theirs to stop.
_BEFORE_SETTLEMENT: Final = frozenset(
    {TransferKind.GIFT_CANCEL, TransferKind.GIFT_DECLINE, TransferKind.GIFT_REJECT},
)


class Gift(NamedTuple):
    """A gift with its recorded draw. Only ``state`` and ``settles_at`` ever change.

    ``recipient_org`` is set when the recipient is another organization's; the sender's owns the gift (L9).
    """

    gift_id: int
    org_id: int
    sender_account: int
    recipient_account: int
    amount: Credits
    created_at: datetime
    settles_at: datetime
    state: GiftState
    slices: tuple[Slice, ...]
    recipient_org: int | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether its settlement period is over (G2)."""
        return self.state is GiftState.PENDING and self.settles_at <= now

    def lapsed(self, now: datetime) -> bool:
        """Return whether any of its slices expired before it was due, so that the whole must go back (G4).

        A pending gift whose time has come counts as settled (G2): what lapses after that is the recipient's loss,
        however late the sweep comes.
        """
        moment = min(now, self.settles_at) if self.state is GiftState.PENDING else now
        return any(part.lot.expired(moment) for part in self.slices)


def state_after(gift: Gift, act: TransferKind, now: datetime) -> GiftState:
    """Return the state an act leads to. Raises Refused(gift_not_pending) with the present state.

    G2: from ``settles_at`` on nobody can stop a pending gift any more.
    """
    allowed, outcome = OUTCOMES[act]
    too_late = act in _BEFORE_SETTLEMENT and gift.is_due(now)
    if gift.state not in allowed or too_late:
        present = GiftState.SETTLED if too_late else gift.state
        raise Refused(
            Code.GIFT_NOT_PENDING,
            f"That cannot be done: this gift is {present.value.replace('_', ' ')}.",
            state=present.value,
        )
    return outcome
