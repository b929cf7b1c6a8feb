"""Exports: the whole ledger of an organization as text, in a form that other programs read. Free text on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final, assert_never

from sqlalchemy import Engine

from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.exports.beancount import as_beancount
from core.services.exports.csv_rows import as_csv
from core.services.exports.json_lines import as_json
from core.services.people.members import require_admin
from core.store.engine import one_state
from core.store.queries.extract import Extract, extract

_CHUNK: Final = 1 << 16  # characters written at once


class Form(StrEnum):
    """How a ledger is written down."""

    JSON = "json"  # one document; everything, each thing on a line of its own
    CSV = "csv"  # one table; the first column says what a row is
    BEANCOUNT = "beancount"  # books of accounts that bean-check proves


async def export(
    ledger: LedgerService, *, actor: Actor, form: Form, write: Callable[[str], object], with_notes: bool = False
) -> None:
    """Write the actor's organization as it is at one moment, by an admin, without keeping it in memory.

    Amounts are exact; people's words (messages, reasons) are left out unless asked for. The order is stable: the
    same ledger gives the same text. Raises Refused(not_allowed) for everybody but an admin.
    """
    require_admin(actor)
    await asyncio.to_thread(_write, ledger.engine, actor.org_id, form, write, with_notes=with_notes)


def _write(engine: Engine, org_id: int, form: Form, write: Callable[[str], object], *, with_notes: bool) -> None:
    with one_state(engine) as connection:
        found = extract(connection, org_id, with_notes=with_notes)
        if found is None:
            raise Refused(Code.NOT_FOUND, "Organization not found.")
        for chunk in _chunks(_text(found, form)):
            write(chunk)


def _text(extract: Extract, form: Form) -> Iterator[str]:
    match form:
        case Form.JSON:
            return as_json(extract)
        case Form.CSV:
            return as_csv(extract)
        case Form.BEANCOUNT:
            return as_beancount(extract)
        case _:
            assert_never(form)


def _chunks(pieces: Iterator[str]) -> Iterator[str]:
    """Put small pieces together: a write costs more than the piece."""
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)
