"""A ledger as one JSON document: amounts and ids are strings, moments RFC 3339, one thing a line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from core.ledger.ids import Prefix, shown_id
from core.ledger.lots import Lot
from core.services.exports.labels import actor_name, cause_name, gift_name, lot_name, moment
from core.store.queries.extract import AccountLine, Extract, GiftLine, Holding, TransferLine

VERSION: Final = 1


def as_json(extract: Extract) -> Iterator[str]:
    """Yield the document: the organization, then accounts, lots, transfers with their lines, gifts and positions."""
    names = {account.account_id: account.id for account in extract.accounts}
    head = {
        "id": shown_id(Prefix.ORG, extract.org_id),
        "name": extract.name,
        "created_at": moment(extract.created_at),
    }
    yield f'{{"version":{VERSION},\n"organisation":{_line(head)}'
    yield from _list("accounts", map(_account, extract.accounts))
    yield from _list("lots", (_lot(lot, names) for lot in extract.lots))
    yield from _list("transfers", (_transfer(each, names) for each in extract.transfers))
    yield from _list("gifts", (_gift(gift, names) for gift in extract.gifts))
    yield from _list("positions", (_holding(each, names) for each in extract.holdings if each.remaining))
    yield "}\n"


def _list(name: str, items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f',\n"{name}":['
    separator = "\n"
    for item in items:
        yield separator + _line(item)
        separator = ",\n"
    yield "]"


def _line(item: Mapping[str, Any]) -> str:
    return orjson.dumps(item).decode()


def _account(account: AccountLine) -> dict[str, Any]:
    return {"id": account.id, "kind": account.kind.name.lower(), "name": account.name}


def _lot(lot: Lot, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "id": lot_name(lot.lot_id),
        "source": lot.source,
        "amount": str(lot.amount),
        "account": names[lot.account_id],
        "granted_at": moment(lot.granted_at),
        "expires_at": moment(lot.expires_at),
        "giftable": lot.giftable,
        "priority": lot.priority,
    }


def _transfer(transfer: TransferLine, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "id": shown_id(Prefix.TRANSFER, transfer.transfer_id),
        "kind": transfer.kind,
        "at": moment(transfer.at),
        "actor": actor_name(transfer.actor_id),
        "cause": cause_name(transfer.kind, transfer.cause_id),
        "settles_at": moment(transfer.settles_at),
        "note": transfer.note,
        "entries": [
            {"account": names[line.account_id], "lot": lot_name(line.lot_id), "amount": str(line.amount)}
            for line in transfer.entries
        ],
    }


def _gift(gift: GiftLine, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "id": gift_name(gift.gift_id),
        "state": gift.state,
        "from": names[gift.sender_account],
        "to": names[gift.recipient_account],
        "amount": str(gift.amount),
        "created_at": moment(gift.created_at),
        "settles_at": moment(gift.settles_at),
    }


def _holding(holding: Holding, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "account": names[holding.account_id],
        "lot": lot_name(holding.lot_id),
        "remaining": str(holding.remaining),
    }
