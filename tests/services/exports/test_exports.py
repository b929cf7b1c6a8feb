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
from core.services import exports
from core.services.exports import Form
from core.services.exports.labels import cell, quoted
from core.services.wallet import balances
from tests.support.busy_ledger import STRANGE_NAME, WORDS, live
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger

BEAN_CHECK = Path(sys.executable).with_name("bean-check")


@pytest.fixture
async def org(sqlite_url: str) -> AsyncIterator[SampleOrg]:
    """A house in which something of every kind has happened, and a stranger's beside it."""
    with open_sample_ledger(sqlite_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await live(org)
        yield org


@pytest.fixture
async def either_org(database_url: str) -> AsyncIterator[SampleOrg]:
    """The same on each kind of database."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await live(org)
        yield org


async def exported(org: SampleOrg, form: Form, *, with_notes: bool = False) -> str:
    pieces: list[str] = []
    await exports.export(org.ledger, actor=org.ada.actor, form=form, write=pieces.append, with_notes=with_notes)
    return "".join(pieces)


def checked(books: str, folder: Path) -> tuple[int, str]:
    """Return what the real bean-check says."""
    file = folder / "books.beancount"
    file.write_text(books, encoding="utf-8", newline="")
    done = subprocess.run([BEAN_CHECK, "--no-cache", file], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


async def test_json_holds_every_row_and_its_lines_sum_to_the_positions(either_org: SampleOrg) -> None:
    """L1, L3: recomputed from the text alone."""
    org = either_org
    books = json.loads(await exported(org, Form.JSON))

    counts = {table: len(books[f"{table}s"]) for table in ("lot", "transfer", "gift", "position")}
    assert counts == {table: await _count(org, table) for table in counts}
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for transfer in books["transfers"]:
        by_lot: defaultdict[str, Decimal] = defaultdict(Decimal)
        for entry in transfer["entries"]:
            by_lot[entry["lot"]] += Decimal(entry["amount"])
            sums[entry["account"], entry["lot"]] += Decimal(entry["amount"])
        assert set(by_lot.values()) <= {Decimal(0)}
    held = {key: amount for key, amount in sums.items() if amount and ":" in key[0]}
    assert held == {(each["account"], each["lot"]): Decimal(each["remaining"]) for each in books["positions"]}


async def test_an_export_is_of_one_organization_in_the_order_of_time(org: SampleOrg) -> None:
    text = await exported(org, Form.JSON)
    books = json.loads(text)

    moments = [transfer["at"] for transfer in books["transfers"]]
    assert moments == sorted(moments)
    assert org.strange_org not in text
    assert org.strange_team not in text
    assert {each["name"] for each in books["accounts"]} == {None, "Ada", "Al", "Bo", "Compilers", STRANGE_NAME}


async def test_the_same_ledger_gives_the_same_text(org: SampleOrg) -> None:
    for form in Form:
        assert await exported(org, form) == await exported(org, form)


async def test_people_s_words_are_left_out_unless_asked_for(org: SampleOrg) -> None:
    for form, word in itertools.product(Form, ("payload", "lost a laptop", "by mistake")):
        assert word not in await exported(org, form)
        assert word in await exported(org, form, with_notes=True)


async def test_words_come_back_as_they_were_written(org: SampleOrg, tmp_path: Path) -> None:
    written = {form: await exported(org, form, with_notes=True) for form in Form}
    in_json = {transfer["note"] for transfer in json.loads(written[Form.JSON])["transfers"]}
    rows = csv.DictReader(io.StringIO(written[Form.CSV], newline=""))
    in_csv = {row["note"] for row in rows if row["record"] == "transfer"}
    entries, errors, _ = loader.load_string(written[Form.BEANCOUNT])
    in_books = {entry.meta.get("note") for entry in entries if isinstance(entry, Transaction)}

    assert errors == []
    assert in_json == in_books == {None, WORDS, "by mistake", "lost a laptop"}
    assert in_csv == {"", WORDS, "by mistake", "lost a laptop"}


async def test_csv_has_each_line_with_an_exact_amount(org: SampleOrg) -> None:
    rows = list(csv.DictReader(io.StringIO(await exported(org, Form.CSV), newline="")))
    entries = [row for row in rows if row["record"] == "entry"]

    assert len(entries) == await _count(org, "entry")
    assert sum(Decimal(row["amount"]) for row in entries) == 0
    assert {row["amount"] for row in entries} >= {"999999999.999999", "0.000001", "-12.345678"}
    assert [row["name"] for row in rows if row["name"].endswith("Jr.")] == [f"'{STRANGE_NAME}"] * 2  # wallet and escrow
    assert {row["record"] for row in rows} == {
        "organisation", "account", "lot", "transfer", "entry", "gift", "position",
    }  # fmt: skip


async def test_the_real_bean_check_accepts_the_books_and_its_balances_equal_ours(
    either_org: SampleOrg, tmp_path: Path
) -> None:
    """L3: what Beancount sums up is each stored position, and for the house the sum of its entries."""
    written = await exported(either_org, Form.BEANCOUNT, with_notes=True)
    accounts = json.loads(await exported(either_org, Form.JSON))["accounts"]
    ours = await _balances(either_org)
    entries, _, _ = loader.load_string(written)
    opened = {entry.account for entry in entries if isinstance(entry, Open)}
    asserted = {entry.account for entry in entries if isinstance(entry, Balance)}

    assert checked(written, tmp_path) == (0, "")
    assert opened == {_in_books(account["id"]) for account in accounts}
    assert asserted == {account for account in opened if account.startswith("Assets:")}
    assert len(ours) == 8
    assert {account: held for account in opened if (held := _summed(realize(entries), account))} == ours


async def test_gifts_stand_in_the_books_with_their_state(org: SampleOrg) -> None:
    entries, _, _ = loader.load_string(await exported(org, Form.BEANCOUNT))
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
    org: SampleOrg, tmp_path: Path, change: str, said: str
) -> None:
    """L1, L3: Beancount is given no tolerance."""
    await org.ledger.write(lambda connection: connection.execute(text(change)))
    code, words = checked(await exported(org, Form.BEANCOUNT), tmp_path)

    assert code == 1
    assert said in words


async def test_an_organization_without_history_can_be_exported(org: SampleOrg, tmp_path: Path) -> None:
    pieces: list[str] = []
    await exports.export(org.ledger, actor=org.stranger.actor, form=Form.BEANCOUNT, write=pieces.append)

    assert checked("".join(pieces), tmp_path) == (0, "")


async def test_only_an_admin_may_export(org: SampleOrg) -> None:
    with pytest.raises(Refused) as refused:
        await exports.export(org.ledger, actor=org.al.actor, form=Form.CSV, write=print)

    assert refused.value.code is Code.NOT_ALLOWED


async def test_a_statement_in_beancount_passes_bean_check_too(org: SampleOrg, tmp_path: Path) -> None:
    page = await balances.statement(org.ledger, actor=org.al.actor, limit=200)

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


async def _balances(org: SampleOrg) -> dict[str, dict[str, Decimal]]:
    """Return what our tables hold: stored positions, and sums of the house's entries."""
    query = """SELECT account_id, lot_id, remaining FROM position WHERE org_id = :org
               UNION ALL SELECT account_id, lot_id, CAST(sum(amount) AS BIGINT) FROM entry
               WHERE org_id = :org AND account_id % 8 > 2 GROUP BY account_id, lot_id HAVING sum(amount) <> 0"""
    found: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    people = {org.ada.id, org.al.id, org.bo.id}
    rows = await org.ledger.read(
        lambda connection: connection.execute(text(query), {"org": org.ada.actor.org_id}).all()
    )
    for account, lot, micros in rows:
        kind = kind_of(account).name.lower()
        owner = shown_id(Prefix.MEMBER, owner_of(account))
        owner = owner if owner in people else org.team
        name = _in_books(f"{kind}:{owner}" if account % 8 < 3 else kind)
        found[name][shown_id(Prefix.LOT, lot).upper().replace("_", "-")] = Decimal(micros) / 1_000_000
    return dict(found)


async def _count(org: SampleOrg, table: str) -> int:
    query = f"SELECT count(*) FROM {table} WHERE org_id = :org"
    counted: int = await org.ledger.read(
        lambda connection: connection.execute(text(query), {"org": org.ada.actor.org_id}).scalar_one()
    )
    return counted
