"""A ledger as Beancount books: each lot is a commodity, since a lot is like a currency. Pure.

So Beancount itself checks that each transfer sums to zero for each lot (L1), without tolerance, and that what
the entries make of every wallet, pool and escrow is its stored position (L3). A price makes all lots countable
in ``CREDIT``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from core.ledger.accounts import AccountKind
from core.ledger.credits import ZERO
from core.ledger.ids import Prefix, shown_id
from core.ledger.lots import Lot
from core.services.exports.labels import actor_name, cause_name, gift_name, lot_name, moment, quoted
from core.store.queries.extract import AccountLine, Extract, GiftLine, Holding, TransferLine

UNIT: Final = "CREDIT"
_ROOTS: Final = {
    AccountKind.WALLET: "Assets:Wallet",
    AccountKind.POOL: "Assets:Pool",
    AccountKind.ESCROW: "Assets:Escrow",
    AccountKind.ISSUANCE: "Equity:Issuance",
    AccountKind.CONSUMED: "Expenses:Consumed",
    AccountKind.BREAKAGE: "Expenses:Breakage",
    AccountKind.CLEARING: "Equity:Clearing",
}


def as_beancount(extract: Extract) -> Iterator[str]:
    """Yield the books: accounts, lots, transfers and gifts, and at the end a balance of every account."""
    names = {account.account_id: beancount_account(account) for account in extract.accounts}
    yield f'option "title" {quoted(extract.name)}\n'
    yield f'option "operating_currency" "{UNIT}"\noption "tolerance_multiplier" "0"\n'
    yield f"\n{_day(extract.first_at)} commodity {UNIT}\n"
    for account in extract.accounts:
        yield _open(account, extract.first_at)
    for lot in extract.lots:
        yield _lot(lot)
    for transfer in extract.transfers:
        yield _transfer(transfer, names)
    for gift in extract.gifts:
        yield _gift(gift, names)
    yield "\n"
    yield from _balances(extract, names)


def beancount_account(account: AccountLine) -> str:
    """Return an account's name: ``Assets:Wallet:MEM-1``; its person is told by metadata, for names change."""
    _, _, owner = account.id.partition(":")
    return f"{_ROOTS[account.kind]}:{_upper(owner)}" if owner else _ROOTS[account.kind]


def commodity(lot_id: int) -> str:
    """Return a lot's name as a commodity: ``LOT-1``."""
    return _upper(lot_name(lot_id))


def _upper(name: str) -> str:
    return name.upper().replace("_", "-")


def _day(at: datetime) -> str:
    return at.date().isoformat()


def _open(account: AccountLine, since: datetime) -> str:
    name = "" if account.name is None else f"  name: {quoted(account.name)}\n"
    return f"{_day(since)} open {beancount_account(account)}\n{name}"


def _lot(lot: Lot) -> str:
    name, day = commodity(lot.lot_id), _day(lot.granted_at)
    lasts = "" if lot.expires_at is None else f'  expires-at: "{moment(lot.expires_at)}"\n'
    return (
        f"\n{day} commodity {name}\n"
        f'  source: "{lot.source.value}"\n'
        f"{lasts}"
        f"  giftable: {'TRUE' if lot.giftable else 'FALSE'}\n"
        f"  priority: {lot.priority}\n"
        f'  granted-at: "{moment(lot.granted_at)}"\n'
        f"  granted: {lot.amount} {UNIT}\n"
        f"{day} price {name} 1 {UNIT}\n"
    )


def _transfer(transfer: TransferLine, names: Mapping[int, str]) -> str:
    """Write a transfer; one that moves nothing, like a freeze, is a transaction without lines."""
    cause = cause_name(transfer.kind, transfer.cause_id)
    link = "" if cause is None else f" ^{cause}"
    facts = {
        "transfer": shown_id(Prefix.TRANSFER, transfer.transfer_id),
        "at": moment(transfer.at),
        "actor": actor_name(transfer.actor_id),
        "settles-at": moment(transfer.settles_at),
        "note": transfer.note,
    }
    known = "".join(f"  {name}: {quoted(value)}\n" for name, value in facts.items() if value is not None)
    lines = "".join(
        f"  {names[line.account_id]}  {line.amount} {commodity(line.lot_id)}\n" for line in transfer.entries
    )
    return f'\n{_day(transfer.at)} * "{transfer.kind.value}"{link}\n{known}{lines}'


def _gift(gift: GiftLine, names: Mapping[int, str]) -> str:
    sides = f"{names[gift.sender_account]} {names[gift.recipient_account]}"
    return (
        f'\n{_day(gift.created_at)} custom "gift" "{gift_name(gift.gift_id)}" {sides} {gift.amount} {UNIT}\n'
        f'  state: "{gift.state.value}"\n'
        f'  created-at: "{moment(gift.created_at)}"\n'
        f'  settles-at: "{moment(gift.settles_at)}"\n'
    )


def _balances(extract: Extract, names: Mapping[int, str]) -> Iterator[str]:
    """Assert what each wallet, pool and escrow holds of each lot it ever had; of one that never had any, nothing."""
    day = _day(extract.last_at + timedelta(days=1))  # an assertion holds at the beginning of its day
    holdings = groupby(extract.holdings, key=lambda holding: holding.account_id)
    account_id, held = next(holdings, (None, iter(())))
    for account in extract.accounts:
        if account.kind.is_house:
            continue
        if account.account_id != account_id:
            yield f"{day} balance {names[account.account_id]}  {ZERO} ~ 0 {UNIT}\n"
            continue
        yield from (_balance(day, names[account_id], holding) for holding in held)
        account_id, held = next(holdings, (None, iter(())))


def _balance(day: str, account: str, holding: Holding) -> str:
    return f"{day} balance {account}  {holding.remaining} ~ 0 {commodity(holding.lot_id)}\n"
