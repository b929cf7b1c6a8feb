"""A ledger as one CSV table (RFC 4180): the first column says what a row is, so that it can be filtered. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

from core.ledger.ids import Prefix, shown_id
from core.ledger.lots import Lot
from core.services.exports.labels import actor_name, cause_name, cell, gift_name, lot_name, moment
from core.store.queries.extract import Extract, GiftLine, TransferLine

COLUMNS: Final = (
    "record",  # organization, account, lot, transfer, entry, gift or position
    "id",
    "at",
    "kind",
    "account",
    "counterpart",  # of a gift: who gets it
    "lot",
    "amount",
    "source",
    "expires_at",
    "giftable",
    "priority",
    "actor",
    "cause",
    "state",
    "settles_at",
    "name",
    "note",
)

Row = Mapping[str, object]


def as_csv(extract: Extract) -> Iterator[str]:
    """Yield the table, header first; an entry repeats its transfer's id, moment and kind."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    for row in _rows(extract):
        writer.writerow({name: "" if value is None else value for name, value in row.items()})
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def _rows(extract: Extract) -> Iterator[Row]:
    names = {account.account_id: account.id for account in extract.accounts}
    org = shown_id(Prefix.ORG, extract.org_id)
    yield {"record": "organisation", "id": org, "at": moment(extract.created_at), "name": cell(extract.name)}
    for account in extract.accounts:
        kind = account.kind.name.lower()
        yield {"record": "account", "account": account.id, "kind": kind, "name": cell(account.name)}
    for lot in extract.lots:
        yield _lot(lot, names)
    for transfer in extract.transfers:
        yield from _transfer(transfer, names)
    for gift in extract.gifts:
        yield _gift(gift, names)
    for holding in extract.holdings:
        if holding.remaining:
            place = {"account": names[holding.account_id], "lot": lot_name(holding.lot_id)}
            yield {"record": "position", **place, "amount": holding.remaining}


def _lot(lot: Lot, names: Mapping[int, str]) -> Row:
    return {
        "record": "lot",
        "id": lot_name(lot.lot_id),
        "at": moment(lot.granted_at),
        "account": names[lot.account_id],
        "lot": lot_name(lot.lot_id),
        "amount": lot.amount,
        "source": lot.source.value,
        "expires_at": moment(lot.expires_at),
        "giftable": "yes" if lot.giftable else "no",
        "priority": lot.priority,
    }


def _transfer(transfer: TransferLine, names: Mapping[int, str]) -> Iterator[Row]:
    known = {
        "id": shown_id(Prefix.TRANSFER, transfer.transfer_id),
        "at": moment(transfer.at),
        "kind": transfer.kind.value,
    }
    yield {
        "record": "transfer",
        **known,
        "actor": actor_name(transfer.actor_id),
        "cause": cause_name(transfer.kind, transfer.cause_id),
        "settles_at": moment(transfer.settles_at),
        "note": cell(transfer.note),
    }
    for line in transfer.entries:
        place = {"account": names[line.account_id], "lot": lot_name(line.lot_id)}
        yield {"record": "entry", **known, **place, "amount": line.amount}


def _gift(gift: GiftLine, names: Mapping[int, str]) -> Row:
    return {
        "record": "gift",
        "id": gift_name(gift.gift_id),
        "at": moment(gift.created_at),
        "account": names[gift.sender_account],
        "counterpart": names[gift.recipient_account],
        "amount": gift.amount,
        "state": gift.state.value,
        "settles_at": moment(gift.settles_at),
    }
