"""Exports: whole, exact, stable, and proven by the real bean-check."""

from __future__ import annotations

import csv
import io
import itertools
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from beancount.core.data import Balance, Custom, Open, Transaction
from beancount.core.realization import realize
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from core.api.statements import statement_beancount
from core.ledger.accounts import kind_of, owner_of
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.services import balances, exports
from core.services.exports import Form
from core.services.exports.words import cell, quoted
from tests.support.house import House, furnish, open_house_ledger
from tests.support.lively import STRANGE_NAME, WORDS, live

BEAN_CHECK = Path(sys.executable).with_name("bean-check")


@pytest.fixture
async def house(sqlite_url: str) -> AsyncIterator[House]:
    """A house in which something of every kind has happened, and a stranger's beside it."""
    with open_house_ledger(sqlite_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        await live(house)
        yield house


@pytest.fixture
async def either_house(database_url: str) -> AsyncIterator[House]:
    """The same on each kind of database."""
    with open_house_ledger(database_url) as (ledger, clock):
        house = await furnish(ledger, clock)
        await live(house)
        yield house


async def exported(house: House, form: Form, *, with_notes: bool = False) -> str:
    pieces: list[str] = []
    await exports.export(house.ledger, actor=house.ada.actor, form=form, write=pieces.append, with_notes=with_notes)
    return "".join(pieces)


def checked(books: str, folder: Path) -> tuple[int, str]:
    """Return what the real bean-check says."""
    file = folder / "books.beancount"
    file.write_text(books, encoding="utf-8", newline="")
    done = subprocess.run([BEAN_CHECK, "--no-cache", file], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


async def test_json_holds_every_row_and_its_lines_sum_to_the_positions(either_house: House) -> None:
    """L1, L3: recomputed from the text alone."""
    house = either_house
    books = json.loads(await exported(house, Form.JSON))

    counts = {table: len(books[f"{table}s"]) for table in ("lot", "transfer", "gift", "position")}
    assert counts == {table: await _count(house, table) for table in counts}
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for transfer in books["transfers"]:
        by_lot: defaultdict[str, Decimal] = defaultdict(Decimal)
        for entry in transfer["entries"]:
            by_lot[entry["lot"]] += Decimal(entry["amount"])
            sums[entry["account"], entry["lot"]] += Decimal(entry["amount"])
        assert set(by_lot.values()) <= {Decimal(0)}
    held = {key: amount for key, amount in sums.items() if amount and ":" in key[0]}
    assert held == {(each["account"], each["lot"]): Decimal(each["remaining"]) for each in books["positions"]}


async def test_an_export_is_of_one_organisation_in_the_order_of_time(house: House) -> None:
    text = await exported(house, Form.JSON)
    books = json.loads(text)

    moments = [transfer["at"] for transfer in books["transfers"]]
    assert moments == sorted(moments)
    assert house.strange_org not in text
    assert house.strange_team not in text
    assert {each["name"] for each in books["accounts"]} == {None, "Ada", "Al", "Bo", "Compilers", STRANGE_NAME}


async def test_the_same_ledger_gives_the_same_text(house: House) -> None:
    for form in Form:
        assert await exported(house, form) == await exported(house, form)


async def test_people_s_words_are_left_out_unless_asked_for(house: House) -> None:
    for form, word in itertools.product(Form, ("payload", "lost a laptop", "by mistake")):
        assert word not in await exported(house, form)
        assert word in await exported(house, form, with_notes=True)


async def test_words_come_back_as_they_were_written(house: House, tmp_path: Path) -> None:
    written = {form: await exported(house, form, with_notes=True) for form in Form}
    in_json = {transfer["note"] for transfer in json.loads(written[Form.JSON])["transfers"]}
    rows = csv.DictReader(io.StringIO(written[Form.CSV], newline=""))
    in_csv = {row["note"] for row in rows if row["record"] == "transfer"}
    entries, errors, _ = loader.load_string(written[Form.BEANCOUNT])
    in_books = {entry.meta.get("note") for entry in entries if isinstance(entry, Transaction)}

    assert errors == []
    assert in_json == in_books == {None, WORDS, "by mistake", "lost a laptop"}
    assert in_csv == {"", WORDS, "by mistake", "lost a laptop"}


async def test_csv_has_each_line_with_an_exact_amount(house: House) -> None:
    rows = list(csv.DictReader(io.StringIO(await exported(house, Form.CSV), newline="")))
    entries = [row for row in rows if row["record"] == "entry"]

    assert len(entries) == await _count(house, "entry")
    assert sum(Decimal(row["amount"]) for row in entries) == 0
    assert {row["amount"] for row in entries} >= {"999999999.999999", "0.000001", "-12.345678"}
    assert [row["name"] for row in rows if row["name"].endswith("Jr.")] == [f"'{STRANGE_NAME}"] * 2  # wallet and escrow
    assert {row["record"] for row in rows} == {
        "organisation", "account", "lot", "transfer", "entry", "gift", "position",
    }  # fmt: skip


async def test_the_real_bean_check_accepts_the_books_and_its_balances_equal_ours(
    either_house: House, tmp_path: Path
) -> None:
    """L3: what Beancount sums up is each stored position, and for the house the sum of its entries."""
    written = await exported(either_house, Form.BEANCOUNT, with_notes=True)
    accounts = json.loads(await exported(either_house, Form.JSON))["accounts"]
    ours = await _balances(either_house)
    entries, _, _ = loader.load_string(written)
    opened = {entry.account for entry in entries if isinstance(entry, Open)}
    asserted = {entry.account for entry in entries if isinstance(entry, Balance)}

    assert checked(written, tmp_path) == (0, "")
    assert opened == {_in_books(account["id"]) for account in accounts}
    assert asserted == {account for account in opened if account.startswith("Assets:")}
    assert len(ours) == 8
    assert {account: held for account in opened if (held := _summed(realize(entries), account))} == ours


async def test_gifts_stand_in_the_books_with_their_state(house: House) -> None:
    entries, _, _ = loader.load_string(await exported(house, Form.BEANCOUNT))
    states = sorted(entry.meta["state"] for entry in entries if isinstance(entry, Custom) and entry.type == "gift")

    assert states == ["cancelled", "pending", "reversed", "settled"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE position SET remaining = remaining + 1", "Balance failed"),
        ("UPDATE entry SET amount = amount + 1 WHERE line = 0 AND amount = -12345678", "Transaction does not balance"),
    ],
)
async def test_a_single_micro_credit_too_many_fails_the_check(
    house: House, tmp_path: Path, change: str, said: str
) -> None:
    """L1, L3: Beancount is given no tolerance."""
    await house.ledger.write(lambda connection: connection.execute(text(change)))
    code, words = checked(await exported(house, Form.BEANCOUNT), tmp_path)

    assert code == 1
    assert said in words


async def test_an_organisation_without_history_can_be_exported(house: House, tmp_path: Path) -> None:
    pieces: list[str] = []
    await exports.export(house.ledger, actor=house.stranger.actor, form=Form.BEANCOUNT, write=pieces.append)

    assert checked("".join(pieces), tmp_path) == (0, "")


async def test_only_an_admin_may_export(house: House) -> None:
    with pytest.raises(Refused) as refused:
        await exports.export(house.ledger, actor=house.al.actor, form=Form.CSV, write=print)

    assert refused.value.code is Code.NOT_ALLOWED


async def test_a_statement_in_beancount_passes_bean_check_too(house: House, tmp_path: Path) -> None:
    page = await balances.statement(house.ledger, actor=house.al.actor, limit=200)

    assert len(page.items) > 3
    assert checked(statement_beancount(page.items), tmp_path) == (0, "")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_words_survive_the_books(words: str) -> None:
    entries, errors, _ = loader.load_string(f"2026-11-20 open Assets:A\n  words: {quoted(words)}\n")

    assert errors == []
    assert entries[0].meta["words"] == words


@given(st.text())
def test_no_cell_is_taken_for_a_formula(words: str) -> None:
    assert not cell(words).startswith(("=", "+", "-", "@", "\t", "\r"))


def _in_books(account: str) -> str:
    kind, _, owner = account.partition(":")
    return {
        "wallet": "Assets:Wallet",
        "pool": "Assets:Pool",
        "escrow": "Assets:Escrow",
        "issuance": "Equity:Issuance",
        "consumed": "Expenses:Consumed",
        "breakage": "Expenses:Breakage",
    }[kind] + (f":{owner.upper().replace('_', '-')}" if owner else "")


def _summed(root: Any, account: str) -> dict[str, Decimal]:
    """Return what Beancount sums up for an account, by commodity."""
    for part in account.split(":"):
        root = root.get(part, {})
    return {position.units.currency: position.units.number for position in getattr(root, "balance", ())}


async def _balances(house: House) -> dict[str, dict[str, Decimal]]:
    """Return what our tables hold: stored positions, and sums of the house's entries."""
    query = """SELECT account_id, lot_id, remaining FROM position WHERE org_id = :org
               UNION ALL SELECT account_id, lot_id, CAST(sum(amount) AS BIGINT) FROM entry
               WHERE org_id = :org AND account_id % 8 > 2 GROUP BY account_id, lot_id HAVING sum(amount) <> 0"""
    found: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    people = {house.ada.id, house.al.id, house.bo.id}
    rows = await house.ledger.read(
        lambda connection: connection.execute(text(query), {"org": house.ada.actor.org_id}).all()
    )
    for account, lot, micros in rows:
        kind = kind_of(account).name.lower()
        owner = shown_id(Prefix.MEMBER, owner_of(account))
        owner = owner if owner in people else house.team
        name = _in_books(f"{kind}:{owner}" if account % 8 < 3 else kind)
        found[name][shown_id(Prefix.LOT, lot).upper().replace("_", "-")] = Decimal(micros) / 1_000_000
    return dict(found)


async def _count(house: House, table: str) -> int:
    query = f"SELECT count(*) FROM {table} WHERE org_id = :org"
    counted: int = await house.ledger.read(
        lambda connection: connection.execute(text(query), {"org": house.ada.actor.org_id}).scalar_one()
    )
    return counted
