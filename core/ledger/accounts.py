"""Accounts: where credits are, and which movements between them are allowed.

An account's id says whose it is and of which kind: ``owner << 3 | kind``. Wallets, pools and their escrows
hold stored positions that can never be below zero (L2). House accounts are signed; their balances are sums.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

_KIND_BITS: Final = 3


class AccountKind(IntEnum):
    """The kinds of accounts; the number is part of the account's id."""

    __hash__ = int.__hash__  # an enum's own is written in Python, and a kind is looked up in every decision

    WALLET = 0  # a member's own credits
    POOL = 1  # the credits of a team or of the organization
    ESCROW = 2  # what a wallet has set aside for pending gifts and open holds
    ISSUANCE = 3  # house: where granted credits come from
    CONSUMED = 4  # house: where used credits go
    BREAKAGE = 5  # house: where lapsed credits go
    CLEARING = 6  # house: what another organization owes or is owed

    @property
    def is_house(self) -> bool:
        return self >= AccountKind.ISSUANCE


_KINDS: Final = tuple(AccountKind)
_KIND: Final = (1 << _KIND_BITS) - 1  # the part of an id that names the kind
# As plain numbers, for they are used several times in every decision.
_POOL: Final = int(AccountKind.POOL)
_ESCROW: Final = int(AccountKind.ESCROW)
_ISSUANCE: Final = int(AccountKind.ISSUANCE)


def account_id(owner: int, kind: AccountKind) -> int:
    """Return the id of the owner's account of a kind; the owner is a member, a team or an organization."""
    return owner << _KIND_BITS | kind


def kind_of(account: int) -> AccountKind:
    """Return the kind an account's id names. Raises ValueError for an id that names none."""
    try:
        return _KINDS[account & _KIND]
    except IndexError:
        raise ValueError(f"{account} is no account") from None


def kind_number(account: int) -> int:
    """Return the number of the kind that an account's id names, whether or not there is such a kind."""
    return account & _KIND


def is_stored(account: int) -> bool:
    """Return whether the account has stored positions: wallets, pools and escrows (L2)."""
    return account & _KIND < _ISSUANCE


def owner_of(account: int) -> int:
    return account >> _KIND_BITS


def wallet_of(member: int) -> int:
    return member << _KIND_BITS  # its kind is 0


def pool_of(owner: int) -> int:
    return owner << _KIND_BITS | _POOL


def escrow_of(account: int) -> int:
    """Return the escrow that belongs to a wallet or pool."""
    return account >> _KIND_BITS << _KIND_BITS | _ESCROW
