"""Accounts: an id tells whose it is and of which kind."""

from __future__ import annotations

import pytest

from core.ledger.accounts import AccountKind, account_id, escrow_of, kind_of, owner_of, pool_of, wallet_of
from core.ledger.ids import MAX_ID

HOUSE = {AccountKind.ISSUANCE, AccountKind.CONSUMED, AccountKind.BREAKAGE, AccountKind.CLEARING}


@pytest.mark.parametrize("kind", AccountKind)
@pytest.mark.parametrize("owner", [1, 7, 8, 2**36 + 1, MAX_ID])
def test_an_accounts_id_tells_its_owner_and_kind(kind: AccountKind, owner: int) -> None:
    account = account_id(owner, kind)

    assert (owner_of(account), kind_of(account)) == (owner, kind)
    assert 0 < account < 2**63


def test_no_two_accounts_share_an_id() -> None:
    accounts = [account_id(owner, kind) for owner in range(1, 100) for kind in AccountKind]

    assert len(set(accounts)) == len(accounts)


def test_wallets_pools_and_escrows_hold_positions_and_the_rest_are_the_houses() -> None:
    """L2: house accounts are signed sums without a stored position."""
    assert {kind for kind in AccountKind if kind.is_house} == HOUSE


def test_wallet_and_pool_each_have_their_own_escrow() -> None:
    assert kind_of(wallet_of(5)) is AccountKind.WALLET
    assert kind_of(pool_of(6)) is AccountKind.POOL
    assert escrow_of(wallet_of(5)) == account_id(5, AccountKind.ESCROW)
    assert escrow_of(pool_of(6)) == account_id(6, AccountKind.ESCROW)


def test_an_unknown_kind_is_no_account() -> None:
    with pytest.raises(ValueError, match="7 is no account"):
        kind_of(7)


def test_the_stored_numbers_of_the_kinds_never_change() -> None:
    assert [kind.name for kind in AccountKind] == [
        "WALLET",
        "POOL",
        "ESCROW",
        "ISSUANCE",
        "CONSUMED",
        "BREAKAGE",
        "CLEARING",
    ]
    assert [int(kind) for kind in AccountKind] == list(range(7))
